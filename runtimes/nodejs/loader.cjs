// SPDX-License-Identifier: Apache-2.0
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { createRequire } = require('node:module');
const { pathToFileURL } = require('node:url');
const {
  HandlerNotFound,
  ImportModuleError,
  MalformedHandlerName,
  MalformedStreamingHandler,
  UserCodeSyntaxError,
} = require('./errors.cjs');

// Finds the function that a handler names, "folder/module.export.path", with the rules of
// AWS Lambda's Node.js runtime.

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');

// The module that asks stands in the message of a module that is not found.
const userRequire = createRequire(path.join(__dirname, 'index.mjs'));

function isFile(name) {
  return fs.statSync(name, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** Whether the package.json that governs a .js file makes it an ES module. */
function isModuleFolder(folder) {
  if (folder.endsWith('/node_modules')) {
    return false;
  }
  const file = path.join(folder, 'package.json');
  if (fs.existsSync(file)) {
    try {
      return JSON.parse(fs.readFileSync(file, 'utf8'))?.type === 'module';
    } catch (error) {
      console.warn(`${file} cannot be read, it will be ignored for ES module detection purposes.`, error);
      return false;
    }
  }
  return folder === '/' ? false : isModuleFolder(path.dirname(folder));
}

function findFile(base) {
  const found = ['', '.js', '.mjs', '.cjs'].find((extension) => isFile(base + extension));
  return found === undefined ? undefined : base + found;
}

async function loadModule(root, folder, name) {
  const file = findFile(path.resolve(root, folder, name));
  if (file === undefined) {
    return userRequire(userRequire.resolve(name, { paths: [root, folder] }));
  }
  const isModule =
    file.endsWith('.mjs') || (file.endsWith('.js') && isModuleFolder(path.dirname(file)));
  return isModule ? import(pathToFileURL(file).href) : userRequire(file);
}

async function loadUserModule(root, folder, name) {
  try {
    return await loadModule(root, folder, name);
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new UserCodeSyntaxError(error);
    }
    throw error?.code === 'MODULE_NOT_FOUND' ? new ImportModuleError(error) : error;
  }
}

/** The handler's function. Rejects with one of the errors above, or what the module threw. */
exports.load = async function load(root, handler) {
  if (handler.includes('..')) {
    throw new MalformedHandlerName(
      `'${handler}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`
    );
  }
  const last = path.basename(handler);
  const folder = handler.substring(0, handler.indexOf(last));
  const [, name, exportPath] = last.match(/^([^.]*)\.(.*)$/) ?? [];
  if (name === undefined) {
    throw new MalformedHandlerName('Bad handler');
  }

  const module = await loadUserModule(root, folder, name);
  const found = exportPath.split('.').reduce((value, key) => value && value[key], module);
  if (!found) {
    throw new HandlerNotFound(`${handler} is undefined or not exported`);
  }
  if (typeof found !== 'function') {
    throw new HandlerNotFound(`${handler} is not a function`);
  }
  return found;
};

exports.isStreaming = function isStreaming(handler) {
  const mode = handler[STREAMING];
  if (mode !== undefined && mode !== null && mode !== false && mode !== 'response') {
    throw new MalformedStreamingHandler('Only response streaming is supported.');
  }
  return mode === 'response';
};

exports.highWaterMark = function highWaterMark(handler) {
  const mark = parseInt(handler[HIGH_WATER_MARK], 10);
  return Number.isNaN(mark) ? undefined : mark;
};

/** awslambda.streamifyResponse */
exports.streamifyResponse = function streamifyResponse(handler, options) {
  handler[STREAMING] = 'response';
  if (typeof options?.highWaterMark === 'number') {
    handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
  }
  return handler;
};
