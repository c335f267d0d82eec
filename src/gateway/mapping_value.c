/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "gateway/mapping.h"
#include "http/uri.h"
#include "router/json_path.h"

#define BODY_BYTES_MAX (100 << 10) /* API Gateway: what a JSON path sees of a body */
#define PIECES_MAX 32

enum kind {
    CONSTANT,
    REQUEST_HEADER,
    REQUEST_QUERY,
    REQUEST_BODY,
    REQUEST_PATH,
    ANSWER_HEADER,
    ANSWER_BODY,
    OTHER
};

struct piece {
    enum kind kind;
    char *name;             /* or the constant itself */
    struct json_path *path; /* into a body; NULL: all of it */
};

struct mapping_value {
    size_t count;
    struct piece pieces[PIECES_MAX];
};

static const struct {
    struct text prefix;
    enum kind kind;
} references[] = {
    {TEXT("request.header."), REQUEST_HEADER},
    {TEXT("request.querystring."), REQUEST_QUERY},
    {TEXT("request.body."), REQUEST_BODY},
    {TEXT("request.path."), OTHER},
    {TEXT("response.header."), ANSWER_HEADER},
    {TEXT("response.body."), ANSWER_BODY},
    {TEXT("context."), OTHER},
    {TEXT("stageVariables."), OTHER},
};

