/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mapping.h"

#include "base/mem.h"
#include "http/uri.h"

enum act { APPEND, OVERWRITE, REMOVE };
enum place { PLACE_HEADER, PLACE_QUERY, PLACE_PATH, PLACE_STATUS };

struct change {
    enum act act;
    enum place place;
    char *name; /* of a header in lower case */
    struct mapping_value *value;
};

struct mapping {
    struct change *changes;
    size_t count;
};

#define STATUS_MIN 200
#define STATUS_MAX 599

/* --- compiling --- */

/* API Gateway: names that are not to be mapped, and how others begin. */
static const struct text reserved[] = {
    TEXT("authorization"),      TEXT("connection"),          TEXT("content-encoding"),
    TEXT("content-length"),     TEXT("content-location"),    TEXT("forwarded"),
    TEXT("keep-alive"),         TEXT("origin"),              TEXT("proxy-authenticate"),
    TEXT("proxy-authorization"), TEXT("te"),                 TEXT("trailers"),
    TEXT("transfer-encoding"),  TEXT("upgrade"),             TEXT("x-forwarded-for"),
    TEXT("x-forwarded-host"),   TEXT("x-forwarded-proto"),   TEXT("via"),
};
static const struct text reserved_starts[] = {
    TEXT("access-control-"), TEXT("apigw-"), TEXT("x-amz-"), TEXT("x-amzn-"), TEXT("x-evoke-"),
};

static bool is_reserved(struct text name)
{
    for (size_t i = 0; i < COUNT_OF(reserved); i++)
        if (text_equal(name, reserved[i]))
            return true;
    for (size_t i = 0; i < COUNT_OF(reserved_starts); i++)
        if (text_starts(name, reserved_starts[i]))
            return true;
    return false;
}

static bool is_token(struct text name)
{
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.at[i] <= ' ' || (unsigned char)name.at[i] >= 0x7f ||
            strchr("\"(),/:;<=>?@[\\]{}", name.at[i]))
            return false;
    return name.len > 0;
}

static bool read_act(struct text name, enum act *ret)
{
    static const struct text names[] = {
        [APPEND] = TEXT("append"), [OVERWRITE] = TEXT("overwrite"), [REMOVE] = TEXT("remove")};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (text_equal(name, names[i])) {
            *ret = (enum act)i;
            return true;
        }
    return false;
}

static int read_header(struct change *change, struct text name, struct error *err)
{
    change->place = PLACE_HEADER;
    change->name = text_dup(name);
    for (char *at = change->name; *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at |= 0x20;
    if (!is_token(name) || is_reserved(text_of(change->name)))
        return error_set(err, ERROR_INVALID, "the header '%.*s' cannot be mapped", TEXT_ARG(name));
    return 0;
}

static int read_place(struct change *change, struct text key, struct text what,
                      enum mapping_side side, struct error *err)
{
    bool is_request = side == MAPPING_REQUEST;

    if (text_starts(what, TEXT("header.")))
        return read_header(change, text_skip(what, 7), err);
    if (is_request && text_starts(what, TEXT("querystring.")) && what.len > 12) {
        change->place = PLACE_QUERY;
        change->name = text_dup(text_skip(what, 12));
        return 0;
    }
    change->place = is_request ? PLACE_PATH : PLACE_STATUS;
    if (change->act == OVERWRITE &&
        text_equal(what, is_request ? TEXT("path") : TEXT("statuscode")))
        return 0;
    return error_set(err, ERROR_INVALID, "'%.*s' is no parameter mapping of a %s", TEXT_ARG(key),
                     is_request ? "request" : "response");
}

static int read_change(struct change *change, struct text key, const json_t *value,
                       enum mapping_side side, struct error *err)
{
    size_t colon = text_find(key, ':');

    if (!json_is_string(value) || !read_act(text_slice(key, 0, colon), &change->act))
        return error_set(err, ERROR_INVALID, "'%.*s' is no parameter mapping", TEXT_ARG(key));
    if (read_place(change, key, text_skip(key, colon + 1), side, err) < 0)
        return -1;
    if (change->act == REMOVE)
        return 0;
    change->value = mapping_value_compile(
        text_from(json_string_value(value), json_string_length(value)), err);
    return change->value ? 0 : -1;
}

struct mapping *mapping_compile(const json_t *parameters, enum mapping_side side,
                                struct error *err)
{
    scoped(mapping_free) struct mapping *mapping = mem_new(struct mapping);
    const char *key;
    json_t *value;

    mapping->changes = mem_zalloc((json_object_size(parameters) + 1) * sizeof *mapping->changes);
    json_object_foreach((json_t *)(uintptr_t)parameters, key, value)
    {
        if (read_change(&mapping->changes[mapping->count++], text_of(key), value, side, err) < 0)
            return NULL;
    }
    return take(mapping);
}

void mapping_free(struct mapping *mapping)
{
    if (!mapping)
        return;
    for (size_t i = 0; i < mapping->count; i++) {
        free(mapping->changes[i].name);
        mapping_value_free(mapping->changes[i].value);
    }
    free(mapping->changes);
    free(mapping);
}

/* --- applying --- */

/* What would end a header before its time becomes a blank. */
static struct text clean(struct text value, struct arena *arena)
{
    bool is_clean = true;

    for (size_t i = 0; i < value.len; i++)
        is_clean = is_clean && ((unsigned char)value.at[i] >= ' ' || value.at[i] == '\t') &&
                   value.at[i] != 0x7f;
    if (is_clean)
        return value;
    char *copy = arena_string(arena, value);
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)copy[i] < ' ' || copy[i] == 0x7f)
            copy[i] = ' ';
    return text_from(copy, value.len);
}

