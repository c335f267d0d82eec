// SPDX-License-Identifier: Apache-2.0
'use strict';

const errors = require('./errors.cjs');
const loader = require('./loader.cjs');
const log = require('./log.cjs');
const transports = require('./transport.cjs');
const { Invocation } = require('./invocation.cjs');

// Gives events to a handler with the conventions of AWS Lambda's Node.js runtime, one at a
// time. An error that nobody caught fails the running event and ends the process.

const EXIT_REJECTION = 128;
const EXIT_EXCEPTION = 129;

function isPromise(value) {
  return value && typeof value.then === 'function';
}

class Runtime {
  constructor(transport, handler) {
    this.transport = transport;
    this.handler = handler;
    this.current = undefined;
    this.streamOptions = undefined;
    this.begin = loader.isStreaming(handler) ? this.beginStreaming : this.beginBuffered;
    transport.onEvent = (payload, requestId) => this.begin(payload, requestId);
  }

  beginBuffered(payload, requestId) {
    const invocation = new Invocation(this.transport, requestId);
    this.current = invocation;
    log.setRequest(requestId, this.transport.tenantId);
    try {
      const context = invocation.makeContext();
      const event = JSON.parse(payload);
      // As a method of this class: "Runtime.handler" is what stack traces say on Lambda.
      const result = this.handler(event, context, (error, value) => invocation.callback(error, value));
      if (isPromise(result)) {
        result.then(context.succeed, context.fail);
      }
    } catch (error) {
      invocation.fail(error);
    }
  }

  beginStreaming(payload, requestId) {
    const { transport } = this;
    const { ResponseStream } = require('./stream.cjs');
    const invocation = new Invocation(transport, requestId);
    const stream = new ResponseStream(
      (headers) => transport.stream(requestId, headers),
      loader.highWaterMark(this.handler)
    );
    invocation.stream = stream;
    this.current = invocation;
    log.setRequest(requestId, transport.tenantId);
    this.stream(payload, invocation, stream).then(
      () => this.closeStream(invocation),
      (error) => this.failStream(invocation, error)
    );
  }

  async stream(payload, invocation, stream) {
    const context = invocation.makeContext();
    for (const name of ['succeed', 'fail', 'done']) {
      delete context[name];
    }
    const result = this.handler(JSON.parse(payload), stream, context);
    if (!isPromise(result)) {
      throw 'Streaming does not support non-async handlers.';
    }
    if ((await result) !== undefined) {
      console.warn('Streaming handlers ignore return values.');
    }
    await stream.arrived;
  }

  /** The answer is with its reader already: there is no reason to wait for an empty loop. */
  closeStream(invocation) {
    if (!invocation.isAnswered) {
      invocation.isAnswered = true;
      this.transport.close();
    }
  }

  failStream(invocation, error) {
    const { stream } = invocation;
    if (invocation.isAnswered) {
      return;
    }
    if (!stream.isOpen) {
      // Nothing has been written: an error like any other.
      stream.destroy();
      invocation.answerError('Invoke Error', error);
      return;
    }
    log.logError('Invoke Error', error);
    stream.fail(errors.describe(error));
    // Without the answer's end nobody can be told; the daemon sees the connection break.
    stream.arrived.then(
      () => this.closeStream(invocation),
      () => process.exit(EXIT_EXCEPTION)
    );
  }

  /** An error that nobody caught, logged already. */
  abandon(error, exitCode) {
    const invocation = this.current;
    if (!invocation || invocation.isAnswered) {
      this.transport.exit(exitCode);
    } else if (invocation.stream?.isOpen) {
      invocation.isAnswered = true;
      invocation.stream.fail(errors.describe(error));
      invocation.stream.arrived.finally(() => process.exit(exitCode));
    } else {
      invocation.answerError('', error);
      this.transport.exit(exitCode);
    }
  }

  loopIsEmpty() {
    const invocation = this.current;
    if (!invocation || invocation.isAnswered) {
      return;
    }
    // Not from 'beforeExit' itself: the process would end if the next event left an empty
    // loop too.
    setImmediate(() => {
      if (invocation.stream) {
        this.failStream(invocation, 'Response stream is not finished.');
      } else {
        invocation.loopIsEmpty();
      }
    });
  }
}

function defineGlobals() {
  if (/^(1|true)$/.test(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA ?? '')) {
    return;
  }
  globalThis.awslambda = {
    streamifyResponse: loader.streamifyResponse,
    get HttpResponseStream() {
      return require('./stream.cjs').HttpResponseStream;
    },
  };
}

exports.run = async function run() {
  const transport = transports.open();
  let runtime;
  let abandon = (error, exitCode) => {
    const record = errors.describe(error);
    transport.initError(JSON.stringify(record), record.errorType);
    transport.exit(exitCode);
  };

  log.patch(transport.ring);
  process.on('uncaughtException', (error) => {
    log.logError('Uncaught Exception', error);
    abandon(error, EXIT_EXCEPTION);
  });
  process.on('unhandledRejection', (reason, promise) => {
    const error = new errors.UnhandledPromiseRejection(reason, promise);
    log.logError('Unhandled Promise Rejection', error);
    abandon(error, EXIT_REJECTION);
  });
  defineGlobals();

  try {
    const root = process.env.LAMBDA_TASK_ROOT ?? process.cwd();
    const handler = await loader.load(root, process.env._HANDLER ?? '');
    runtime = new Runtime(transport, handler);
  } catch (error) {
    log.logError('Uncaught Exception', error);
    abandon(error, EXIT_EXCEPTION);
    return;
  }
  abandon = (error, exitCode) => runtime.abandon(error, exitCode);
  process.on('beforeExit', () => runtime.loopIsEmpty());
  transport.ready();
};
