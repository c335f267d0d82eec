// SPDX-License-Identifier: Apache-2.0
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import software.amazon.event.ruler.JsonRuleCompiler;
import software.amazon.event.ruler.Machine;
import software.amazon.event.ruler.Patterns;

/**
 * event-ruler on the other end of tests/tools/match_diff: reads "PATTERNS EVENTS", then that
 * many patterns and events, a line each, and answers a line for each pattern: "E" and why it
 * is refused (line feeds as tabs), "X" and how it crashed, or a digit for each event.
 *
 * "PATTERNS EVENTS apart" asks again: each operator is then in a machine of its own, so that
 * those of a field cannot get in each other's way, and the older of its two ways of walking
 * the machine is taken.
 */
public final class RulerPeer {
    private static final int APART_MAX = 5000;

    private static Machine together(String pattern) throws Exception {
        Machine machine = new Machine();
        machine.addRule("rule", pattern);
        return machine;
    }

    /** A machine for each choice of one operator a field. */
    private static List<Machine> apart(String pattern) throws Exception {
        List<Machine> machines = new ArrayList<>();
        for (Map<String, List<Patterns>> rule : JsonRuleCompiler.compile(pattern)) {
            List<Map<String, List<Patterns>>> choices = new ArrayList<>();
            choices.add(new HashMap<>());
            for (Map.Entry<String, List<Patterns>> field : rule.entrySet()) {
                List<Map<String, List<Patterns>>> longer = new ArrayList<>();
                for (Map<String, List<Patterns>> choice : choices) {
                    for (Patterns operator : field.getValue()) {
                        Map<String, List<Patterns>> chosen = new HashMap<>(choice);
                        chosen.put(field.getKey(), List.of(operator));
                        longer.add(chosen);
                    }
                }
                choices = longer;
                if (choices.size() > APART_MAX) {
                    throw new IllegalStateException("too many operators to take apart");
                }
            }
            for (Map<String, List<Patterns>> choice : choices) {
                Machine machine =
                        (Machine) Machine.builder().withStructuredMatching(false).build();
                machine.addPatternRule("rule", choice);
                machines.add(machine);
            }
        }
        return machines;
    }

    private static boolean matches(List<Machine> machines, String event) throws Exception {
        for (Machine machine : machines) {
            if (!machine.rulesForJSONEvent(event).isEmpty()) {
                return true;
            }
        }
        return false;
    }

    private static String answer(String pattern, String[] events, boolean isApart) {
        String refused = JsonRuleCompiler.check(pattern);
        if (refused != null) {
            return "E" + refused.replace('\n', '\t');
        }
        StringBuilder results = new StringBuilder(events.length);
        try {
            List<Machine> machines = isApart ? apart(pattern) : List.of(together(pattern));
            for (String event : events) {
                results.append(matches(machines, event) ? '1' : '0');
            }
        } catch (Exception | AssertionError e) {
            return "X" + e;
        }
        return results.toString();
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        BufferedWriter out =
                new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] counts = line.split(" ");
            String[] patterns = new String[Integer.parseInt(counts[0])];
            String[] events = new String[Integer.parseInt(counts[1])];
            for (int i = 0; i < patterns.length; i++) {
                patterns[i] = in.readLine();
            }
            for (int i = 0; i < events.length; i++) {
                events[i] = in.readLine();
            }
            for (String pattern : patterns) {
                out.write(answer(pattern, events, counts.length > 2));
                out.newLine();
            }
            out.flush();
        }
    }
}
