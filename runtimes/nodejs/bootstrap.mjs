// SPDX-License-Identifier: Apache-2.0
// Runs a function written for Node.js: started in a sandbox as /var/runtime/bootstrap.mjs.
import { createRequire } from 'node:module';

createRequire(import.meta.url)('./runtime.cjs').run();
