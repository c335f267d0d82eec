// SPDX-License-Identifier: Apache-2.0
'use strict';

const errors = require('./errors.cjs');
const log = require('./log.cjs');

const {
  AWS_LAMBDA_FUNCTION_VERSION: functionVersion,
  AWS_LAMBDA_FUNCTION_NAME: functionName,
  AWS_LAMBDA_FUNCTION_MEMORY_SIZE: memoryLimitInMB,
  AWS_LAMBDA_LOG_GROUP_NAME: logGroupName,
  AWS_LAMBDA_LOG_STREAM_NAME: logStreamName,
} = process.env;

function parse(text, name) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error}`);
  }
}

function stringify(value) {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch {
    throw new Error('Unable to stringify response body');
  }
}

/**
 * One event and its answer. The first of callback, succeed, fail, done and the handler's
 * promise counts. A callback's result is held until the loop is empty, unless the context
 * says not to wait; a handler that leaves an empty loop without an answer has answered
 * null.
 */
exports.Invocation = class Invocation {
  constructor(transport, requestId) {
    this.transport = transport;
    this.requestId = requestId;
    this.isFinished = false;
    this.isAnswered = false;
    this.held = undefined;
    this.context = undefined;
    this.stream = undefined;
  }

  /** Throws when what came as JSON is none. */
  makeContext() {
    const { arn, clientContext, identity, tenantId, deadlineMs } = this.transport;
    this.context = {
      callbackWaitsForEmptyEventLoop: true,
      succeed: (result) => this.succeed(result),
      fail: (error) => this.fail(error ?? 'handled'),
      done: (error, result) => this.done(error, result),
      functionVersion,
      functionName,
      memoryLimitInMB,
      logGroupName,
      logStreamName,
      clientContext: undefined,
      identity: undefined,
      invokedFunctionArn: arn,
      awsRequestId: this.requestId,
      tenantId,
      getRemainingTimeInMillis: () => deadlineMs - Date.now(),
    };
    if (clientContext !== undefined) {
      this.context.clientContext = parse(clientContext, 'ClientContext');
    }
    if (identity !== undefined) {
      this.context.identity = parse(identity, 'CognitoIdentity');
    }
    return this.context;
  }

  callback(error, result) {
    if (this.isFinished || (error !== undefined && error !== null)) {
      this.fail(error);
    } else if (this.context.callbackWaitsForEmptyEventLoop) {
      this.isFinished = true;
      this.held = result;
    } else {
      this.succeed(result);
    }
  }

  done(error, result) {
    if (error !== undefined && error !== null) {
      this.fail(error);
    } else {
      this.succeed(result);
    }
  }

  succeed(result) {
    if (!this.isFinished) {
      this.isFinished = true;
      this.answer(result);
    }
  }

  fail(error) {
    if (!this.isFinished) {
      this.isFinished = true;
      this.answerError('Invoke Error', error);
    }
  }

  answer(result) {
    let text;
    try {
      text = stringify(result);
    } catch (error) {
      this.answerError('Invoke Error', error);
      return;
    }
    this.isAnswered = true;
    this.transport.respond(this.requestId, text);
  }

  answerError(title, error) {
    if (title) {
      log.logError(title, error);
    }
    this.isFinished = this.isAnswered = true;
    const record = errors.describe(error);
    this.transport.fail(this.requestId, stringify(record), record.errorType);
  }

  /** Nothing is left that could still call. */
  loopIsEmpty() {
    if (!this.isAnswered) {
      this.isFinished = true;
      this.answer(this.held);
    }
  }
};
