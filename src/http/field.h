/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "http/http.h"

/*
 * The grammar of header and trailer fields (RFC 9110 5), for what comes in and for what
 * goes out. Nothing here is lenient: what is not exactly a field is none.
 */

/* Reads "name: value" (a line without its CRLF). The name is put into lower case where
 * it stands. False for anything else: folded lines, blanks before the colon, control
 * characters. */
bool field_parse(char *line, size_t len, struct http_field *ret);

bool field_is_token(struct text text);
/* Whether it can be sent: a token as its name, and no control character but tabs in its
 * value. Everything an application sends passes here. */
bool field_is_clean(const struct http_field *field);

/* A Host value or an authority without user: a name or bracketed IPv6 address, a port. */
bool field_is_host(struct text text);

/* Whether name would be taken for other by those who treat "_" and "-" alike. Both in
 * lower case. */
bool field_looks_like(struct text name, struct text other);

/* Whether every byte of a request target may stand there (RFC 3986 without fragments,
 * but with the characters browsers leave as they are, " < > \ ^ ` { | }, and with bytes beyond
 * ASCII: those are for request_target_encode()). */
bool field_is_target(struct text text);

/* The next member of a comma-separated list, trimmed; empty ones are skipped. */
bool field_list_next(struct text *rest, struct text *ret_member);
