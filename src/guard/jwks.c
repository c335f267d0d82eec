/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/jwks.h"

#include <assert.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "guard/upstreams.h"
#include "http/client.h"

#define UNREACHABLE "the keys of the token's issuer cannot be fetched"
#define UNKNOWN_KEY "the token's key is not one of its issuer's"
#define NEVER INT64_MIN

struct issuer {
    struct jwks *jwks;
    struct list link; /* in jwks->issuers, the one used last in front */
    char *url, *key_url;
    struct jwk_set *keys;         /* NULL: never fetched */
    int64_t fetched_ms, tried_ms; /* monotonic */
    bool is_fetching, is_down;    /* is_down: the last fetch failed */
    bool is_settling;             /* those who waited are being answered */
    struct client_call call;      /* of the discovery, then of the keys */
    struct list waiting;          /* struct jwks_wait */
};

struct jwks {
    struct loop *loop;
    struct client *client;
    struct map by_url;
    struct list issuers;
};

static int64_t now_ms(const struct jwks *jwks)
{
    return loop_now_us(jwks->loop) / 1000;
}

/* --- waiting --- */

static void settle(const struct issuer *issuer, struct jwks_wait *wait)
{
    const struct jwk *key = issuer->keys ? jwk_set_find(issuer->keys, wait->kid) : NULL;

    wait->done(wait, key, key ? NULL : issuer->keys ? UNKNOWN_KEY : UNREACHABLE);
}

static void settle_all(struct issuer *issuer)
{
    struct list ready;
    struct list *node;

    /* Whoever is answered may ask again, which must not go on for ever; and for another issuer, for
     * which this one must not make room. */
    issuer->is_settling = true;
    list_init(&ready);
    while ((node = list_pop(&issuer->waiting)))
        list_push(&ready, node);
    while ((node = list_pop(&ready)))
        settle(issuer, container_of(node, struct jwks_wait, link));
    issuer->is_settling = false;
}

/* --- fetching --- */

static void send_call(struct issuer *issuer, const char *url,
                      void (*done)(struct client_call *call))
{
    issuer->call = (struct client_call){
        .done = done,
        .method = "GET",
        .url = url,
        .timeout_ms = JWKS_TIMEOUT_MS,
        .answer_max = JWKS_ANSWER_BYTES,
    };
    client_add_header(&issuer->call, TEXT("Accept"), TEXT("application/json"));
    client_send(issuer->jwks->client, &issuer->call);
}

/* Who runs the daemon hears of it once, clients as often as they ask. */
static void warn_down(const struct issuer *issuer)
{
    const struct client_call *call = &issuer->call;

    if (call->failure == CLIENT_REFUSED)
        log_warn("an issuer's keys may not be fetched from its address: see the setting "
                 "upstream-networks",
                 LOG_TEXT("issuer", issuer->url), LOG_TEXT("url", issuer->key_url));
    else
        log_warn("an issuer's keys cannot be fetched", LOG_TEXT("issuer", issuer->url),
                 LOG_TEXT("url", issuer->key_url),
                 LOG_TEXT("reason", call->failure == CLIENT_OK ? "its answer is not what it must be"
                                                               : call->reason),
                 LOG_NUM("status", call->status));
}

static void end_fetch(struct issuer *issuer, struct jwk_set *keys)
{
    if (!keys && !issuer->is_down)
        warn_down(issuer);
    issuer->is_down = !keys;
    if (keys) {
        jwk_set_free(issuer->keys);
        issuer->keys = keys;
        issuer->fetched_ms = now_ms(issuer->jwks);
    }
    buffer_done(&issuer->call.answer);
    free(take(issuer->key_url));
    issuer->is_fetching = false;
    settle_all(issuer);
}

static bool succeeded(const struct client_call *call)
{
    return call->failure == CLIENT_OK && call->status == 200 && !call->is_cut;
}

static void on_keys(struct client_call *call)
{
    struct issuer *issuer = container_of(call, struct issuer, call);
    struct error err;
    struct jwk_set *keys = succeeded(call) ? jwk_set_parse(buffer_text(&call->answer), &err) : NULL;

    end_fetch(issuer, keys);
}

/* Keys that came over http for an issuer of https would be whoever's is on the way. */
static char *read_key_url(const struct issuer *issuer, struct text answer)
{
    struct error err;
    scoped(json_decref) json_t *json = json_parse(answer, &err);
    struct text url = json_text(json, "jwks_uri");
    bool is_secure = text_starts(url, TEXT("https://"));

    if (memchr(url.len ? url.at : "", '\0', url.len) ||
        (!is_secure && (!text_starts(url, TEXT("http://")) ||
                        text_starts(text_of(issuer->url), TEXT("https://")))))
        return NULL;
    return text_dup(url);
}

