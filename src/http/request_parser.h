/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "http/http.h"

/*
 * The head of an HTTP/1 request (RFC 9112), read strictly: a head that two parsers could
 * understand differently is an error. Works in place, line by line as bytes arrive;
 * the request's texts point into the input, whose header names are put into lower case.
 *
 * Headers with "_" in their names are left out, as most servers do: CGI-style consumers
 * cannot tell them from those with "-".
 */
struct request_parser {
    struct http_request *request;
    struct http_field *fields; /* room for HTTP_FIELDS_MAX */

    /* What the head means for its connection, once it is complete. */
    bool keep_alive;      /* the client lets the connection stay */
    bool expect_continue; /* it waits for "100 Continue" */

    /* Of PARSE_BAD: how to answer before closing. */
    int status;
    const char *reason; /* one sentence */

    size_t line, scanned; /* private from here */
    bool has_request_line, has_length, has_coding, asks_close, asks_keep_alive;
};

enum parse_result { PARSE_MORE, PARSE_DONE, PARSE_BAD };

/* What HTTP/2 shares: the method of a name; path and query (and host, when it is absolute) out
 * of the target. False when that is malformed. */
enum http_method request_method_find(struct text name);
bool request_target_read(struct http_request *request);
/*
 * Of a target that was read: writes what is beyond ASCII as escapes ("/\xc3\xa9" as "/%C3%A9"),
 * before anybody looks at it. Clients that send it raw mean the same, and there are parsers behind
 * this one that take such bytes for blanks. What is new is in arena.
 */
void request_target_encode(struct http_request *request, struct arena *arena);

/* Prepares for a new head. Both outlive the parser's work. */
void request_parser_init(struct request_parser *parser, struct http_request *request,
                         struct http_field *fields);

/* Goes on with what is there: the same bytes as before, at the same place, and more.
 * PARSE_DONE: the first *ret_used bytes are the head. */
enum parse_result request_parse(struct request_parser *parser, char *at, size_t len,
                                size_t *ret_used);
