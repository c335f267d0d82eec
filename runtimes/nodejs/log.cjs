// SPDX-License-Identifier: Apache-2.0
'use strict';

const { format } = require('node:util');
const errors = require('./errors.cjs');

// What a function prints: console's methods write Lambda's lines, as text or JSON by
// AWS_LAMBDA_LOG_FORMAT, from the level AWS_LAMBDA_LOG_LEVEL on. A line break within one
// message is written as a carriage return, as AWS's runtimes do: the log is read by lines.

// Read and set by libraries for AWS too.
const REQUEST_ID = Symbol.for('aws.lambda.runtime.requestId');
const TENANT_ID = Symbol.for('aws.lambda.runtime.tenantId');

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

const isJson = (process.env.AWS_LAMBDA_LOG_FORMAT ?? '').toUpperCase() === 'JSON';

let write = (text) => process.stdout.write(text);

exports.setRequest = function setRequest(requestId, tenantId) {
  globalThis[REQUEST_ID] = requestId;
  globalThis[TENANT_ID] = tenantId;
};

function errorFields(error) {
  return {
    errorType: error.constructor?.name ?? 'UnknownError',
    errorMessage: error.message,
    stackTrace: typeof error.stack === 'string' ? error.stack.split('\n') : [],
  };
}

function replaceErrors(_, value) {
  return value instanceof Error ? { ...errorFields(value), ...value } : value;
}

function jsonLine(level, values) {
  const record = {
    timestamp: new Date().toISOString(),
    level,
    requestId: globalThis[REQUEST_ID],
    tenantId: globalThis[TENANT_ID],
  };
  if (values.length === 1) {
    try {
      return JSON.stringify({ ...record, message: values[0] }, replaceErrors);
    } catch {
      return JSON.stringify({ ...record, message: format(values[0]) });
    }
  }
  record.message = format(...values);
  const error = values.find((value) => value instanceof Error);
  return JSON.stringify(error ? { ...record, ...errorFields(error) } : record);
}

function textLine(level, values) {
  const line = `${new Date().toISOString()}\t${globalThis[REQUEST_ID]}\t${level}\t${format(...values)}`;
  return line.includes('\n') ? line.replaceAll('\n', '\r') : line;
}

const formatLine = isJson ? jsonLine : textLine;

function patchConsole() {
  const least = LEVELS.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL ?? '').toUpperCase());
  for (const [priority, level] of LEVELS.entries()) {
    const isLogged = priority >= least || level === 'FATAL';
    console[level.toLowerCase()] = isLogged
      ? (...values) => void write(`${formatLine(level, values)}\n`)
      : () => {};
  }
  console.log = console.info;
}

// Streams are made when they are first used: most functions never do.
function frameStream(name, fd, ring) {
  const original = Object.getOwnPropertyDescriptor(process, name);
  Object.defineProperty(process, name, {
    configurable: true,
    enumerable: true,
    get() {
      Object.defineProperty(process, name, original);
      const stream = process[name];
      stream.write = (chunk, encoding, callback) => {
        const done = typeof encoding === 'function' ? encoding : callback;
        const isText = typeof chunk === 'string';
        const isUtf8 = typeof encoding !== 'string' || /^utf-?8$/i.test(encoding);
        ring.log(fd, isText && !isUtf8 ? Buffer.from(chunk, encoding) : chunk);
        if (typeof done === 'function') {
          process.nextTick(done);
        }
        return true;
      };
      return stream;
    },
  });
}

/** Output goes where Lambda's goes, in frames of the ring if there is one. */
exports.patch = function patch(ring) {
  if (ring) {
    write = (text) => ring.log(1, text);
    frameStream('stdout', 1, ring);
    frameStream('stderr', 2, ring);
  }
  patchConsole();
};

exports.logError = isJson
  ? (_, error) => console.error(errors.asError(error))
  : (title, error) => console.error(title, errors.format(errors.asError(error)));
