// SPDX-License-Identifier: Apache-2.0
use lambda_runtime::{run, service_fn, Diagnostic, Error, LambdaEvent};
use serde_json::{json, Value};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

static CALLS: AtomicU64 = AtomicU64::new(0);

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    let (mut payload, context) = event.into_parts();
    match payload["do"].as_str() {
        Some("echo") => Ok(payload["value"].take()),
        Some("raise") => Err(Diagnostic {
            error_type: "HandlerError".into(),
            error_message: payload["message"].as_str().unwrap_or_default().into(),
        }),
        Some("count") => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            Ok(json!({
                "calls": calls,
                "pid": std::process::id(),
                "id": context.request_id,
                "arn": context.invoked_function_arn,
                "left": context.deadline.saturating_sub(now.as_millis() as u64),
            }))
        }
        Some("print") => {
            println!("{}", payload["text"].as_str().unwrap_or_default());
            Ok(Value::Null)
        }
        _ => Ok(Value::Null),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handle)).await
}
