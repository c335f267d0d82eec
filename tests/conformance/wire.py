# SPDX-License-Identifier: Apache-2.0
"""The actions as they go over the wire, without an SDK's model: older models drop members
that newer answers have, and refuse parameters that newer requests have."""
import base64
import http.client
import json
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials

FUNCTIONS = "/2015-03-31/functions"
FUNCTION = FUNCTIONS + "/{FunctionName}"
URL = "/2021-10-31/functions/{FunctionName}/url"
EVENT_INVOKE = "/2019-09-25/functions/{FunctionName}/event-invoke-config"
RECURSION = "/2024-08-31/functions/{FunctionName}/recursion-config"
MAPPINGS = "/2015-03-31/event-source-mappings"
TAGS = "/2017-03-31/tags/{Resource}"

# op: (method, path), or the target of a JSON 1.1 action
ACTIONS = {
    "create_function": ("POST", FUNCTIONS),
    "get_function": ("GET", FUNCTION),
    "get_function_configuration": ("GET", FUNCTION + "/configuration"),
    "get_function_code_signing_config":
        ("GET", "/2020-06-30/functions/{FunctionName}/code-signing-config"),
    "list_functions": ("GET", FUNCTIONS),
    "update_function_code": ("PUT", FUNCTION + "/code"),
    "update_function_configuration": ("PUT", FUNCTION + "/configuration"),
    "delete_function": ("DELETE", FUNCTION),
    "invoke": ("POST", FUNCTION + "/invocations"),
    "publish_version": ("POST", FUNCTION + "/versions"),
    "create_alias": ("POST", FUNCTION + "/aliases"),
    "get_alias": ("GET", FUNCTION + "/aliases/{Name}"),
    "update_alias": ("PUT", FUNCTION + "/aliases/{Name}"),
    "delete_alias": ("DELETE", FUNCTION + "/aliases/{Name}"),
    "list_aliases": ("GET", FUNCTION + "/aliases"),
    "list_versions_by_function": ("GET", FUNCTION + "/versions"),
    "create_function_url_config": ("POST", URL),
    "get_function_url_config": ("GET", URL),
    "update_function_url_config": ("PUT", URL),
    "delete_function_url_config": ("DELETE", URL),
    "list_function_url_configs": ("GET", URL + "s"),
    "add_permission": ("POST", FUNCTION + "/policy"),
    "remove_permission": ("DELETE", FUNCTION + "/policy/{StatementId}"),
    "get_policy": ("GET", FUNCTION + "/policy"),
    "tag_resource": ("POST", TAGS),
    "untag_resource": ("DELETE", TAGS),
    "list_tags": ("GET", TAGS),
    "put_function_event_invoke_config": ("PUT", EVENT_INVOKE),
    "update_function_event_invoke_config": ("POST", EVENT_INVOKE),
    "get_function_event_invoke_config": ("GET", EVENT_INVOKE),
    "delete_function_event_invoke_config": ("DELETE", EVENT_INVOKE),
    "list_function_event_invoke_configs": ("GET", EVENT_INVOKE + "/list"),
    "put_function_concurrency": ("PUT", "/2017-10-31/functions/{FunctionName}/concurrency"),
    "get_function_concurrency": ("GET", "/2019-09-30/functions/{FunctionName}/concurrency"),
    "delete_function_concurrency": ("DELETE", "/2017-10-31/functions/{FunctionName}/concurrency"),
    "put_function_recursion_config": ("PUT", RECURSION),
    "get_function_recursion_config": ("GET", RECURSION),
    "create_event_source_mapping": ("POST", MAPPINGS),
    "get_event_source_mapping": ("GET", MAPPINGS + "/{UUID}"),
    "list_event_source_mappings": ("GET", MAPPINGS),
    "update_event_source_mapping": ("PUT", MAPPINGS + "/{UUID}"),
    "delete_event_source_mapping": ("DELETE", MAPPINGS + "/{UUID}"),
    "create_queue": "AmazonSQS.CreateQueue",
    "get_queue_url": "AmazonSQS.GetQueueUrl",
    "get_queue_attributes": "AmazonSQS.GetQueueAttributes",
    "delete_queue": "AmazonSQS.DeleteQueue",
    "send_message": "AmazonSQS.SendMessage",
    "send_message_batch": "AmazonSQS.SendMessageBatch",
    "receive_message": "AmazonSQS.ReceiveMessage",
    "delete_message": "AmazonSQS.DeleteMessage",
    "delete_message_batch": "AmazonSQS.DeleteMessageBatch",
    "get_account_settings": ("GET", "/2016-08-19/account-settings"),
    "describe_log_groups": "Logs_20140328.DescribeLogGroups",
    "describe_log_streams": "Logs_20140328.DescribeLogStreams",
    "get_log_events": "Logs_20140328.GetLogEvents",
    "filter_log_events": "Logs_20140328.FilterLogEvents",
    "delete_log_group": "Logs_20140328.DeleteLogGroup",
}
QUERY = {"Qualifier": "Qualifier", "Marker": "Marker", "MaxItems": "MaxItems",
         "FunctionVersion": "FunctionVersion", "TagKeys": "tagKeys"}
