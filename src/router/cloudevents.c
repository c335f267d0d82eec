/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cloudevents_priv.h"

#include "base/civil.h"
#include "base/clock.h"
#include "base/scoped.h"
#include "model/limits.h"

/* Data may be within "data" within "cloudevent" in an envelope that is to be scanned again. */
#define DATA_DEPTH_MAX (SCAN_DEPTH_MAX - 2)

const struct cloud_attribute *cloudevents_find(const struct cloud_event *event, struct text name)
{
    for (size_t i = 0; i < event->count; i++)
        if (text_equal(event->attributes[i].name, name))
            return &event->attributes[i];
    return NULL;
}

struct text cloudevents_text(const struct cloud_event *event, struct text name)
{
    const struct cloud_attribute *attribute = cloudevents_find(event, name);

    return attribute ? attribute->value : TEXT_NONE;
}

struct text cloud_media_type(struct text content_type)
{
    return text_trim(text_slice(content_type, 0, text_find(content_type, ';')));
}

static bool ends_nocase(struct text t, struct text end)
{
    return t.len >= end.len && text_equal_nocase(text_skip(t, t.len - end.len), end);
}

bool cloud_type_is_json(struct text content_type)
{
    struct text type = cloud_media_type(content_type);

    return !text_is_set(content_type) || ends_nocase(type, TEXT("/json")) ||
           ends_nocase(type, TEXT("+json"));
}

/* Whether data of that type is to be read by people and JSON documents. */
static bool is_textual(struct text content_type)
{
    struct text type = cloud_media_type(content_type);

    return text_equal_nocase(text_slice(type, 0, 5), TEXT("text/")) ||
           ends_nocase(type, TEXT("/xml")) || ends_nocase(type, TEXT("+xml"));
}

void cloud_draft_set_bytes(struct cloud_draft *draft, struct text bytes, struct text type)
{
    draft->data = bytes;
    draft->data_kind = text_is_set(type) && is_textual(type) && text_is_utf8(bytes)
                           ? CLOUD_DATA_TEXT
                           : CLOUD_DATA_BYTES;
}

struct text cloud_string(const struct scan_value *string, struct arena *arena)
{
    struct scan_value copy = *string;

    if (!string->has_escapes)
        return string->text;
    copy.text = arena_copy(arena, string->text);
    return scan_unescape(&copy);
}

static bool is_name(struct text name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!((name.at[i] >= 'a' && name.at[i] <= 'z') || (name.at[i] >= '0' && name.at[i] <= '9')))
            return false;
    return name.len > 0;
}

/* The bytes of the character that t begins with, or 0: CloudEvents 2.1 (String): no control
 * characters, no noncharacters, no lone surrogates (which UTF-8 does not have). */
static size_t allowed_len(struct text t)
{
    const uint8_t *at = (const uint8_t *)t.at;
    size_t len = text_utf8_len(t);

    if (len == 1)
        return at[0] >= 0x20 && at[0] != 0x7f;
    if (len == 2)
        return at[0] == 0xc2 && at[1] < 0xa0 ? 0 : 2;
    if (len == 3 && at[0] == 0xef &&
        ((at[1] == 0xb7 && at[2] >= 0x90 && at[2] <= 0xaf) || (at[1] == 0xbf && at[2] >= 0xbe)))
        return 0; /* U+FDD0 to U+FDEF, U+FFFE, U+FFFF */
    if (len == 4 && (at[1] & 0x0f) == 0x0f && at[2] == 0xbf && at[3] >= 0xbe)
        return 0; /* the last two of every other plane */
    return len;
}

static bool is_string(struct text value)
{
    while (value.len > 0) {
        size_t len = allowed_len(value);
        if (len == 0)
            return false;
        value = text_skip(value, len);
    }
    return true;
}

/* "+01:00", "Z"; what is to be taken from the local time. */
static bool parse_offset(struct text t, int64_t *ret_s)
{
    int64_t hours, minutes;

    *ret_s = 0;
    if (text_equal_nocase(t, TEXT("Z")))
        return true;
    if (t.len != 6 || (t.at[0] != '+' && t.at[0] != '-') || t.at[3] != ':' ||
        !text_to_int(text_slice(t, 1, 3), 0, 23, &hours) ||
        !text_to_int(text_slice(t, 4, 6), 0, 59, &minutes))
        return false;
    *ret_s = (hours * 60 + minutes) * (t.at[0] == '-' ? -60 : 60);
    return true;
}