static void on_discovery(struct client_call *call)
{
    struct issuer *issuer = container_of(call, struct issuer, call);

    char *key_url = succeeded(call) ? read_key_url(issuer, buffer_text(&call->answer)) : NULL;

    if (!key_url) {
        end_fetch(issuer, NULL);
        return;
    }
    free(issuer->key_url);
    issuer->key_url = key_url;
    buffer_done(&call->answer);
    send_call(issuer, issuer->key_url, on_keys);
}

static void fetch(struct issuer *issuer)
{
    struct text base = text_of(issuer->url);

    if (text_ends(base, TEXT("/")))
        base.len--;
    issuer->is_fetching = true;
    issuer->tried_ms = now_ms(issuer->jwks);
    issuer->key_url = mem_format("%.*s/.well-known/openid-configuration", TEXT_ARG(base));
    send_call(issuer, issuer->key_url, on_discovery);
}

/* --- issuers --- */

static void free_issuer(struct issuer *issuer)
{
    if (issuer->is_fetching)
        client_cancel(&issuer->call);
    (void)map_remove(&issuer->jwks->by_url, text_of(issuer->url));
    list_remove(&issuer->link);
    jwk_set_free(issuer->keys);
    buffer_done(&issuer->call.answer);
    free(issuer->key_url);
    free(issuer->url);
    free(issuer);
}

static void make_room(struct jwks *jwks)
{
    for (struct list *node = jwks->issuers.prev;
         jwks->by_url.count >= JWKS_ISSUERS_MAX && node != &jwks->issuers;) {
        struct issuer *issuer = container_of(node, struct issuer, link);
        node = node->prev;
        if (!issuer->is_fetching && !issuer->is_settling)
            free_issuer(issuer);
    }
}

static struct issuer *find_issuer(struct jwks *jwks, struct text url)
{
    struct issuer *issuer = map_find(&jwks->by_url, url);

    if (issuer) {
        list_remove(&issuer->link);
    } else {
        make_room(jwks);
        issuer = mem_new(struct issuer);
        issuer->jwks = jwks;
        issuer->url = text_dup(url);
        issuer->tried_ms = NEVER;
        list_init(&issuer->waiting);
        map_put(&jwks->by_url, url, issuer);
    }
    list_push_front(&jwks->issuers, &issuer->link);
    return issuer;
}

/* Keys that are no longer fresh are used while their issuer is known to be down. */
static bool is_usable(struct issuer *issuer, struct text kid)
{
    int64_t age = now_ms(issuer->jwks) - issuer->fetched_ms;

    if (issuer->keys && age >= JWKS_KEPT_MS) {
        jwk_set_free(issuer->keys);
        issuer->keys = NULL;
    }
    return issuer->keys && jwk_set_find(issuer->keys, kid) &&
           (age < JWKS_FRESH_MS || issuer->is_down);
}

static bool should_fetch(const struct issuer *issuer, struct text kid)
{
    int64_t now = now_ms(issuer->jwks);

    if (issuer->is_fetching || (issuer->keys && now - issuer->fetched_ms < JWKS_FRESH_MS &&
                                jwk_set_find(issuer->keys, kid)))
        return false;
    return issuer->tried_ms == NEVER || now - issuer->tried_ms >= JWKS_RETRY_MS;
}

void jwks_find(struct jwks *jwks, struct text url, struct text kid, struct jwks_wait *wait)
{
    struct issuer *issuer = find_issuer(jwks, url);
    bool usable = is_usable(issuer, kid);

    wait->kid = kid;
    if (should_fetch(issuer, kid))
        fetch(issuer);
    if (issuer->is_fetching && !usable)
        list_push(&issuer->waiting, &wait->link);
    else
        settle(issuer, wait);
}

void jwks_cancel(struct jwks_wait *wait)
{
    list_remove(&wait->link);
}

/* --- life --- */

struct jwks *jwks_new(struct loop *loop, const struct upstreams *upstreams)
{
    struct jwks *jwks = mem_new(struct jwks);

    jwks->loop = loop;
    jwks->client = client_new(loop);
    if (upstreams)
        client_restrict(jwks->client, upstreams_may_connect, upstreams);
    list_init(&jwks->issuers);
    return jwks;
}

void jwks_free(struct jwks *jwks)
{
    if (!jwks)
        return;
    list_each (node, &jwks->issuers)
        free_issuer(container_of(node, struct issuer, link));
    client_free(jwks->client);
    map_done(&jwks->by_url);
    free(jwks);
}
