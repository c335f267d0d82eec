// SPDX-License-Identifier: Apache-2.0
// The whole job by the AWS SDK for JavaScript v3: node job.mjs FIRST.zip SECOND.zip. Endpoint,
// region and keys come from the environment, the SDK from the folder $SDK. Prints JSON.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { createRequire } from 'node:module';
import { setTimeout as wait } from 'node:timers/promises';

const require = createRequire(`${process.env.SDK}/`);
const lambdas = require('@aws-sdk/client-lambda');
const { CloudWatchLogsClient, paginateFilterLogEvents } = require('@aws-sdk/client-cloudwatch-logs');
const { STSClient, GetCallerIdentityCommand } = require('@aws-sdk/client-sts');

const name = 'by-js';
const [first, second] = process.argv.slice(2).map((path) => readFileSync(path));
const lambda = new lambdas.LambdaClient({});
const told = {};

const call = (command, input) => lambda.send(new lambdas[`${command}Command`]({ FunctionName: name, ...input }));
const payload = (answer) => JSON.parse(Buffer.from(answer.Payload).toString());
const quick = { client: lambda, maxWaitTime: 30, minDelay: 1, maxDelay: 1 };

// The host of a function URL need not resolve here: asks the gateway by address.
function fetchUrl(url, path) {
  const { port, host } = new URL(url);
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, headers: { host } }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('end', () => resolve({ status: answer.statusCode, body: Buffer.concat(pieces).toString() }));
    }).on('error', reject);
  });
}

const created = await call('CreateFunction', {
  Runtime: 'python3.11', Handler: 'main.handler', Role: 'arn:aws:iam::000000000000:role/test',
  Code: { ZipFile: first }, Tags: { team: 'a', more: 'x' },
});
await lambdas.waitUntilFunctionActiveV2(quick, { FunctionName: name });
const invoked = await call('Invoke', { Payload: JSON.stringify({ k: 'ü' }), LogType: 'Tail' });
told.first = payload(invoked);
told.tail = Buffer.from(invoked.LogResult, 'base64').toString();

const { FunctionUrl: url } = await call('CreateFunctionUrlConfig', { AuthType: 'NONE' });
await call('AddPermission', {
  StatementId: 'public', Principal: '*', Action: 'lambda:InvokeFunctionUrl', FunctionUrlAuthType: 'NONE',
});
const fetched = await fetchUrl(url, '/a/b?c=d');
told.urlStatus = fetched.status;
told.urlPath = JSON.parse(fetched.body).event.rawPath;

told.codeSha256 = (await call('UpdateFunctionCode', { ZipFile: second })).CodeSha256;
await lambdas.waitUntilFunctionUpdatedV2(quick, { FunctionName: name });
told.second = payload(await call('Invoke'));
const { Version } = await call('PublishVersion');
told.published = payload(await call('Invoke', { Qualifier: Version }));

const location = (await call('GetFunction')).Code.Location;
const downloaded = Buffer.from(await (await fetch(location)).arrayBuffer());
told.downloadedSha256 = createHash('sha256').update(downloaded).digest('base64');

const pieces = [];
for await (const event of (await call('InvokeWithResponseStream', { Payload: '{}' })).EventStream) {
  if (event.PayloadChunk) pieces.push(Buffer.from(event.PayloadChunk.Payload));
  if (event.InvokeComplete) told.streamEnd = !event.InvokeComplete.ErrorCode;
}
told.streamed = JSON.parse(Buffer.concat(pieces).toString());

const resource = { Resource: created.FunctionArn };
await call('TagResource', { ...resource, Tags: { team: 'b' } });
await call('UntagResource', { ...resource, TagKeys: ['more'] });
told.tags = (await call('ListTags', resource)).Tags;
told.account = (await new STSClient({}).send(new GetCallerIdentityCommand({}))).Account;

told.listed = [];
for await (const page of lambdas.paginateListFunctions({ client: lambda, pageSize: 2 }, {})) {
  told.listed.push(...page.Functions.map((f) => f.FunctionName).filter((n) => n === name));
}

const logs = { client: new CloudWatchLogsClient({}) };
for (let tries = 0; tries < 50 && !told.logs?.length; tries++) {
  told.logs = [];
  for await (const page of paginateFilterLogEvents(logs, { logGroupName: `/aws/lambda/${name}`, filterPattern: 'got' })) {
    told.logs.push(...page.events.map((event) => event.message));
  }
  if (!told.logs.length) await wait(100);
}

await call('DeleteFunction');
told.errorName = await call('GetFunction').then(() => 'none', (error) => error.name);
process.stdout.write(JSON.stringify(told));