static bool parse_date(struct text t, struct civil *ret)
{
    int64_t parts[6];
    static const struct {
        size_t from, to;
        int64_t min, max;
    } fields[] = {{0, 4, 1, 9999}, {5, 7, 1, 12},   {8, 10, 1, 31},
                  {11, 13, 0, 23}, {14, 16, 0, 59}, {17, 19, 0, 60}};

    if (t.len != 19 || t.at[4] != '-' || t.at[7] != '-' || (t.at[10] | 0x20) != 't' ||
        t.at[13] != ':' || t.at[16] != ':')
        return false;
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (!text_to_int(text_slice(t, fields[i].from, fields[i].to), fields[i].min, fields[i].max,
                         &parts[i]))
            return false;
    *ret = (struct civil){.year = (int)parts[0],
                          .month = (int)parts[1],
                          .day = (int)parts[2],
                          .hour = (int)parts[3],
                          .minute = (int)parts[4],
                          .second = (int)parts[5]};
    return ret->day <= civil_month_days(ret->year, ret->month);
}

/* Takes ".5" from *rest if it begins with a fraction. False when there is a dot alone. */
static bool take_fraction(struct text *rest, struct text *ret)
{
    size_t digits = 1;

    *ret = TEXT("");
    if (rest->len == 0 || rest->at[0] != '.')
        return true;
    while (digits < rest->len && rest->at[digits] >= '0' && rest->at[digits] <= '9')
        digits++;
    *ret = text_slice(*rest, 0, digits);
    *rest = text_skip(*rest, digits);
    return digits > 1;
}

static bool parse_time(struct text time, int64_t *ret_s, struct text *ret_fraction)
{
    struct text rest = text_skip(time, 19);
    struct civil date;
    int64_t offset;

    if (!parse_date(text_slice(time, 0, 19), &date) || !take_fraction(&rest, ret_fraction) ||
        !parse_offset(rest, &offset))
        return false;
    *ret_s = civil_seconds(&date) - offset;
    return true;
}

bool cloud_time_parse(struct text time, int64_t *ret_s)
{
    struct text fraction;

    return parse_time(time, ret_s, &fraction);
}

char *cloud_time_format(int64_t seconds, char out[static 32])
{
    clock_format_iso(seconds * 1000, out);
    memcpy(out + strlen("2026-01-31T12:00:00"), "Z", sizeof "Z");
    return out;
}

struct text cloud_time_normal(struct text time, struct arena *arena)
{
    struct text fraction;
    int64_t seconds;
    char utc[32];

    if (!parse_time(time, &seconds, &fraction) || seconds < 0)
        return time;
    fraction = text_slice(fraction, 0, strlen(".123456789"));
    while (fraction.len > 0 && strchr(".0", fraction.at[fraction.len - 1]))
        fraction.len--;
    cloud_time_format(seconds, utc);
    return text_of(arena_format(arena, "%.19s%.*sZ", utc, TEXT_ARG(fraction)));
}

static int check_value(const struct cloud_attribute *attribute, struct error *err)
{
    static const char *const never_empty[] = {
        "id", "source", "type", "specversion", "subject", "datacontenttype", "dataschema", "time",
    };
    int64_t unused;

    for (size_t i = 0; i < COUNT_OF(never_empty); i++) {
        if (!text_equal(attribute->name, text_of(never_empty[i])))
            continue;
        if (attribute->kind != CLOUD_STRING)
            return error_set(err, ERROR_INVALID, "attribute '%s' must be a string", never_empty[i]);
        if (attribute->value.len == 0)
            return error_set(err, ERROR_INVALID, "attribute '%s' is empty", never_empty[i]);
    }
    if (!is_string(attribute->value))
        return error_set(err, ERROR_INVALID,
                         "attribute '%.*s' has control characters or is not UTF-8",
                         TEXT_ARG(attribute->name));
    if (text_equal(attribute->name, TEXT("time")) && !cloud_time_parse(attribute->value, &unused))
        return error_set(err, ERROR_INVALID,
                         "attribute 'time' must be like 2026-01-31T12:00:00Z (RFC 3339)");
    return 0;
}

