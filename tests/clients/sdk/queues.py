# SPDX-License-Identifier: Apache-2.0
"""The whole job on a queue by boto3: python3 queues.py. Endpoint, region and keys come from the
environment. Prints JSON, the same as queues.mjs."""
import json
import os

import boto3
import botocore

sqs = boto3.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
name = os.environ["QUEUE"]
told = {"version": botocore.__version__, "protocol": sqs.meta.service_model.metadata["protocol"]}

url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "60"}, tags={"team": "a"})["QueueUrl"]
told["sameUrl"] = sqs.get_queue_url(QueueName=name)["QueueUrl"] == url
sent = sqs.send_message(QueueUrl=url, MessageBody="grüße <&>", MessageAttributes={
    "kind": {"DataType": "String", "StringValue": "ü"}, "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}})
message, = sqs.receive_message(QueueUrl=url, AttributeNames=["All"], MessageAttributeNames=["All"],
                               WaitTimeSeconds=5)["Messages"]
told["body"] = message["Body"]
told["sameDigest"] = message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
told["kind"] = message["MessageAttributes"]["kind"]["StringValue"]
told["raw"] = list(message["MessageAttributes"]["raw"]["BinaryValue"])
told["count"] = message["Attributes"]["ApproximateReceiveCount"]
sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
again, = sqs.receive_message(QueueUrl=url)["Messages"]
sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
batch = sqs.send_message_batch(QueueUrl=url, Entries=[
    {"Id": "a", "MessageBody": "one"}, {"Id": "b", "MessageBody": "two"},
    {"Id": "c", "MessageBody": "x", "DelaySeconds": 1000}])
told["failed"] = [[entry["Id"], entry["Code"]] for entry in batch["Failed"]]
messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
told["bodies"] = sorted(message["Body"] for message in messages)
deleted = sqs.delete_message_batch(QueueUrl=url, Entries=[
    {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(messages)])
told["deleted"] = len(deleted["Successful"])
told["left"] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])[
    "Attributes"]["ApproximateNumberOfMessagesNotVisible"]
told["tags"] = sqs.list_queue_tags(QueueUrl=url)["Tags"]
sqs.purge_queue(QueueUrl=url)
sqs.delete_queue(QueueUrl=url)
try:
    sqs.send_message(QueueUrl=url, MessageBody="x")
except sqs.exceptions.QueueDoesNotExist as error:
    told["error"] = error.response["Error"]["Code"]
print(json.dumps(told))