static size_t drop_fields(struct http_field *fields, size_t count, struct text name)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (!text_equal_nocase(fields[i].name, name))
            fields[kept++] = fields[i];
    return kept;
}

static void change_fields(const struct change *change, struct text value,
                          struct http_field *fields, size_t *count, size_t max,
                          struct arena *arena)
{
    struct text name = arena_copy(arena, text_of(change->name));

    if (change->act != APPEND)
        *count = drop_fields(fields, *count, name);
    if (change->act != REMOVE && *count < max)
        fields[(*count)++] = (struct http_field){name, clean(arena_copy(arena, value), arena)};
}

static struct text change_query(const struct change *change, struct text value, struct text query,
                                struct arena *arena)
{
    scoped(buffer_done) struct buffer out = {0};
    struct text rest = query, piece, decoded, name = text_of(change->name);

    while (text_split(&rest, '&', &piece)) {
        bool is_it = uri_decode(arena, text_slice(piece, 0, text_find(piece, '=')), true,
                                &decoded) &&
                     text_equal(decoded, name);
        if (is_it && change->act != APPEND)
            continue;
        if (out.len)
            buffer_add_char(&out, '&');
        buffer_add_text(&out, piece);
    }
    if (change->act != REMOVE) {
        if (out.len)
            buffer_add_char(&out, '&');
        uri_encode(&out, name, /* keep_slash= */ false);
        buffer_add_char(&out, '=');
        uri_encode(&out, value, /* keep_slash= */ false);
    }
    return out.len ? arena_copy(arena, buffer_text(&out)) : TEXT_NONE;
}

/* What is overwritten with a value that is not there is gone: the client's own must not stand where
 * the claim of a token was to be. False: nothing changes. */
static bool settle(struct change *change, const struct mapping_source *source, struct text *ret)
{
    *ret = change->act == REMOVE ? TEXT("") : mapping_value_get(change->value, source);
    if (text_is_set(*ret))
        return true;
    change->act = change->act == OVERWRITE ? REMOVE : change->act;
    return change->act == REMOVE && (change->place == PLACE_HEADER || change->place == PLACE_QUERY);
}

void mapping_apply_request(const struct mapping *mapping, const struct mapping_source *source,
                           struct http_request *request, struct text *path)
{
    struct arena *arena = source->arena;
    size_t max = request->field_count + mapping->count, count = request->field_count;
    struct http_field *fields = arena_alloc(arena, (max + 1) * sizeof *fields);

    *path = TEXT_NONE;
    memcpy(fields, request->fields, count * sizeof *fields);
    struct text query = request->query, host = request->host;
    for (size_t i = 0; i < mapping->count; i++) {
        struct change change = mapping->changes[i];
        struct text value;
        if (!settle(&change, source, &value))
            continue;
        if (change.place == PLACE_HEADER) {
            change_fields(&change, value, fields, &count, max, arena);
            if (strcmp(change.name, "host") == 0 && change.act == OVERWRITE)
                host = clean(arena_copy(arena, value), arena);
        } else if (change.place == PLACE_QUERY) {
            query = change_query(&change, value, query, arena);
        } else {
            *path = text_starts(value, TEXT("/"))
                        ? arena_copy(arena, value)
                        : text_of(arena_format(arena, "/%.*s", TEXT_ARG(value)));
        }
    }
    request->fields = fields;
    request->field_count = count;
    request->query = query;
    request->host = host;
}

void mapping_apply_response(const struct mapping *mapping, const struct mapping_source *source,
                            struct http_field *fields, size_t *count, size_t max, int *status)
{
    /* Values are those of the answer as it came. */
    struct change *changes = arena_alloc(source->arena, (mapping->count + 1) * sizeof *changes);
    struct text *values = arena_alloc(source->arena, (mapping->count + 1) * sizeof *values);
    size_t settled = 0;
    int64_t number;

    for (size_t i = 0; i < mapping->count; i++) {
        changes[settled] = mapping->changes[i];
        settled += settle(&changes[settled], source, &values[settled]);
    }
    for (size_t i = 0; i < settled; i++) {
        if (changes[i].place == PLACE_HEADER)
            change_fields(&changes[i], values[i], fields, count, max, source->arena);
        else if (text_to_int(values[i], STATUS_MIN, STATUS_MAX, &number))
            *status = (int)number;
    }
}
