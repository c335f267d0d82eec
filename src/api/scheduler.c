/* SPDX-License-Identifier: Apache-2.0 */
#include "api/scheduler_priv.h"

#include "base/json.h"

/* --- names --- */

struct text scheduler_group_key(struct call *call, struct text group)
{
    if (!text_is_set(group))
        group = TEXT(SCHEDULE_GROUP_DEFAULT);
    return text_of(arena_format(&call->arena, "%.*s/%.*s/%.*s", TEXT_ARG(call->api->account),
                                TEXT_ARG(call->api->region), TEXT_ARG(group)));
}

struct text scheduler_key(struct call *call, struct text group, struct text name)
{
    return text_of(arena_format(&call->arena, "%.*s/%.*s",
                                TEXT_ARG(scheduler_group_key(call, group)), TEXT_ARG(name)));
}

struct text scheduler_arn(struct call *call, const char *what, struct text rest)
{
    return text_of(arena_format(&call->arena, "arn:aws:scheduler:%.*s:%.*s:%s/%.*s",
                                TEXT_ARG(call->api->region), TEXT_ARG(call->api->account), what,
                                TEXT_ARG(rest)));
}

static bool is_made_of(struct text text, const char *marks)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && (c == '\0' || !strchr(marks, c)))
            return false;
    }
    return text.len > 0;
}

bool scheduler_is_name(struct text text)
{
    return is_made_of(text, "-_.");
}

bool scheduler_is_token(struct text text)
{
    return is_made_of(text, "-_");
}

/* --- changes --- */

struct waiting {
    struct schedules_change change;
    struct call *call;
    call_f *then;
};

static void on_changed(struct schedules_change *change, bool failed, const struct error *err)
{
    struct waiting *waiting = container_of(change, struct waiting, change);

    if (failed)
        call_fail(waiting->call, "InternalServerException", "%s", err->text);
    else
        waiting->then(waiting->call);
}

struct schedules_change *scheduler_change(struct call *call, call_f *then)
{
    struct waiting *waiting = arena_zalloc(&call->arena, sizeof *waiting);

    waiting->change.done = on_changed;
    waiting->call = call;
    waiting->then = then;
    return &waiting->change;
}

/* --- answers --- */

void scheduler_reply_arn(struct call *call, const char *member, struct text arn)
{
    struct writer writer = call_writer(call);

    write_open(&writer, NULL, '{');
    write_text(&writer, member, arn);
    write_close(&writer, '}');
    call_reply(call, 200);
}

void scheduler_reply_empty(struct call *call)
{
    buffer_add_literal(&call->answer, "{}");
    call_reply(call, 200);
}

void scheduler_fail_group(struct call *call, struct text name)
{
    call_fail(call, "ResourceNotFoundException", "Schedule group %.*s does not exist.",
              TEXT_ARG(name));
}

void scheduler_fail_schedule(struct call *call, struct text name)
{
    call_fail(call, "ResourceNotFoundException", "Schedule %.*s does not exist.", TEXT_ARG(name));
}

/* --- pages --- */

/* The token is the last key of the page before. */
bool scheduler_page_begin(struct scheduler_page *page, struct call *call, const char *member)
{
    struct text token = call_query(call, "NextToken");
    struct buffer key = {0};

    *page = (struct scheduler_page){.call = call, .writer = call_writer(call)};
    page->max = call_query_int(call, "MaxResults", SCHEDULER_PAGE_MAX);
    if (text_is_set(token)) {
        if (!crypto_unbase64(token, &key)) {
            call_fail(call, "ValidationException", "Invalid NextToken.");
            return false;
        }
        page->after = arena_copy(&call->arena, buffer_text(&key));
        buffer_done(&key);
    }
    write_open(&page->writer, NULL, '{');
    write_open(&page->writer, member, '[');
    return true;
}

bool scheduler_page_has_room(struct scheduler_page *page, struct text key)
{
    if (page->count == page->max) {
        page->is_cut = true;
        return false;
    }
    page->count++;
    page->last = key;
    return true;
}

void scheduler_page_end(struct scheduler_page *page)
{
    struct buffer token = {0};

    write_close(&page->writer, ']');
    if (page->is_cut) {
        crypto_base64(page->last, &token);
        write_text(&page->writer, "NextToken", buffer_text(&token));
    }
    write_close(&page->writer, '}');
    buffer_done(&token);
    call_reply(page->call, 200);
}

void scheduler_write_member(struct writer *writer, const json_t *document, const char *name)
{
    const json_t *value = json_object_get(document, name);

    if (!value)
        return;
    scoped(free) char *json =
        json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
    write_json(writer, name, text_of(json));
}
