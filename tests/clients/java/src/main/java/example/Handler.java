// SPDX-License-Identifier: Apache-2.0
package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.LinkedHashMap;
import java.util.Map;

public class Handler implements RequestHandler<Map<String, Object>, Object> {
    public static class HandlerError extends RuntimeException {
        public HandlerError(String message) {
            super(message);
        }
    }

    private int calls;

    public Handler() {
        String failure = System.getenv("FAIL_INIT");
        if (failure != null) {
            throw new IllegalStateException(failure);
        }
    }

    @Override
    public Object handleRequest(Map<String, Object> event, Context context) {
        calls++;
        switch ((String) event.get("do")) {
            case "echo":
                return event.get("value");
            case "raise":
                throw new HandlerError((String) event.get("message"));
            case "count":
                Map<String, Object> about = new LinkedHashMap<>();
                about.put("calls", calls);
                about.put("pid", ProcessHandle.current().pid());
                about.put("id", context.getAwsRequestId());
                about.put("arn", context.getInvokedFunctionArn());
                about.put("left", context.getRemainingTimeInMillis());
                return about;
            case "print":
                System.out.println(event.get("text"));
                return null;
            default:
                return null;
        }
    }
}
