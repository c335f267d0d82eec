/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gateway/gateway_priv.h"

/*
 * POST /events and /events/BUS: CloudEvents over HTTP, in binary, structured and batch mode,
 * answered with 202 when what follows from them is on disk. The requests are signed as for
 * EventBridge, unless the bus's policy lets everybody put events.
 */

bool events_is_path(struct text path);
/* In on_request: the stream is the events' from here on. */
void events_begin(struct gateway *gateway, struct http_stream *stream);
void events_done(struct gateway *gateway); /* frees what is kept for reuse */
extern const struct http_app events_app;