static void make_room(struct cloud_draft *draft)
{
    size_t capacity = draft->capacity ? draft->capacity * 2 : 8;
    struct cloud_attribute *more = arena_alloc(draft->arena, capacity * sizeof more[0]);

    if (draft->count > 0)
        memcpy(more, draft->attributes, draft->count * sizeof more[0]);
    draft->attributes = more;
    draft->capacity = capacity;
}

int cloud_draft_add(struct cloud_draft *draft, struct cloud_attribute attribute, struct error *err)
{
    const struct cloud_event so_far = {.attributes = draft->attributes, .count = draft->count};

    if (!is_name(attribute.name) || text_equal(attribute.name, TEXT("data")))
        return error_set(err, ERROR_INVALID,
                         "'%.*s' cannot be an attribute's name: use lower-case letters and digits",
                         TEXT_ARG(attribute.name));
    if (cloudevents_find(&so_far, attribute.name))
        return error_set(err, ERROR_INVALID, "attribute '%.*s' is there twice",
                         TEXT_ARG(attribute.name));
    if (draft->count == LIMIT_CLOUD_ATTRIBUTES)
        return error_set(err, ERROR_LIMIT, "the event has more than %d attributes",
                         LIMIT_CLOUD_ATTRIBUTES);
    if (attribute.value.len > LIMIT_CLOUD_VALUE)
        return error_set(err, ERROR_LIMIT, "attribute '%.*s' has more than %d bytes",
                         TEXT_ARG(attribute.name), LIMIT_CLOUD_VALUE);
    if (!draft->is_known && check_value(&attribute, err) < 0)
        return -1;
    if (draft->count == draft->capacity)
        make_room(draft);
    draft->attributes[draft->count++] = attribute;
    return 0;
}

/* An Integer is of 32 bits and written without fraction and exponent. */
static bool is_integer(struct text number)
{
    bool is_negative = number.at[0] == '-';
    int64_t value;

    return text_to_int(text_skip(number, is_negative), 0, INT64_C(2147483647) + is_negative,
                       &value);
}

int cloud_draft_add_json(struct cloud_draft *draft, struct text name,
                         const struct scan_value *value, struct error *err)
{
    struct cloud_attribute attribute = {.name = name, .value = value->text};

    if (value->kind == SCAN_NULL)
        return 0;
    if (value->kind == SCAN_STRING)
        attribute.value = cloud_string(value, draft->arena);
    else if (value->kind == SCAN_TRUE || value->kind == SCAN_FALSE)
        attribute.kind = CLOUD_BOOLEAN;
    else if (value->kind == SCAN_NUMBER && is_integer(value->text))
        attribute.kind = CLOUD_INTEGER;
    else
        return error_set(err, ERROR_INVALID,
                         "attribute '%.*s' must be a string, true, false or a whole number of 32 "
                         "bits",
                         TEXT_ARG(name));
    return cloud_draft_add(draft, attribute, err);
}

int cloud_draft_end(const struct cloud_draft *draft, struct cloud_event *ret, struct error *err)
{
    static const char *const required[] = {"specversion", "id", "source", "type"};
    struct text version;

    *ret = (struct cloud_event){.attributes = draft->attributes,
                                .count = draft->count,
                                .data_kind = draft->data_kind,
                                .data = draft->data};
    for (size_t i = 0; i < COUNT_OF(required); i++)
        if (!cloudevents_find(ret, text_of(required[i])))
            return error_set(err, ERROR_INVALID, "the event has no attribute '%s'", required[i]);
    if (!draft->is_known && draft->data_kind == CLOUD_DATA_JSON &&
        scan_depth(draft->data) > DATA_DEPTH_MAX)
        return error_set(err, ERROR_LIMIT, "the data nests deeper than %d", DATA_DEPTH_MAX);
    version = cloudevents_text(ret, TEXT("specversion"));
    if (!text_equal(version, TEXT("1.0")))
        return error_set(err, ERROR_INVALID, "specversion '%.*s' is not served, 1.0 is",
                         TEXT_ARG(version));
    return 0;
}
