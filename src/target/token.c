/* SPDX-License-Identifier: Apache-2.0 */
#include "target/targets_priv.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/uri.h"

/*
 * Tokens by OAuth's client credentials grant (RFC 6749 4.4), one for each connection and
 * loop, kept until a minute before they expire or somebody refuses them. Deliveries that
 * need one wait for the one request that gets it.
 */

#define TIMEOUT_MS 5000
#define LIFE_DEFAULT_S 3600 /* when the answer does not say */
#define MARGIN_MS 60000     /* before the end of its life a token is not used any more */
#define TRIALS_MAX 3        /* that do not reach the issuer, then the connection is no good */
#define TRIAL_AGAIN_MS 1000 /* after the first of them, twice that after the second */

struct token {
    struct place *place;
    char *name, *value; /* value NULL: none */
    int64_t expires_ms;
    struct list waiting; /* deliveries */
    struct client_call call;
    char *url, *body, *method;
    bool is_fetching, is_forgotten;
    bool is_trial; /* the connection's document is to hear of it */
    int trial_count;
    struct list link; /* in its place's trials, while it waits for the next one */
    struct loop_timer again;
    struct loop_message message;
    struct buses_change change;
    char why[300]; /* of a trial: "" when it went well */
};

static void drop_request(struct token *token)
{
    free(token->url);
    free(token->body);
    free(token->method);
    buffer_done(&token->call.answer);
}

static void free_token(struct token *token)
{
    loop_timer_clear(&token->again);
    drop_request(token);
    free(token->name);
    free(token->value);
    free(token);
}

/* --- the trial's outcome, on the control thread --- */

static void on_recorded(struct buses_change *change, bool failed, const struct error *err)
{
    if (failed)
        log_warn("the state of a connection could not be stored", LOG_ERROR(err));
    free_token(container_of(change, struct token, change));
}

static void record_trial(struct loop_message *message)
{
    struct token *token = container_of(message, struct token, message);
    const struct targets_options *options = &token->place->targets->options;
    scoped(free) char *key = mem_format("%s/%s/%s", options->account, options->region, token->name);
    const json_t *document =
        registry_find(buses_registry(options->buses, BUSES_CONNECTION), text_of(key));

    if (!document || !text_equal(json_text(document, "ConnectionState"), TEXT("AUTHORIZING"))) {
        free_token(token); /* changed meanwhile */
        return;
    }
    json_t *changed = json_copy((json_t *)(uintptr_t)document);
    json_object_set_new(changed, "ConnectionState",
                        json_string(token->why[0] ? "DEAUTHORIZED" : "AUTHORIZED"));
    if (token->why[0])
        json_object_set_new(changed, "StateReason", json_string(token->why));
    else
        json_object_set_new(changed, "LastAuthorizedTime", json_integer(clock_now_ms()));
    token->change = (struct buses_change){.done = on_recorded};
    buses_put(options->buses, BUSES_CONNECTION, text_of(key), changed, &token->change);
}

/* --- the answer --- */

/* "" when there is a token now. */
static void read_answer(struct token *token)
{
    struct error err;
    scoped(json_decref) json_t *answer = json_parse(buffer_text(&token->call.answer), &err);
    struct text value = json_text(answer, "access_token");

    token->why[0] = '\0';
    if (token->call.failure != CLIENT_OK)
        snprintf(token->why, sizeof token->why, "The authorization endpoint failed: %s.",
                 destination_explain(token->place, &token->call, token->name));
    else if (token->call.status < 200 || token->call.status >= 300)
        snprintf(token->why, sizeof token->why,
                 "The authorization endpoint answered with status %d.", token->call.status);
    else if (value.len == 0)
        snprintf(token->why, sizeof token->why,
                 "The answer of the authorization endpoint has no access_token.");
    if (token->why[0])
        return;
    free(token->value);
    token->value = text_dup(value);
    token->expires_ms =
        clock_now_ms() + json_int(answer, "expires_in", LIFE_DEFAULT_S) * 1000 - MARGIN_MS;
}

static void resume_waiting(struct token *token)
{
    struct list ready;
    struct list *node;

    list_init(&ready);
    while ((node = list_pop(&token->waiting)))
        list_push(&ready, node);
    while ((node = list_pop(&ready))) {
        struct delivery *delivery = container_of(node, struct delivery, link);
        if (token->why[0])
            delivery_retry(delivery, "CONNECTION_FAILURE", token->why, 0);
        else
            destination_attempt(delivery);
    }
}

static void on_tried(struct token *token)
{
    enum client_failure failure = token->call.failure;

    token->trial_count++;
    if ((failure == CLIENT_UNREACHABLE || failure == CLIENT_TIMEOUT) &&
        token->trial_count < TRIALS_MAX) {
        list_push(&token->place->trials, &token->link);
        loop_timer_set(token->place->loop, &token->again, TRIAL_AGAIN_MS * token->trial_count);
        return;
    }
    token->message.run = record_trial;
    loop_post(token->place->targets->options.control, &token->message);
}

