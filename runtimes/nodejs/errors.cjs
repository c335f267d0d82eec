// SPDX-License-Identifier: Apache-2.0
'use strict';

// Errors as AWS Lambda's Node.js runtime names and shows them.

function define(name) {
  const type = { [name]: class extends Error {} }[name];
  type.prototype.name = `Runtime.${name}`;
  exports[name] = type;
}

[
  'ImportModuleError',
  'HandlerNotFound',
  'MalformedHandlerName',
  'UserCodeSyntaxError',
  'MalformedStreamingHandler',
  'InvalidStreamingOperation',
].forEach(define);

// Not everything that can be thrown has a text.
function messageOf(value) {
  try {
    return String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

exports.UnhandledPromiseRejection = class UnhandledPromiseRejection extends Error {
  constructor(reason, promise) {
    super(messageOf(reason));
    this.reason = reason;
    this.promise = promise;
  }
};
exports.UnhandledPromiseRejection.prototype.name = 'Runtime.UnhandledPromiseRejection';

// Errors of another realm count too, by their looks.
function isError(value) {
  return (
    value instanceof Error ||
    (value &&
      typeof value.name === 'string' &&
      typeof value.message === 'string' &&
      typeof value.stack === 'string')
  );
}

/** What the caller gets. Never throws, whatever was thrown. */
exports.describe = function describe(error) {
  try {
    if (isError(error)) {
      return {
        errorType: String(error.name),
        errorMessage: String(error.message),
        trace: String(error.stack).split('\n'),
      };
    }
    return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
  } catch {
    return {
      errorType: 'handled',
      errorMessage:
        'callback called with Error argument, but there was a problem while retrieving one or ' +
        'more of its message, name, and stack',
    };
  }
};

exports.asError = (value) => (value instanceof Error ? value : new Error(messageOf(value)));

function withFields(value) {
  if (!(value instanceof Error)) {
    return value;
  }
  const fields = { errorType: value.name, errorMessage: value.message, code: value.code };
  Object.assign(fields, value);
  if (typeof value.stack === 'string') {
    fields.stack = value.stack.split('\n');
  }
  return fields;
}

/** One line for the log, with all fields the error has. */
exports.format = function format(error) {
  try {
    return `\t${JSON.stringify(error, (_, value) => withFields(value))}`;
  } catch {
    return `\t${JSON.stringify(exports.describe(error))}`;
  }
};
