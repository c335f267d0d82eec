// SPDX-License-Identifier: Apache-2.0
'use strict';

if (process.env.FAIL_INIT) {
  throw new TypeError(process.env.FAIL_INIT);
}

class HandlerError extends Error {
  constructor(message) {
    super(message);
    this.name = 'HandlerError';
  }
}

let calls = 0;

exports.handler = async (event, context) => {
  calls++;
  switch (event.do) {
    case 'echo':
      return event.value;
    case 'raise':
      throw new HandlerError(event.message);
    case 'count':
      return {
        calls,
        pid: process.pid,
        id: context.awsRequestId,
        arn: context.invokedFunctionArn,
        left: context.getRemainingTimeInMillis(),
      };
    case 'print':
      console.log(event.text);
      return null;
  }
};

exports.stream = awslambda.streamifyResponse(async (event, response) => {
  response = awslambda.HttpResponseStream.from(response, {
    statusCode: 201,
    headers: { 'content-type': 'text/plain', 'x-from': 'ric' },
  });
  response.write('first\n');
  await new Promise((resolve) => setTimeout(resolve, 1000));
  response.write('last\n');
  response.end();
});