static char *lower(struct text text)
{
    char *copy = text_dup(text);

    for (char *at = copy; *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at |= 0x20;
    return copy;
}

static bool read_whole(struct piece *piece, struct text name)
{
    if (text_equal(name, TEXT("request.body")))
        piece->kind = REQUEST_BODY;
    else if (text_equal(name, TEXT("response.body")))
        piece->kind = ANSWER_BODY;
    else if (text_equal(name, TEXT("request.path")))
        piece->kind = REQUEST_PATH;
    else
        return false;
    piece->name = mem_strdup("");
    return true;
}

/* name: without the "$". */
static int read_reference(struct piece *piece, struct text name, struct error *err)
{
    if (read_whole(piece, name))
        return 0;
    for (size_t i = 0; i < COUNT_OF(references); i++) {
        if (!text_starts(name, references[i].prefix) || name.len == references[i].prefix.len)
            continue;
        struct text rest = text_skip(name, references[i].prefix.len);
        piece->kind = references[i].kind;
        piece->name = piece->kind == OTHER ? text_dup(name)
                      : piece->kind == REQUEST_HEADER || piece->kind == ANSWER_HEADER
                          ? lower(rest)
                          : text_dup(rest);
        if (piece->kind != REQUEST_BODY && piece->kind != ANSWER_BODY)
            return 0;
        scoped(free) char *path = mem_format("$.%s", piece->name);
        piece->path = json_path_compile(text_of(path));
        if (piece->path && !json_path_is_list(piece->path))
            return 0;
        break;
    }
    return error_set(err, ERROR_INVALID, "'$%.*s' is no value of a parameter mapping",
                     TEXT_ARG(name));
}

static struct piece *add_piece(struct mapping_value *value, struct error *err)
{
    if (value->count < PIECES_MAX)
        return &value->pieces[value->count++];
    error_set(err, ERROR_LIMIT, "a mapped value has at most %d parts", PIECES_MAX);
    return NULL;
}

static int add_constant(struct mapping_value *value, struct text text, struct error *err)
{
    struct piece *piece = text.len ? add_piece(value, err) : NULL;

    if (text.len == 0)
        return 0;
    if (!piece)
        return -1;
    *piece = (struct piece){.kind = CONSTANT, .name = text_dup(text)};
    return 0;
}

static int read_parts(struct mapping_value *value, struct text text, struct error *err)
{
    for (;;) {
        size_t at = text_find_text(text, TEXT("${"));
        if (add_constant(value, text_slice(text, 0, at), err) < 0)
            return -1;
        if (at == text.len)
            return 0;
        text = text_skip(text, at + 2);
        size_t end = text_find(text, '}');
        if (end == text.len)
            return error_set(err, ERROR_INVALID, "a mapped value has a '${' without its '}'");
        struct piece *piece = add_piece(value, err);
        if (!piece || read_reference(piece, text_slice(text, 0, end), err) < 0)
            return -1;
        text = text_skip(text, end + 1);
    }
}

struct mapping_value *mapping_value_compile(struct text text, struct error *err)
{
    struct mapping_value *value = mem_new(struct mapping_value);
    int result;

    if (text.len > 1 && text.at[0] == '$' && text.at[1] != '{')
        result = read_reference(&value->pieces[value->count++], text_skip(text, 1), err);
    else
        result = read_parts(value, text, err);
    if (result == 0)
        return value;
    mapping_value_free(value);
    return NULL;
}

void mapping_value_free(struct mapping_value *value)
{
    if (!value)
        return;
    for (size_t i = 0; i < value->count; i++) {
        free(value->pieces[i].name);
        json_path_free(value->pieces[i].path);
    }
    free(value);
}

/* --- getting it --- */

/* Values of the same name are joined with commas. */
static struct text join_query(struct text query, struct text name, struct arena *arena)
{
    struct text joined = TEXT_NONE, encoded, value, decoded;

    while (uri_query_next(&query, &encoded, &value)) {
        if (!uri_decode(arena, encoded, true, &decoded) || !text_equal(decoded, name))
            continue;
        if (!text_is_set(value) || !uri_decode(arena, value, true, &decoded))
            decoded = text_is_set(value) ? value : TEXT("");
        joined =
            text_is_set(joined)
                ? text_of(arena_format(arena, "%.*s,%.*s", TEXT_ARG(joined), TEXT_ARG(decoded)))
                : decoded;
    }
    return joined;
}

struct found {
    struct arena *arena;
    struct text text;
};

static void on_found(void *arg, const struct scan_value *value)
{
    struct found *found = arg;
    scoped(buffer_done) struct buffer out = {0};

    buffer_add_text(&out, TEXT(""));
    if (value->kind == SCAN_STRING)
        scan_add_decoded(value, &out);
    else
        scan_add_json(value, &out);
    found->text = arena_copy(found->arena, out.len ? buffer_text(&out) : TEXT(""));
}

static struct text find_in_body(const struct json_path *path, struct text body, struct arena *arena)
{
    struct found found = {arena, TEXT_NONE};
    struct scan_value whole;

    if (!path)
        return body.len ? body : TEXT("");
    if (body.len <= BODY_BYTES_MAX && scan_document(body, NULL, NULL, &whole))
        json_path_each(path, &whole, on_found, &found);
    return found.text;
}

static struct text get_piece(const struct piece *piece, const struct mapping_source *source)
{
    const struct http_request *request = source->request;
    struct text name = text_of(piece->name);

    switch (piece->kind) {
    case CONSTANT:
        return name;
    case REQUEST_HEADER:
        return text_equal(name, TEXT("host"))
                   ? request->host
                   : http_field_join(request->fields, request->field_count, name, source->arena);
    case REQUEST_QUERY:
        return join_query(request->query, name, source->arena);
    case REQUEST_BODY:
        return find_in_body(piece->path, source->body, source->arena);
    case REQUEST_PATH:
        return source->path;
    case ANSWER_HEADER:
        return http_field_join(source->answer_fields, source->answer_count, name, source->arena);
    case ANSWER_BODY:
        return find_in_body(piece->path, source->answer_body, source->arena);
    case OTHER:
        return source->find(source->arg, name, source->arena);
    }
    return TEXT_NONE;
}

struct text mapping_value_get(const struct mapping_value *value,
                              const struct mapping_source *source)
{
    scoped(buffer_done) struct buffer out = {0};

    if (value->count == 0)
        return TEXT("");
    if (value->count == 1)
        return get_piece(&value->pieces[0], source);
    for (size_t i = 0; i < value->count; i++)
        buffer_add_text(&out, get_piece(&value->pieces[i], source));
    return out.len ? arena_copy(source->arena, buffer_text(&out)) : TEXT("");
}