static void on_answered(struct client_call *call)
{
    struct token *token = container_of(call, struct token, call);

    read_answer(token);
    buffer_done(&call->answer);
    token->is_fetching = false;
    if (token->is_trial) {
        on_tried(token);
        return;
    }
    resume_waiting(token);
    if (token->is_forgotten)
        free_token(token);
}

/* --- the request --- */

static void add_pair(struct buffer *out, struct text name, struct text value)
{
    if (out->len > 0)
        buffer_add_char(out, '&');
    uri_encode(out, name, false);
    buffer_add_char(out, '=');
    uri_encode(out, value, false);
}

static void add_list(const json_t *parameters, struct buffer *out)
{
    const json_t *parameter;
    size_t index;

    json_array_foreach(parameters, index, parameter)
    {
        add_pair(out, json_text(parameter, "Key"), json_text(parameter, "Value"));
    }
}

static void begin_fetch(struct token *token, const json_t *connection)
{
    const json_t *oauth = json_object_get(json_object_get(connection, "AuthParameters"),
                                          "OAuthParameters"),
                 *client = json_object_get(oauth, "ClientParameters"),
                 *http = json_object_get(oauth, "OAuthHttpParameters"), *parameter;
    scoped(buffer_done) struct buffer body = {0}, query = {0};
    size_t index;

    add_pair(&body, TEXT("grant_type"), TEXT("client_credentials"));
    add_pair(&body, TEXT("client_id"), json_text(client, "ClientID"));
    add_pair(&body, TEXT("client_secret"), json_text(client, "ClientSecret"));
    add_list(json_object_get(http, "BodyParameters"), &body);
    add_list(json_object_get(http, "QueryStringParameters"), &query);
    token->method = text_dup(json_text(oauth, "HttpMethod"));
    token->url = mem_format("%.*s%s%.*s", TEXT_ARG(json_text(oauth, "AuthorizationEndpoint")),
                            query.len > 0 ? "?" : "", TEXT_ARG(buffer_text(&query)));
    token->body = text_dup(buffer_text(&body));
    token->call = (struct client_call){.done = on_answered,
                                       .method = token->method,
                                       .url = token->url,
                                       .body = text_of(token->body),
                                       .timeout_ms = TIMEOUT_MS};
    client_add_header(&token->call, TEXT("Content-Type"),
                      TEXT("application/x-www-form-urlencoded"));
    json_array_foreach(json_object_get(http, "HeaderParameters"), index, parameter)
    {
        client_add_header(&token->call, json_text(parameter, "Key"), json_text(parameter, "Value"));
    }
    token->is_fetching = true;
    client_send(token->place->client, &token->call);
}

static struct token *new_token(struct place *place, const char *name)
{
    struct token *token = mem_new(struct token);

    token->place = place;
    token->name = mem_strdup(name);
    list_init(&token->waiting);
    return token;
}

const char *token_find(struct delivery *delivery, const char *name, const json_t *connection)
{
    struct place *place = delivery->lane->place;
    struct token *token = map_find(&place->tokens, text_of(name));

    if (token && token->value && clock_now_ms() < token->expires_ms)
        return token->value;
    if (token && !token->is_fetching) {
        token_forget(place, name);
        token = NULL;
    }
    if (!token) {
        token = new_token(place, name);
        (void)map_put(&place->tokens, text_of(name), token);
        begin_fetch(token, connection);
    }
    list_push(&token->waiting, &delivery->link);
    return NULL;
}

void token_forget(struct place *place, const char *name)
{
    struct token *token = map_remove(&place->tokens, text_of(name));

    if (!token)
        return;
    if (token->is_fetching)
        token->is_forgotten = true; /* its answer frees it */
    else
        free_token(token);
}

static void try_again(struct loop_timer *timer)
{
    struct token *token = container_of(timer, struct token, again);
    const json_t *connection = map_find(&token->place->connections, text_of(token->name));

    list_remove(&token->link);
    if (!text_equal(json_text(connection, "ConnectionState"), TEXT("AUTHORIZING"))) {
        free_token(token); /* changed meanwhile */
        return;
    }
    drop_request(token);
    begin_fetch(token, connection);
}

void token_try(struct place *place, const char *name, const json_t *connection)
{
    struct token *token = new_token(place, name);

    token->is_trial = true;
    token->again.fire = try_again;
    begin_fetch(token, connection);
}

void token_free_all(struct place *place)
{
    struct map_cursor cursor = {0};
    struct list *node;

    while (map_next(&place->tokens, &cursor))
        free_token(cursor.value);
    map_done(&place->tokens);
    while ((node = list_pop(&place->trials)))
        free_token(container_of(node, struct token, link));
}
