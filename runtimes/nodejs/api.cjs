// SPDX-License-Identifier: Apache-2.0
'use strict';

const PREFIX = '/2018-06-01/runtime/';

/**
 * A client of the Lambda Runtime API, on one kept connection. Node's http is loaded when
 * it is first needed: on the ring most functions never do.
 */
exports.ApiClient = class ApiClient {
  constructor(address) {
    const colon = address.lastIndexOf(':');
    this.hostname = address.slice(0, colon).replace(/^\[|\]$/g, '');
    this.port = Number(address.slice(colon + 1));
    this.http = undefined;
    this.agent = undefined;
  }

  /** Asks for an event: then(headers, payload). While it waits the process lives. */
  next(then) {
    this.exchange('GET', 'invocation/next', {}, undefined, (response, body) => {
      if (response.statusCode !== 200) {
        giveUp(`the Runtime API answered ${response.statusCode}: ${body.slice(0, 200)}`);
      }
      then(response.headers, body);
    });
  }

  /** Posts a text; then() when it has arrived. */
  post(path, text, errorType, then) {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) };
    if (errorType !== undefined) {
      headers['Lambda-Runtime-Function-Error-Type'] = headerText(errorType);
    }
    this.exchange('POST', path, headers, text, (response, body) => {
      // 413: the platform has told the caller that the answer was too large.
      if (Math.trunc(response.statusCode / 100) !== 2 && response.statusCode !== 413) {
        giveUp(`the Runtime API answered ${response.statusCode}: ${body.slice(0, 200)}`);
      }
      then();
    });
  }

  /** A request whose body is written by the caller; the response is its too. */
  open(method, path, headers) {
    this.http ??= require('node:http');
    this.agent ??= new this.http.Agent({ keepAlive: true, maxSockets: 1 });
    const { hostname, port, agent } = this;
    return this.http.request({ hostname, port, agent, method, path: PREFIX + path, headers });
  }

  exchange(method, path, headers, body, then, isRetry = false) {
    const request = this.open(method, path, headers);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part) => (text += part));
      response.on('error', (error) => giveUp(error.message));
      response.on('end', () => then(response, text));
    });
    request.on('error', (error) => {
      // The server may have closed the kept connection meanwhile.
      if (request.reusedSocket && error.code === 'ECONNRESET' && !isRetry) {
        this.exchange(method, path, headers, body, then, true);
      } else {
        giveUp(`the Runtime API cannot be reached: ${error.message}`);
      }
    });
    request.end(body);
  }
};

function giveUp(reason) {
  process.stderr.write(`evoke: ${reason}\n`);
  process.exit(1);
}

function headerText(text) {
  return text.replace(/[^!-~]/g, '_');
}

exports.headerText = headerText;
