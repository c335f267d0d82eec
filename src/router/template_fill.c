/* SPDX-License-Identifier: Apache-2.0 */
#include "router/template_priv.h"

#include "base/clock.h"
#include "base/mem.h"
#include "model/limits.h"

/* What a path was found to lead to. */
struct found {
    bool is_known;
    struct scan_value value; /* SCAN_NONE: nothing */
    struct buffer list;      /* value's text, when the path has stars */
};

struct fill {
    const struct template *template;
    const struct scan_value *event;
    const struct transform_facts *facts;
    struct found *found; /* one a path */
    struct buffer *out;
};

static void on_value(void *arg, const struct scan_value *value)
{
    ((struct found *)arg)->value = *value;
}

static void on_listed(void *arg, const struct scan_value *value)
{
    struct found *found = arg;

    if (found->list.len > 1)
        buffer_add_char(&found->list, ',');
    scan_add_json(value, &found->list);
}

static void look_up(const struct json_path *path, const struct scan_value *event,
                    struct found *found)
{
    found->is_known = true;
    if (!json_path_is_list(path)) {
        json_path_each(path, event, on_value, found);
        return;
    }
    buffer_add_char(&found->list, '[');
    json_path_each(path, event, on_listed, found);
    buffer_add_char(&found->list, ']');
    found->value = (struct scan_value){.kind = SCAN_ARRAY, .text = buffer_text(&found->list)};
}

static const struct scan_value *value_of(struct fill *fill, size_t path)
{
    struct found *found = &fill->found[path];

    if (!found->is_known)
        look_up(fill->template->paths[path], fill->event, found);
    return &found->value;
}

/* JSON without quotes and what is a quote in its strings. */
static void add_unquoted(struct fill *fill, const struct scan_value *value)
{
    scoped(buffer_done) struct buffer json = {0};

    scan_add_json(value, &json);
    for (size_t i = 0; i < json.len; i++) {
        if (json.at[i] == '\\' && json.at[i + 1] == '"')
            i++;
        else if (json.at[i] != '"')
            buffer_add_char(fill->out, json.at[i]);
    }
}

static void add_value(struct fill *fill, const struct piece *piece, const struct scan_value *value)
{
    if (value->kind == SCAN_NONE)
        buffer_add_text(fill->out, piece->is_quoted ? TEXT("") : TEXT("\"\""));
    else if (!piece->is_quoted)
        scan_add_json(value, fill->out);
    else if (value->kind == SCAN_STRING)
        scan_add_decoded(value, fill->out);
    else if (fill->template->is_json)
        scan_add_json(value, fill->out);
    else
        add_unquoted(fill, value);
}

static void add_fact(struct fill *fill, const struct piece *piece, struct text fact)
{
    if (piece->is_quoted)
        buffer_add_text(fill->out, fact);
    else
        buffer_add_json(fill->out, fact);
}

static void add_time(struct fill *fill, const struct piece *piece)
{
    char time[32];

    clock_format_iso(fill->facts->ingested_ms, time);
    memcpy(time + strlen("2026-01-31T12:00:00"), "Z", sizeof "Z");
    add_fact(fill, piece, text_of(time));
}

static struct scan_value member_of(const struct scan_value *object, struct text name)
{
    struct scan scan = scan_open(object);
    struct scan_value key, value, found = {0};

    while (scan_member(&scan, &key, &value))
        if (scan_is(&key, name))
            found = value;
    return found;
}

/* <aws.events.event>: the members in the order in which EventBridge writes them. */
static void add_event(struct fill *fill)
{
    static const struct {
        struct text of_event, written;
    } members[] = {
        {TEXT("id"), TEXT("id")},
        {TEXT("account"), TEXT("account")},
        {TEXT("detail-type"), TEXT("detailType")},
        {TEXT("time"), TEXT("time")},
        {TEXT("source"), TEXT("source")},
        {TEXT("region"), TEXT("region")},
        {TEXT("resources"), TEXT("resources")},
        {TEXT("version"), TEXT("version")},
    };
    bool is_first = true;

    buffer_add_char(fill->out, '{');
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        struct scan_value value = member_of(fill->event, members[i].of_event);
        if (value.kind == SCAN_NONE)
            continue;
        buffer_add_format(fill->out, "%s\"%s\":", is_first ? "" : ",", members[i].written.at);
        scan_add_json(&value, fill->out);
        is_first = false;
    }
    buffer_add_char(fill->out, '}');
}

static void add_piece(struct fill *fill, const struct piece *piece)
{
    switch (piece->kind) {
    case PIECE_TEXT:
        buffer_add_text(fill->out, piece->text);
        return;
    case PIECE_PATH:
        add_value(fill, piece, value_of(fill, piece->path));
        return;
    case PIECE_RULE_ARN:
        add_fact(fill, piece, fill->facts->rule_arn);
        return;
    case PIECE_RULE_NAME:
        add_fact(fill, piece, fill->facts->rule_name);
        return;
    case PIECE_INGESTION_TIME:
        add_time(fill, piece);
        return;
    case PIECE_EVENT:
        add_event(fill);
        return;
    case PIECE_EVENT_JSON:
        scan_add_json(fill->event, fill->out);
        return;
    }
}

static int add_pieces(struct fill *fill, struct error *err)
{
    for (size_t i = 0; i < fill->template->piece_count; i++) {
        add_piece(fill, &fill->template->pieces[i]);
        if (fill->out->len > LIMIT_TRANSFORMED)
            return error_set(err, ERROR_LIMIT, "the filled in template has more than %d bytes",
                             LIMIT_TRANSFORMED);
    }
    return 0;
}

/* Into a buffer of its own first, as what turns out to be no JSON is not to be seen. */
static int fill_checked(struct fill *fill, struct buffer *out, struct error *err)
{
    scoped(buffer_done) struct buffer filled = {0};
    struct scan_value value;

    fill->out = &filled;
    if (add_pieces(fill, err) < 0)
        return -1;
    if (!fill->template->is_json)
        buffer_add_text(out, buffer_text(&filled));
    else if (scan_document(buffer_text(&filled), NULL, NULL, &value))
        scan_add_json(&value, out);
    else
        return error_set(err, ERROR_INVALID, "the filled in template is not JSON");
    return 0;
}

int template_fill(const struct template *template, const struct scan_value *event,
                  const struct transform_facts *facts, struct buffer *out, struct error *err)
{
    struct fill fill = {.template = template, .event = event, .facts = facts};
    size_t count = template->path_count;

    fill.found = mem_zalloc((count ? count : 1) * sizeof fill.found[0]);
    int done = fill_checked(&fill, out, err);
    for (size_t i = 0; i < count; i++)
        buffer_done(&fill.found[i].list);
    free(fill.found);
    return done;
}