HEADERS = {"InvocationType": "X-Amz-Invocation-Type", "LogType": "X-Amz-Log-Type",
           "ClientContext": "X-Amz-Client-Context"}
ANSWER_HEADERS = {"X-Amz-Executed-Version": "ExecutedVersion",
                  "X-Amz-Function-Error": "FunctionError", "X-Amz-Log-Result": "LogResult"}


class Client:
    def __init__(self, daemon):
        self.daemon = daemon
        self.credentials = botocore.credentials.Credentials(*daemon.keys())

    def call(self, op, params):
        """The answer as boto3 would give it; errors have the member Error."""
        action = ACTIONS[op]
        if isinstance(action, str):
            service, version = ("sqs", "1.0") if action.startswith("AmazonSQS") else ("logs", "1.1")
            headers = {"X-Amz-Target": action, "Content-Type": f"application/x-amz-json-{version}"}
            answer = self._send(service, "POST", "/", headers, json.dumps(params).encode())
        else:
            answer = self._send("lambda", *_request(op, action, dict(params)))
        return _answer(op, *answer)

    def call_target(self, service, target, params, version="1.1"):
        """An action of a JSON service: target is "AWSEvents.PutRule"."""
        headers = {"X-Amz-Target": target, "Content-Type": f"application/x-amz-json-{version}"}
        return _answer("", *self._send(service, "POST", "/", headers, json.dumps(params).encode()))

    def _send(self, service, method, path, headers, body):
        request = botocore.awsrequest.AWSRequest(method, self.daemon.api + path, headers, body)
        botocore.auth.SigV4Auth(self.credentials, service, "us-east-1").add_auth(request)
        host = urllib.parse.urlsplit(self.daemon.api).netloc
        connection = http.client.HTTPConnection(host, timeout=120)
        try:
            connection.request(method, path, body, dict(request.headers.items()))
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


def _request(op, action, params):
    method, path = action
    for name in ("FunctionName", "StatementId", "Resource", "UUID", "Name"):
        if "{" + name + "}" in path:
            path = path.replace("{" + name + "}", urllib.parse.quote(params.pop(name), safe=""))
    if method == "GET" and path == MAPPINGS:
        query = list(params.items())
        return method, path + ("?" + urllib.parse.urlencode(query) if query else ""), {}, b""
    query = [(wire, params.pop(name)) for name, wire in QUERY.items()
             if name in params and not (op.endswith("_alias") and name == "FunctionVersion")]
    if query:
        path += "?" + urllib.parse.urlencode(query, doseq=True, quote_via=urllib.parse.quote)
    headers = {wire: params.pop(name) for name, wire in HEADERS.items() if name in params}
    if op == "invoke":
        body = params.get("Payload", b"")
        return method, path, headers, body.encode() if isinstance(body, str) else body
    body = json.dumps(params, default=_base64) if method in ("POST", "PUT") else ""
    return method, path, headers, body.encode()


def _base64(value):
    assert isinstance(value, bytes), value
    return base64.b64encode(value).decode()


def _answer(op, status, headers, body):
    metadata = {"HTTPHeaders": {}, "HTTPStatusCode": status}
    if status >= 300:
        return {**_error(headers, json.loads(body)), "ResponseMetadata": metadata}
    if op == "invoke":
        return {**{name: headers[wire] for wire, name in ANSWER_HEADERS.items() if wire in headers},
                "Payload": body, "StatusCode": status, "ResponseMetadata": metadata}
    return {**(json.loads(body) if body else {}), "ResponseMetadata": metadata}


def _error(headers, body):
    """Members of exceptions that the model knows, which are those with a Type, stand beside."""
    code = headers.get("x-amzn-ErrorType") or body.get("__type")
    message = body.get("message", body.get("Message"))
    known = body if "Type" in body else {}
    if "Retry-After" in headers:
        known = {**known, "retryAfterSeconds": headers["Retry-After"]}
    return {"Error": {"Code": code, "Message": message}, **known}
