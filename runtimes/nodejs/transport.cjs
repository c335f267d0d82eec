// SPDX-License-Identifier: Apache-2.0
'use strict';

const path = require('node:path');
const { ApiClient } = require('./api.cjs');

// How events come and answers go. A transport calls onEvent(payload, requestId) for one
// event at a time; deadlineMs, arn, clientContext, identity and tenantId are then those of
// the event (the last three as JSON text or text, or undefined). After the answer, the
// next event follows.

class ApiTransport {
  constructor() {
    this.api = new ApiClient(process.env.AWS_LAMBDA_RUNTIME_API ?? '');
    this.ring = undefined;
    this.onEvent = undefined;
    this.unsent = 0;
    this.exitCode = undefined;
  }

  ready() {
    this.fetch();
  }

  fetch() {
    this.api.next((headers, payload) => {
      this.deadlineMs = Number(headers['lambda-runtime-deadline-ms']);
      this.arn = headers['lambda-runtime-invoked-function-arn'];
      this.clientContext = headers['lambda-runtime-client-context'];
      this.identity = headers['lambda-runtime-cognito-identity'];
      this.tenantId = headers['lambda-runtime-aws-tenant-id'];
      setTrace(headers['lambda-runtime-trace-id']);
      this.onEvent(payload, headers['lambda-runtime-aws-request-id']);
    });
  }

  respond(requestId, text) {
    this.post(`invocation/${requestId}/response`, text, undefined, () => this.close());
  }

  fail(requestId, text, errorType) {
    this.post(`invocation/${requestId}/error`, text, errorType, () => this.close());
  }

  initError(text, errorType) {
    this.post('init/error', text, errorType, () => {});
  }

  /** A request that streams an answer; close() ends the event. */
  stream(requestId, headers) {
    return this.api.open('POST', `invocation/${requestId}/response`, headers);
  }

  close() {
    this.fetch();
  }

  post(to, text, errorType, then) {
    this.unsent++;
    this.api.post(to, text, errorType, () => {
      this.unsent--;
      if (this.exitCode !== undefined) {
        process.exit(this.exitCode);
      }
      then();
    });
  }

  /** Ends the process as soon as all that was to be sent has been. */
  exit(code) {
    if (this.unsent === 0) {
      process.exit(code);
    }
    this.exitCode = code;
  }
}

/**
 * Small bodies by the ring, large ones by the Runtime API. An event that was fetched there
 * is answered there.
 */
class RingTransport extends ApiTransport {
  constructor(ring) {
    super();
    this.ring = ring;
    this.isFetched = false;
    this.arn = this.ringArn = process.env._EVOKE_FUNCTION_ARN;
    this.numbers = ring.attach((payload, requestId) => this.take(payload, requestId));
  }

  ready() {
    this.ring.ready();
  }

  take(payload, requestId) {
    if (payload === null) {
      this.isFetched = true;
      this.fetch();
      return;
    }
    this.deadlineMs = this.numbers[0];
    this.clientContext = this.ring.clientContext();
    this.onEvent(payload, requestId);
  }

  respond(requestId, text) {
    if (this.isFetched || !this.ring.respond(text)) {
      super.respond(requestId, text);
    }
  }

  fail(requestId, text, errorType) {
    if (this.isFetched || !this.ring.fail(text, errorType)) {
      super.fail(requestId, text, errorType);
    }
  }

  initError(text, errorType) {
    if (!this.ring.initError(text, errorType)) {
      super.initError(text, errorType);
    }
  }

  close() {
    if (this.isFetched) {
      this.isFetched = false;
      this.arn = this.ringArn;
      this.identity = this.tenantId = undefined;
    }
    this.ring.answeredByApi();
  }
}

function setTrace(trace) {
  if (trace) {
    process.env._X_AMZN_TRACE_ID = trace;
  } else {
    delete process.env._X_AMZN_TRACE_ID;
  }
}

/** The ring if the daemon offers one, else the Runtime API. */
exports.open = function open() {
  const offered = process.env._EVOKE_RING === '1';
  delete process.env._EVOKE_RING;
  delete process.env._EVOKE_API_SOCKET;
  if (offered) {
    try {
      return new RingTransport(require(path.join(__dirname, 'ring.node')));
    } catch (error) {
      process.stderr.write(`evoke: the ring is not used, the Runtime API is: ${error.message}\n`);
    }
  }
  return new ApiTransport();
};
