# SPDX-License-Identifier: Apache-2.0
"""One function calls another through the AWS SDK of its runtime, unmodified and without
configuration; `calls` in function.yaml says whom."""
import pytest

CALLER = {"main.py": '''
import boto3, json
client = boto3.client("lambda")
def handler(event, context):
    try:
        answer = client.invoke(FunctionName=event["whom"], Payload=json.dumps({"from": "caller"}))
        return json.loads(answer["Payload"].read())
    except Exception as error:
        return {"error": type(error).__name__, "code": error.response["Error"]["Code"]}
''', "function.yaml": "calls: [callee]\n"}
CALLEE = {"main.py": "def handler(event, context):\n    return {'got': event['from']}\n"}


@pytest.fixture(scope="module")
def functions(daemon):
    daemon.create("callee", CALLEE)
    daemon.create("other", CALLEE)
    daemon.create("caller", CALLER, Timeout=30, MemorySize=256)
    return daemon


def test_a_function_calls_whom_its_file_lists(functions):
    assert functions.invoke("caller", {"whom": "callee"})[0] == {"got": "caller"}


def test_anyone_else_is_denied(functions):
    answer = functions.invoke("caller", {"whom": "other"})[0]
    assert answer["code"] == "AccessDeniedException"
