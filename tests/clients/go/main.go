// SPDX-License-Identifier: Apache-2.0
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do      string          `json:"do"`
	Value   json.RawMessage `json:"value"`
	Message string          `json:"message"`
	Text    string          `json:"text"`
}

// HandlerError is what a caller sees as errorType.
type HandlerError struct{ message string }

func (e *HandlerError) Error() string { return e.message }

var calls int

func handle(ctx context.Context, in event) (any, error) {
	calls++
	switch in.Do {
	case "echo":
		return in.Value, nil
	case "raise":
		return nil, &HandlerError{in.Message}
	case "count":
		about, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		return map[string]any{
			"calls": calls,
			"pid":   os.Getpid(),
			"id":    about.AwsRequestID,
			"arn":   about.InvokedFunctionArn,
			"left":  time.Until(deadline).Milliseconds(),
		}, nil
	case "print":
		fmt.Println(in.Text)
	}
	return nil, nil
}

func main() {
	lambda.Start(handle)
}
