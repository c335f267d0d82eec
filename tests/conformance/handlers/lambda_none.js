// SPDX-License-Identifier: Apache-2.0
// Logs the event and returns nothing.
exports.handler = async (event) => {
    console.log(JSON.stringify(event));
};
