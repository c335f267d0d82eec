/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "http/tls.h"

/* A server's side on that socket, about to shake hands. */
struct ssl_st *tls_begin(struct tls *tls, int fd);
