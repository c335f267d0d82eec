/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/scoped.h"
#include "base/text.h"
#include "loop/loop.h"

/*
 * An HTTP client on a loop (libcurl underneath): calls run beside each other and block
 * nothing. Redirects are not followed; certificates are checked. Used on its loop only.
 */
struct client;
struct curl_slist;

struct client *client_new(struct loop *loop);
void client_free(struct client *client); /* no call is under way; NULL does nothing */
DEFINE_SCOPED(struct client *, client_free)

enum client_failure { CLIENT_OK, CLIENT_TIMEOUT, CLIENT_UNREACHABLE };

/* One call, embedded in what waits for it; {0} but for what is filled. done() runs once,
 * never before client_send() has returned. */
struct client_call {
    void (*done)(struct client_call *call);
    const char *method, *url; /* until done */
    struct text body;         /* until done; also of an empty POST */
    int64_t timeout_ms;
    size_t answer_max; /* bytes of it that are kept; 0: 64 KB */
    /* the answer */
    enum client_failure failure;
    char reason[256]; /* of a failure */
    int status;
    int64_t retry_after_s; /* 0: not said */
    struct buffer answer;  /* its first bytes; the caller frees it */
    bool is_cut;           /* it was longer */
    /* private */
    struct client *client;
    void *easy;
    struct curl_slist *headers;
};
/* "Name: value", before client_send(); a name that was added before is replaced. */
void client_add_header(struct client_call *call, struct text name, struct text value);
/* Instead of client_send(): lets go of the headers. */
void client_drop(struct client_call *call);
void client_send(struct client *client, struct client_call *call);
