/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/scoped.h"
#include "base/text.h"
#include "http/http.h"
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

/* Before the first call: which addresses may be connected to. Asked of each address that a name
 * stands for, of the one that is then used. */
typedef bool client_may_connect_f(const void *arg, const struct sockaddr_storage *address);
void client_restrict(struct client *client, client_may_connect_f *may_connect, const void *arg);
/* Before the first call: authorities (a file of PEM) instead of the system's; lives as long. */
void client_trust(struct client *client, const char *ca_file);

enum client_failure { CLIENT_OK, CLIENT_TIMEOUT, CLIENT_UNREACHABLE, CLIENT_REFUSED };

/* One call, embedded in what waits for it; {0} but for what is filled. done() runs once,
 * never before client_send() has returned. */
struct client_call {
    void (*done)(struct client_call *call);
    const char *method, *url; /* until done */
    struct text body;         /* until done; also of an empty POST */
    int64_t timeout_ms;
    size_t answer_max; /* bytes of it that are kept; 0: 64 KB */
    /* The request is somebody else's: nothing is added to its headers but Host, and its path stays
     * as it is. The answer's head is kept then. */
    bool is_relayed;
    const char *server_name; /* until done: that TLS asks for, instead of the URL's; or NULL */
    /* the answer */
    enum client_failure failure;
    char reason[256]; /* of a failure */
    int status;
    int64_t retry_after_s; /* 0: not said */
    struct buffer answer;  /* its first bytes; the caller frees it */
    bool is_cut;           /* it was longer */
    struct buffer head;    /* when relayed: for client_read_fields(); the caller frees it */
    /* private */
    struct client *client;
    void *easy;
    struct curl_slist *headers, *connect_to;
    bool is_head_complete, is_refused;
};
/* "Name: value", before client_send(); a name that was added before is replaced. */
void client_add_header(struct client_call *call, struct text name, struct text value);
/* The same, beside others of that name, and the value may be empty. */
void client_append_header(struct client_call *call, struct text name, struct text value);
/* Instead of client_send(): lets go of the headers. */
void client_drop(struct client_call *call);
void client_send(struct client *client, struct client_call *call);
/* Ends it without an answer: done() does not come. No-op when it has come. */
void client_cancel(struct client_call *call);

/* Of a relayed call that is done: the headers of its answer, in arena but for their texts, which
 * stand in head. */
struct http_field *client_read_fields(const struct client_call *call, struct arena *arena,
                                      size_t *ret_count);
