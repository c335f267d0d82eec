/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cloudevents_priv.h"

#include "base/scoped.h"

/* What the envelope says in fields of its own. */
static bool is_in_envelope(struct text name)
{
    static const char *const names[] = {"id", "source", "type", "specversion", "time"};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (text_equal(name, text_of(names[i])))
            return true;
    return false;
}

static void add_member(struct buffer *out, const char *name, struct text value)
{
    buffer_add_format(out, ",\"%s\":", name);
    buffer_add_json(out, value);
}

static bool is_object(const struct cloud_event *event, struct scan_value *ret)
{
    return event->data_kind == CLOUD_DATA_JSON && scan_document(event->data, NULL, NULL, ret) &&
           ret->kind == SCAN_OBJECT;
}

/* written: the envelope's time. */
static void add_rest(const struct cloud_event *event, const char *written, struct buffer *out)
{
    struct text time = cloudevents_text(event, TEXT("time"));
    struct scan_value data;

    buffer_add_literal(out, ",\"cloudevent\":{\"specversion\":\"1.0\"");
    for (size_t i = 0; i < event->count; i++)
        if (!is_in_envelope(event->attributes[i].name))
            cloud_write_attribute(&event->attributes[i], out);
    if (!text_is_set(time))
        buffer_add_literal(out, ",\"time\":null");
    else if (!text_equal(time, text_of(written)))
        add_member(out, "time", time);
    if (event->data_kind == CLOUD_DATA_NONE)
        buffer_add_literal(out, ",\"data_base64\":null");
    else if (!is_object(event, &data))
        cloud_write_data(event, out);
    buffer_add_char(out, '}');
}

void cloudevents_write_envelope(const struct cloud_event *event,
                                const struct cloud_envelope *envelope, struct buffer *out)
{
    struct scan_value detail;
    char time[32];
    int64_t seconds;

    if (!cloud_time_parse(cloudevents_text(event, TEXT("time")), &seconds))
        seconds = envelope->accepted_ms / 1000;
    cloud_time_format(seconds, time);
    buffer_add_literal(out, "{\"version\":\"0\"");
    add_member(out, "id", cloudevents_text(event, TEXT("id")));
    add_member(out, "detail-type", cloudevents_text(event, TEXT("type")));
    add_member(out, "source", cloudevents_text(event, TEXT("source")));
    add_member(out, "account", envelope->account);
    add_member(out, "time", text_of(time));
    add_member(out, "region", envelope->region);
    buffer_add_literal(out, ",\"resources\":[],\"detail\":");
    if (is_object(event, &detail))
        scan_add_json(&detail, out);
    else
        buffer_add_literal(out, "{}");
    add_rest(event, time, out);
    buffer_add_char(out, '}');
}

/* The fields of an envelope that matter here. */
struct fields {
    struct scan_value id, type, source, time, detail, rest;
};

static void on_field(void *arg, const struct scan_value *name, const struct scan_value *value)
{
    struct fields *fields = arg;
    const struct {
        struct text name;
        struct scan_value *value;
    } known[] = {
        {TEXT("id"), &fields->id},         {TEXT("detail-type"), &fields->type},
        {TEXT("source"), &fields->source}, {TEXT("time"), &fields->time},
        {TEXT("detail"), &fields->detail}, {TEXT("cloudevent"), &fields->rest},
    };

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (scan_is(name, known[i].name))
            *known[i].value = *value;
}

static int add_string(struct cloud_draft *draft, struct text name, const struct scan_value *value,
                      struct error *err)
{
    if (value->kind != SCAN_STRING)
        return error_set(err, ERROR_INVALID, "the envelope has no %s", name.at);
    return cloud_draft_add_json(draft, name, value, err);
}

static int add_plain(struct cloud_draft *draft, const struct fields *fields, struct error *err)
{
    const struct cloud_attribute type = {.name = TEXT("datacontenttype"),
                                         .value = TEXT("application/json")};

    draft->data = fields->detail.text;
    draft->data_kind = CLOUD_DATA_JSON;
    if (cloud_draft_add(draft, type, err) < 0)
        return -1;
    return add_string(draft, TEXT("time"), &fields->time, err);
}

/* What "cloudevent" says; what it does not say is in the envelope's own fields. */
static int add_carried(struct cloud_draft *draft, const struct fields *fields, struct error *err)
{
    struct cloud_parts parts = {0};
    struct scan_value name, value;
    bool has_time = false;

    for (struct scan scan = scan_open(&fields->rest); scan_member(&scan, &name, &value);) {
        has_time |= scan_is(&name, TEXT("time"));
        if (!scan_is(&name, TEXT("specversion")) &&
            cloud_draft_add_member(draft, &name, &value, &parts, err) < 0)
            return -1;
    }
    if (!has_time && add_string(draft, TEXT("time"), &fields->time, err) < 0)
        return -1;
    if (parts.has_data || parts.has_base64)
        return cloud_draft_set_data(draft, &parts, err);
    draft->data = fields->detail.text;
    draft->data_kind = CLOUD_DATA_JSON;
    return 0;
}

int cloudevents_read_envelope(struct text envelope, struct arena *arena, struct cloud_event *ret,
                              struct error *err)
{
    struct cloud_draft draft = {.arena = arena, .is_known = true};
    const struct cloud_attribute version = {.name = TEXT("specversion"), .value = TEXT("1.0")};
    struct fields fields = {0};
    struct scan_value root;

    if (!scan_document(envelope, on_field, &fields, &root) || root.kind != SCAN_OBJECT ||
        fields.detail.kind != SCAN_OBJECT)
        return error_set(err, ERROR_INVALID, "the envelope is not JSON with a detail");
    if (cloud_draft_add(&draft, version, err) < 0 ||
        add_string(&draft, TEXT("id"), &fields.id, err) < 0 ||
        add_string(&draft, TEXT("source"), &fields.source, err) < 0 ||
        add_string(&draft, TEXT("type"), &fields.type, err) < 0)
        return -1;
    if (fields.rest.kind == SCAN_OBJECT ? add_carried(&draft, &fields, err) < 0
                                        : add_plain(&draft, &fields, err) < 0)
        return -1;
    return cloud_draft_end(&draft, ret, err);
}
