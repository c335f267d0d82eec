/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "http/tls.h"

struct http_door;

/* A server's side on that socket, about to shake hands. door outlives it; or NULL. */
struct ssl_st *tls_begin(struct tls *tls, int fd, const struct http_door *door);
/* Of the context: demands the certificates that the name has to have. */
int tls_on_hello(struct ssl_st *ssl, int *ret_alert, void *arg);
