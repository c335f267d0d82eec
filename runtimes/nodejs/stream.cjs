// SPDX-License-Identifier: Apache-2.0
'use strict';

const { Writable } = require('node:stream');
const { InvalidStreamingOperation } = require('./errors.cjs');
const { headerText } = require('./api.cjs');

const ERROR_TYPE = 'Lambda-Runtime-Function-Error-Type';
const ERROR_BODY = 'Lambda-Runtime-Function-Error-Body';
const PRELUDE_TYPE = 'application/vnd.awslambda.http-integration-response';
const PRELUDE_END = new Uint8Array(8);

/**
 * The answer that a streaming handler writes: the body of one chunked request to the
 * Runtime API, opened by its first bytes.
 */
exports.ResponseStream = class ResponseStream extends Writable {
  #open;
  #contentType = 'application/octet-stream';
  #request;
  #failure;
  #arrive;
  #lose;

  /** open(headers) opens the request. */
  constructor(open, highWaterMark) {
    super({ highWaterMark, decodeStrings: true });
    this.#open = open;
    /** Settles when the daemon has taken the whole answer, or never will. */
    this.arrived = new Promise((resolve, reject) => {
      this.#arrive = resolve;
      this.#lose = reject;
    });
    this.arrived.catch(() => {});
    this.on('error', (error) => this.#lose(error));
    this._onBeforeFirstWrite = undefined;
  }

  get isOpen() {
    return this.#request !== undefined;
  }

  setContentType(contentType) {
    if (this.isOpen) {
      throw new InvalidStreamingOperation('Cannot set content-type, too late.');
    }
    this.#contentType = contentType;
  }

  /** Anything may be written: what is neither text nor bytes becomes JSON. */
  write(chunk, encoding, callback) {
    const isWritable = typeof chunk === 'string' || chunk instanceof Uint8Array;
    return super.write(isWritable ? chunk : JSON.stringify(chunk), encoding, callback);
  }

  /** Ends the answer; error tells the caller that it is not whole. */
  fail(record) {
    this.#failure = record;
    this.end();
  }

  #start() {
    const request = this.#open({
      'Content-Type': this.#contentType,
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      Trailer: `${ERROR_TYPE}, ${ERROR_BODY}`,
    });
    this.#request = request;
    request.on('error', (error) => this.destroy(error));
    request.on('response', (response) => {
      response.resume();
      response.on('error', (error) => this.destroy(error));
      response.on('end', () => this.#arrive());
    });
    this._onBeforeFirstWrite?.((part) => request.write(part));
  }

  _write(chunk, encoding, callback) {
    if (!this.isOpen) {
      this.#start();
    }
    if (this.#request.write(chunk)) {
      callback();
    } else {
      this.#request.once('drain', callback);
    }
  }

  _final(callback) {
    if (!this.isOpen) {
      this.#start();
    }
    if (this.#failure) {
      this.#request.addTrailers({
        [ERROR_TYPE]: headerText(this.#failure.errorType),
        [ERROR_BODY]: Buffer.from(JSON.stringify(this.#failure)).toString('base64'),
      });
    }
    this.#request.end(callback);
  }

  _destroy(error, callback) {
    if (this.isOpen && (error || !this.writableFinished)) {
      this.#request.destroy(error ?? undefined);
      this.#lose(error ?? new Error('The response stream was destroyed.'));
    }
    callback(error);
  }
};

/** awslambda.HttpResponseStream: status, headers and cookies before the body. */
exports.HttpResponseStream = class HttpResponseStream {
  static from(stream, prelude) {
    const text = JSON.stringify(prelude);
    stream.setContentType(PRELUDE_TYPE);
    stream._onBeforeFirstWrite = (write) => {
      write(text);
      write(PRELUDE_END);
    };
    return stream;
  }
};
