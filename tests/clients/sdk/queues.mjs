// SPDX-License-Identifier: Apache-2.0
// The whole job on a queue by the AWS SDK for JavaScript v3: node queues.mjs. Endpoint, region and
// keys come from the environment, the SDK from the folder $SDK. Prints JSON, the same as queues.py.
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.SDK}/`);
const queues = require('@aws-sdk/client-sqs');

const QueueName = process.env.QUEUE;
const sqs = new queues.SQSClient({});
const call = (command, input) => sqs.send(new queues[`${command}Command`](input));
const told = {};

const { QueueUrl } = await call('CreateQueue', {
  QueueName, Attributes: { VisibilityTimeout: '60' }, tags: { team: 'a' } });
told.sameUrl = (await call('GetQueueUrl', { QueueName })).QueueUrl === QueueUrl;
const sent = await call('SendMessage', { QueueUrl, MessageBody: 'grüße <&>', MessageAttributes: {
  kind: { DataType: 'String', StringValue: 'ü' },
  raw: { DataType: 'Binary', BinaryValue: new Uint8Array([0, 255]) } } });
const [message] = (await call('ReceiveMessage', {
  QueueUrl, MessageSystemAttributeNames: ['All'], MessageAttributeNames: ['All'], WaitTimeSeconds: 5 })).Messages;
told.body = message.Body;
told.sameDigest = message.MD5OfMessageAttributes === sent.MD5OfMessageAttributes;
told.kind = message.MessageAttributes.kind.StringValue;
told.raw = [...message.MessageAttributes.raw.BinaryValue];
told.count = message.Attributes.ApproximateReceiveCount;
await call('ChangeMessageVisibility', { QueueUrl, ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: 0 });
const [again] = (await call('ReceiveMessage', { QueueUrl })).Messages;
await call('DeleteMessage', { QueueUrl, ReceiptHandle: again.ReceiptHandle });
const batch = await call('SendMessageBatch', { QueueUrl, Entries: [
  { Id: 'a', MessageBody: 'one' }, { Id: 'b', MessageBody: 'two' },
  { Id: 'c', MessageBody: 'x', DelaySeconds: 1000 }] });
told.failed = batch.Failed.map((entry) => [entry.Id, entry.Code]);
const messages = (await call('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 })).Messages;
told.bodies = messages.map((one) => one.Body).sort();
told.deleted = (await call('DeleteMessageBatch', { QueueUrl, Entries: messages.map((one, n) => (
  { Id: `${n}`, ReceiptHandle: one.ReceiptHandle })) })).Successful.length;
const AttributeNames = ['ApproximateNumberOfMessagesNotVisible'];
told.left = (await call('GetQueueAttributes', { QueueUrl, AttributeNames })).Attributes[AttributeNames[0]];
told.tags = (await call('ListQueueTags', { QueueUrl })).Tags;
await call('PurgeQueue', { QueueUrl });
await call('DeleteQueue', { QueueUrl });
try {
  await call('SendMessage', { QueueUrl, MessageBody: 'x' });
} catch (error) {
  told.error = error.name;
}
console.log(JSON.stringify(told));
