/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_priv.h"

#include <stdarg.h>

#include "base/clock.h"
#include "base/mem.h"

/* How the actions of API Gateway answer. */

/* --- failures --- */

void apigateway_fail(struct call *call, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    scoped(free) char *message = mem_vformat(format, arguments);
    va_end(arguments);
    call_fail_text(call, "BadRequestException", text_of(message));
}

void apigateway_fail_absent(struct call *call, const char *what, struct text id)
{
    call_fail(call, "NotFoundException", "Invalid %s identifier specified %.*s", what,
              TEXT_ARG(id));
}

/* --- documents --- */

static void write_value(struct writer *writer, const char *key, const json_t *value)
{
    scoped(free) char *json =
        json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));

    write_json(writer, key, text_of(json));
}

void apigateway_write(struct writer *writer, const char *key, const json_t *document)
{
    const char *name;
    json_t *value;

    write_open(writer, key, '{');
    json_object_foreach((json_t *)(uintptr_t)document, name, value)
    {
        if (*name != '-')
            write_value(writer, name, value);
    }
    write_close(writer, '}');
}

void apigateway_show(struct call *call, const json_t *document)
{
    struct writer writer = call_writer(call);

    apigateway_write(&writer, NULL, document);
}

json_t *apigateway_now(void)
{
    char time[32];

    clock_format_iso(clock_now_ms(), time);
    time[19] = 'Z'; /* whole seconds */
    return json_stringn(time, 20);
}

/* --- lists --- */

static bool read_token(struct apigateway_page *page, struct text token)
{
    scoped(buffer_done) struct buffer after = {0};

    if (!text_is_set(token))
        return true;
    if (!crypto_unbase64(token, &after) || after.len == 0) {
        apigateway_fail(page->call, "Invalid %s", page->is_old ? "position" : "nextToken");
        return false;
    }
    page->after = arena_copy(&page->call->arena, buffer_text(&after));
    return true;
}

bool apigateway_page_begin(struct apigateway_page *page, struct call *call)
{
    bool is_old = !text_starts(text_of(call->action->path), TEXT("/v2/"));

    *page = (struct apigateway_page){.call = call, .is_old = is_old, .writer = call_writer(call)};
    page->left = call_query_int(call, is_old ? "limit" : "maxResults", APIGATEWAY_PAGE);
    if (!read_token(page, call_query(call, is_old ? "position" : "nextToken")))
        return false;
    write_open(&page->writer, NULL, '{');
    write_open(&page->writer, is_old ? "item" : "items", '[');
    return true;
}

bool apigateway_page_has_room(struct apigateway_page *page, struct text key)
{
    if (page->left == 0) {
        page->is_cut = true;
        return false;
    }
    page->left--;
    page->last = key;
    return true;
}

void apigateway_page_end(struct apigateway_page *page)
{
    scoped(buffer_done) struct buffer token = {0};

    write_close(&page->writer, ']');
    if (page->is_cut) {
        crypto_base64(page->last, &token);
        write_text(&page->writer, page->is_old ? "position" : "nextToken", buffer_text(&token));
    }
    write_close(&page->writer, '}');
    call_reply(page->call, 200);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A page goes on behind a key, whatever was deleted meanwhile. */
void apigateway_reply_parts(struct call *call, const json_t *parts,
                            bool (*wants)(struct call *call, const json_t *part))
{
    scoped(free) const char **keys = mem_zalloc((json_object_size(parts) + 1) * sizeof *keys);
    struct apigateway_page page;
    const char *key;
    size_t count = 0;
    json_t *part;

    if (!apigateway_page_begin(&page, call))
        return;
    json_object_foreach((json_t *)(uintptr_t)parts, key, part)
    {
        if ((!text_is_set(page.after) || text_compare(text_of(key), page.after) > 0) &&
            (!wants || wants(call, part)))
            keys[count++] = key;
    }
    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 0; i < count && apigateway_page_has_room(&page, text_of(keys[i])); i++)
        apigateway_write(&page.writer, NULL, json_object_get(parts, keys[i]));
    apigateway_page_end(&page);
}

const struct param apigateway_text_row = {PARAM_BODY, PARAM_STRING, "", ""};
const struct param apigateway_api_params[] = {ROWS_PAGE, {0}};
const struct param apigateway_path_params[] = {{0}};
