/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>

#include "base/buffer.h"
#include "base/json.h"
#include "router/pattern.h"

/*
 * Tries event patterns, for tests that have no daemon: each line of the standard input is a
 * JSON array [pattern, event] of two strings, each of the output {"result": true},
 * {"error": the whole message of a refused pattern} or {"event_error": why not an event}.
 */
static void answer(struct text pattern_text, struct text event)
{
    scoped(buffer_done) struct buffer message = {0}, out = {0};
    struct error err;
    scoped(pattern_unref) struct pattern *pattern = pattern_compile(pattern_text, &message, &err);
    int result = pattern ? pattern_test(pattern, event, &err) : -1;

    if (!pattern)
        buffer_add_literal(&out, "{\"error\": ");
    else if (result < 0)
        buffer_add_literal(&out, "{\"event_error\": ");
    else
        buffer_add_format(&out, "{\"result\": %s", result ? "true" : "false");
    if (result < 0)
        buffer_add_json(&out, pattern ? text_of(err.text) : buffer_text(&message));
    buffer_add_literal(&out, "}\n");
    (void)fwrite(out.at, 1, out.len, stdout);
    (void)fflush(stdout);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;

    for (ssize_t len; (len = getline(&line, &room, stdin)) > 0;) {
        struct error err;
        scoped(json_decref) json_t *pair = json_parse(text_from(line, (size_t)len), &err);
        const json_t *pattern = json_array_get(pair, 0), *event = json_array_get(pair, 1);
        if (!json_is_string(pattern) || !json_is_string(event)) {
            fprintf(stderr, "pattern_tool: not a pair of strings: %s\n", line);
            free(line);
            return 2;
        }
        answer(text_from(json_string_value(pattern), json_string_length(pattern)),
               text_from(json_string_value(event), json_string_length(event)));
    }
    free(line);
    return 0;
}
