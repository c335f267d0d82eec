// SPDX-License-Identifier: Apache-2.0

// match_bench for Quamina: the same arguments, the same lines, for the banks that it has operators for.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"sort"
	"strings"
	"time"

	"quamina.net/go/quamina"
)

const passes = 3

var supported = map[string]bool{"EXACT": true, "WILDCARD": true, "PREFIX": true,
	"EQUALS_IGNORE_CASE": true, "ANYTHING_BUT": true,
	"EXACT_1": true, "EXACT_1000": true, "EXACT_100000": true}

func matchAll(matcher *quamina.Quamina, events [][]byte) int {
	total := 0
	for _, event := range events {
		matches, err := matcher.MatchesForEvent(event)
		if err != nil {
			log.Fatal(err)
		}
		total += len(matches)
	}
	return total
}

func measure(name string, rules []string, events [][]byte) {
	matcher, err := quamina.New()
	if err != nil {
		log.Fatal(err)
	}
	for i, rule := range rules {
		// Quamina's name of the operator.
		rule = strings.ReplaceAll(rule, `"wildcard"`, `"shellstyle"`)
		if err := matcher.AddPattern(i, rule); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			return
		}
	}
	total := matchAll(matcher, events)
	rates := make([]float64, passes)
	for i := range rates {
		start := time.Now()
		matchAll(matcher, events)
		rates[i] = float64(len(events)) / time.Since(start).Seconds()
	}
	sort.Float64s(rates)
	fmt.Printf("%s\t%.0f\t%d\n", name, rates[passes/2], total)
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	events := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	rules, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	names, banks := []string{}, map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(rules)), "\n") {
		name, rule, _ := strings.Cut(line, "\t")
		if supported[name] && banks[name] == nil {
			names = append(names, name)
		}
		banks[name] = append(banks[name], rule)
	}
	for _, name := range names {
		measure(name, banks[name], events)
	}
}
