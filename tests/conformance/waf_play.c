/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "guard/waf.h"

/*
 * Plays requests to the firewall: waf_play FOLDER SETTINGS. Each line of the input is a request,
 *   {"method", "path", "query"?, "version", "headers": [[name, value]...], "body": base64,
 *    "answer": {"status", "headers", "body"}?}
 * and each line of the output says {"status", "ids": [...], "us", "estimate": us}.
 */
static const json_t *answer;
static struct buffer answer_body;

static struct text decode(const json_t *object, const char *key, struct buffer *out)
{
    buffer_clear(out);
    (void)crypto_unbase64(json_text(object, key), out);
    return buffer_text(out);
}

static size_t read_fields(const json_t *list, struct http_field *fields, size_t max)
{
    size_t count = json_array_size(list) < max ? json_array_size(list) : max;

    for (size_t i = 0; i < count; i++) {
        const json_t *pair = json_array_get(list, i), *name = json_array_get(pair, 0),
                     *value = json_array_get(pair, 1);
        fields[i] = (struct http_field){{json_string_value(name), json_string_length(name)},
                                        {json_string_value(value), json_string_length(value)}};
    }
    return count;
}

static void on_done(struct waf_check *check)
{
    struct http_field fields[64];

    if (answer && !check->status) {
        size_t count = read_fields(json_object_get(answer, "headers"), fields, 64);
        struct text body = decode(answer, "body", &answer_body);
        int status = (int)json_int(answer, "status", 200);
        answer = NULL;
        waf_check_answer(check, status, fields, count, body);
        return;
    }
    loop_stop(loop_current());
}

static void print_result(const struct waf_check *check, int64_t estimate)
{
    printf("{\"status\":%d,\"us\":%lld,\"estimate\":%lld,\"ids\":[", check->status,
           (long long)check->us, (long long)estimate);
    for (size_t i = 0; i < check->match_count; i++)
        printf("%s%lld", i ? "," : "", (long long)check->matches[i].id);
    puts("]}");
    fflush(stdout);
}

static void play(struct waf *waf, const struct waf_rules *rules, const json_t *line)
{
    scoped(buffer_done) struct buffer body = {0}, target = {0};
    struct http_field fields[HTTP_FIELDS_MAX];
    struct http_request head = {
        .method_text = json_text(line, "method"),
        .path = json_text(line, "path"),
        .query = json_text(line, "query"),
        .fields = fields,
    };
    struct waf_cost cost;

    buffer_add_text(&target, head.path);
    if (text_is_set(head.query)) {
        buffer_add_char(&target, '?');
        buffer_add_text(&target, head.query);
    }
    head.target = buffer_text(&target);
    head.field_count = read_fields(json_object_get(line, "headers"), fields, HTTP_FIELDS_MAX);
    const struct waf_request request = {.head = &head,
                                        .version = json_text(line, "version").at,
                                        .client = "192.0.2.1",
                                        .client_port = 1,
                                        .port = 80,
                                        .body = decode(line, "body", &body)};
    answer = json_object_get(line, "answer");
    waf_cost_of(&head, request.body, waf_rules_effort(rules), &cost);
    struct loop *loop = loop_new("play");
    struct waf_check *check = waf_check_request(waf, rules, &request, loop, on_done);
    loop_run(loop);
    loop_free(loop);
    print_result(check, cost.us);
    waf_check_close(check);
}

static int fail(const struct error *err)
{
    fprintf(stderr, "waf_play: %s\n", err->text);
    return 1;
}

int main(int argc, char **argv)
{
    struct error err;
    char *line = NULL;
    size_t room = 0;
    ssize_t len;

    if (argc != 3)
        return 2;
    const struct waf_options options = {.threads = 1, .queue_max = 10, .folder = argv[1]};
    struct waf *waf = waf_new(&options, &err);
    scoped(json_decref) json_t *settings = json_parse(text_of(argv[2]), &err);
    struct waf_rules *rules = waf && settings ? waf_rules_compile(waf, settings, &err) : NULL;
    if (!rules)
        return fail(&err);
    while ((len = getline(&line, &room, stdin)) > 0) {
        scoped(json_decref) json_t *json = json_parse(text_from(line, (size_t)len), &err);
        if (!json)
            return fail(&err);
        play(waf, rules, json);
    }
    free(line);
    buffer_done(&answer_body);
    waf_rules_unref(rules);
    waf_free(waf);
    return 0;
}
