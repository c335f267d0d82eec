/* SPDX-License-Identifier: Apache-2.0 */
#include "router/template_priv.h"

#include "base/json.h"
#include "base/json_check.h"
#include "base/mem.h"

static const struct {
    struct text name;
    enum piece_kind kind;
} predefined[] = {
    {TEXT("aws.events.rule-arn"), PIECE_RULE_ARN},
    {TEXT("aws.events.rule-name"), PIECE_RULE_NAME},
    {TEXT("aws.events.event.ingestion-time"), PIECE_INGESTION_TIME},
    {TEXT("aws.events.event"), PIECE_EVENT},
    {TEXT("aws.events.event.json"), PIECE_EVENT_JSON},
};

/* Where the template is being cut. */
struct cut {
    struct template *template;
    json_t *map; /* InputPathsMap, or NULL */
    struct text id;
    struct text rest;
    bool in_string;
    char *filled; /* the template with values for variables, to see whether it is JSON */
};

static bool is_name_char(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
           c == '-' || c == '.';
}

/* The name of the variable that t begins with, or nothing: "<" is text unless a name and
 * ">" follow. */
static struct text variable_at(struct text t)
{
    size_t len = 1;

    if (t.at[0] != '<')
        return TEXT_NONE;
    while (len < t.len && is_name_char(t.at[len]))
        len++;
    if (len == 1 || len == t.len || t.at[len] != '>')
        return TEXT_NONE;
    return text_slice(t, 1, len);
}

static char first_char(struct text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (!t.at[i] || !strchr(" \t\r\n", t.at[i]))
            return t.at[i];
    return '\0';
}

static int find_path(json_t *map, struct text name, size_t *ret)
{
    void *entry = json_object_iter(map);

    for (*ret = 0; entry; entry = json_object_iter_next(map, entry), ++*ret)
        if (text_equal(text_of(json_object_iter_key(entry)), name))
            return 0;
    return -1;
}

static int resolve(const struct cut *cut, struct text name, struct piece *piece, struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(predefined); i++)
        if (text_equal(name, predefined[i].name))
            piece->kind = predefined[i].kind;
    if (piece->kind == PIECE_TEXT && find_path(cut->map, name, &piece->path) == 0)
        piece->kind = PIECE_PATH;
    if (piece->kind == PIECE_TEXT)
        return error_set(err, ERROR_INVALID,
                         "InputTemplate for target %.*s contains invalid placeholder %.*s.",
                         TEXT_ARG(cut->id), TEXT_ARG(name));
    if (piece->kind >= PIECE_EVENT && first_char(cut->template->source) != '{')
        return error_set(err, ERROR_INVALID,
                         "InputTemplate for target %.*s contains placeholder %.*s valid only for "
                         "JSON template.",
                         TEXT_ARG(cut->id), TEXT_ARG(name));
    return 0;
}

static void add_piece(struct template *template, struct piece piece)
{
    if (template->piece_count % 16 == 0)
        template->pieces = mem_realloc(template->pieces,
                                       (template->piece_count + 16) * sizeof template->pieces[0]);
    template->pieces[template->piece_count++] = piece;
}

/* A value that nothing can stand next to and that is no member's name: "[111]". */
static void put_value(char *at, size_t len)
{
    memset(at, '1', len);
    at[0] = '[';
    at[len - 1] = ']';
}

static int cut_variable(struct cut *cut, struct text name, struct error *err)
{
    struct piece piece = {.is_quoted = cut->in_string};

    if (resolve(cut, name, &piece, err) < 0)
        return -1;
    if (!cut->in_string)
        put_value(cut->filled + (name.at - 1 - cut->template->source.at), name.len + 2);
    add_piece(cut->template, piece);
    cut->rest = text_skip(cut->rest, name.len + 2);
    return 0;
}

/* Text up to the next variable or the end. */
static void cut_text(struct cut *cut)
{
    size_t len = 0;

    for (; len < cut->rest.len && !variable_at(text_skip(cut->rest, len)).len; len++) {
        char c = cut->rest.at[len];
        if (c == '"')
            cut->in_string = !cut->in_string;
        if (c == '\\' && cut->in_string && len + 1 < cut->rest.len)
            len++;
    }
    add_piece(cut->template,
              (struct piece){.kind = PIECE_TEXT, .text = text_slice(cut->rest, 0, len)});
    cut->rest = text_skip(cut->rest, len);
}

static int check_syntax(const struct cut *cut, struct error *err)
{
    struct template *template = cut->template;
    struct text filled = {cut->filled, template->source.len};
    scoped(buffer_done) struct buffer where = {0};
    struct scan_value value;

    if (json_check_text(filled, /* many= */ !template->is_json, &where) &&
        (!template->is_json || scan_document(filled, NULL, NULL, &value)))
        return 0;
    return error_set(err, ERROR_INVALID, "Invalid InputTemplate for target %.*s : %.*s.",
                     TEXT_ARG(cut->id), TEXT_ARG(buffer_text(&where)));
}

static int cut_template(struct template *template, json_t *map, struct text id, struct error *err)
{
    scoped(free) char *filled = text_dup(template->source);
    struct cut cut = {.template = template, .map = map, .id = id, .filled = filled};

    for (cut.rest = template->source; cut.rest.len > 0;) {
        struct text name = variable_at(cut.rest);
        if (!name.len)
            cut_text(&cut);
        else if (cut_variable(&cut, name, err) < 0)
            return -1;
    }
    return check_syntax(&cut, err);
}

static int compile_paths(struct template *template, json_t *map, struct text id, struct error *err)
{
    const char *name;
    json_t *path;

    template->paths = mem_zalloc(json_object_size(map) * sizeof template->paths[0] + 1);
    json_object_foreach(map, name, path)
    {
        struct text source = text_from(json_string_value(path), json_string_length(path));
        struct json_path *compiled = json_path_compile(source);
        if (!compiled)
            return error_set(err, ERROR_INVALID, "InputPath for target %.*s is invalid.",
                             TEXT_ARG(id));
        template->paths[template->path_count++] = compiled;
    }
    return 0;
}

struct template *template_compile(const json_t *transformer, struct text target_id,
                                  struct error *err)
{
    json_t *map = json_object_get(transformer, "InputPathsMap");
    struct text source = json_text(transformer, "InputTemplate");
    scoped(template_free) struct template *template = mem_new(struct template);

    template->bytes = text_dup(source);
    template->source = text_from(template->bytes, source.len);
    template->is_json = first_char(source) == '{' || first_char(source) == '[';
    if (compile_paths(template, map, target_id, err) < 0 ||
        cut_template(template, map, target_id, err) < 0)
        return NULL;
    return take(template);
}

void template_free(struct template *template)
{
    if (!template)
        return;
    for (size_t i = 0; i < template->path_count; i++)
        json_path_free(template->paths[i]);
    free(template->paths);
    free(template->pieces);
    free(template->bytes);
    free(template);
}
