# SPDX-License-Identifier: Apache-2.0
"""A WebSocket API whose function tells a queue of every event."""
import json
import urllib.parse

import boto3
import websocket

# Tells a queue of every event, so that the test sees what came, and answers by the route.
HANDLER = """
import json, os, boto3
sqs = boto3.client("sqs")
queue = None

def handler(event, context):
    global queue
    queue = queue or sqs.get_queue_url(QueueName="heard")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(event))
    at = event["requestContext"]
    if at["routeKey"] == "$connect":
        query = event.get("queryStringParameters") or {}
        if query.get("fail"):
            raise ValueError("no")
        return {"statusCode": int(query.get("status", "200")), "body": "told",
                "headers": {"Sec-WebSocket-Protocol": "chat"} if query.get("protocol") else {}}
    if at["routeKey"] == "post":
        endpoint = os.environ["EVOKE_GATEWAY"] + "/apis/" + at["apiId"] + "/" + at["stage"]
        client = boto3.client("apigatewaymanagementapi", endpoint_url=endpoint)
        client.post_to_connection(ConnectionId=at["connectionId"], Data=b"posted")
        return {"statusCode": 200}
    if at["routeKey"] == "break":
        raise ValueError("broken")
    return {"statusCode": 200, "body": "echo " + (event.get("body") or "")}
"""
NAME = "arn:aws:lambda:us-east-1:000000000000:function:chat"


class Chat:
    def __init__(self, daemon):
        self.daemon = daemon
        self.client = daemon.boto("apigatewayv2")
        self.queue = daemon.boto("sqs").create_queue(QueueName="heard")["QueueUrl"]
        daemon.create("chat", {"main.py": HANDLER, "function.yaml": "queues: [heard]\n"},
                      Timeout=20)
        self.api = self.client.create_api(
            Name="chat", ProtocolType="WEBSOCKET",
            RouteSelectionExpression="$request.body.action")["ApiId"]
        daemon.boto("lambda").add_permission(
            FunctionName="chat", StatementId="api", Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:us-east-1:000000000000:{self.api}/*")
        target = "integrations/" + self.client.create_integration(
            ApiId=self.api, IntegrationType="AWS_PROXY", IntegrationMethod="POST",
            IntegrationUri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{NAME}"
                           "/invocations")["IntegrationId"]
        self.target, self.kept = target, []
        for key in ("$connect", "$disconnect", "echo", "post", "break"):
            answers = {"RouteResponseSelectionExpression": "$default"} if key == "echo" else {}
            self.client.create_route(ApiId=self.api, RouteKey=key, Target=target, **answers)
        self.client.create_stage(ApiId=self.api, StageName="dev", AutoDeploy=True)

    def url(self, query=""):
        host = urllib.parse.urlsplit(self.daemon.gateway).netloc
        return f"ws://{host}/apis/{self.api}/dev{query}"

    def open(self, query="", **more):
        return websocket.create_connection(self.url(query), timeout=60, **more)

    def connected(self, mark):
        """The CONNECT of the client that was opened with "?mark=..."."""
        return self.heard("CONNECT", lambda event: (event.get("queryStringParameters") or {}).get(
            "mark") == mark)

    def _next(self, what):
        """What the queue was told next; a browser takes its time on a busy machine."""
        sqs = self.daemon.boto("sqs")
        for _ in range(6):
            got = sqs.receive_message(QueueUrl=self.queue, WaitTimeSeconds=20).get("Messages")
            if got:
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=got[0]["ReceiptHandle"])
                return json.loads(got[0]["Body"])
        raise AssertionError(f"no {what} came")

    def heard(self, event_type, is_it=lambda _event: True):
        """The next event of that type that is it; those before it, of clients that have gone
        among them, are dropped."""
        while True:
            event = self._next(event_type)
            if event["requestContext"]["eventType"] == event_type and is_it(event):
                return event

    def disconnected(self, connect):
        """The DISCONNECT of the same connection."""
        connection = connect["requestContext"]["connectionId"]
        return self.heard("DISCONNECT", lambda event: event["requestContext"]["connectionId"]
                          == connection)

    def find(self, where):
        """The first event that fits; others are kept for the next call."""
        for event in self.kept:
            if where(event):
                self.kept.remove(event)
                return event
        while True:
            event = self._next("such event")
            if where(event):
                return event
            self.kept.append(event)

    def came(self, user):
        """The event of who connected with "?user=..."."""
        return self.find(lambda event: (event.get("queryStringParameters") or {}).get("user") == user)

    def gone(self, connection):
        """The end of a connection, by its id."""
        return self.find(lambda event: event["requestContext"]["eventType"] == "DISCONNECT" and
                         event["requestContext"]["connectionId"] == connection)

    def manage(self):
        key, secret = self.daemon.keys()
        return boto3.session.Session().client(
            "apigatewaymanagementapi", endpoint_url=f"{self.daemon.gateway}/apis/{self.api}/dev",
            region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret)
