/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "model/function.h"

/* Where a request came in: the context of every listener of the API and the gateway.
 * Identity by socket, not by what the request says. */
struct origin {
    void *service;                /* the API's or gateway's state of this loop */
    const struct version *inside; /* the function in whose sandbox it was made; NULL: outside */
    const char *access_key;       /* of that instance, NULL outside */
};
