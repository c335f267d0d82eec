/* SPDX-License-Identifier: Apache-2.0 */
#include "router/transform.h"

#include "base/json.h"
#include "base/json_check.h"
#include "base/mem.h"
#include "router/json_path.h"
#include "router/template.h"

/* At most one of these is set; none means the whole event. */
struct transform {
    char *input;
    struct json_path *path;
    struct template *template;
};

static int compile_input(struct transform *transform, struct text input, struct text id,
                         struct error *err)
{
    scoped(buffer_done) struct buffer where = {0};

    if (!json_check_text(input, /* many= */ false, &where))
        return error_set(err, ERROR_INVALID, "JSON syntax error in input for target %.*s: %.*s",
                         TEXT_ARG(id), TEXT_ARG(buffer_text(&where)));
    transform->input = text_dup(input);
    return 0;
}

static int compile_path(struct transform *transform, struct text path, struct text id,
                        struct error *err)
{
    transform->path = json_path_compile(path);
    if (!transform->path)
        return error_set(err, ERROR_INVALID, "InputPath for target %.*s is invalid.", TEXT_ARG(id));
    return 0;
}

static int compile_template(struct transform *transform, const json_t *transformer, struct text id,
                            struct error *err)
{
    transform->template = template_compile(transformer, id, err);
    return transform->template ? 0 : -1;
}

struct transform *transform_compile(const json_t *target, struct error *err)
{
    struct text id = json_text(target, "Id"), input = json_text(target, "Input");
    struct text path = json_text(target, "InputPath");
    const json_t *transformer = json_object_get(target, "InputTransformer");
    scoped(transform_free) struct transform *transform = mem_new(struct transform);
    int done = 0;

    if (text_is_set(input) + text_is_set(path) + json_is_object(transformer) > 1)
        done = error_set(err, ERROR_INVALID,
                         "Only one of Input, InputPath, or InputTransformer must be provided for "
                         "target %.*s.",
                         TEXT_ARG(id));
    else if (text_is_set(input))
        done = compile_input(transform, input, id, err);
    else if (text_is_set(path))
        done = compile_path(transform, path, id, err);
    else if (json_is_object(transformer))
        done = compile_template(transform, transformer, id, err);
    return done < 0 ? NULL : take(transform);
}

void transform_free(struct transform *transform)
{
    if (!transform)
        return;
    free(transform->input);
    json_path_free(transform->path);
    template_free(transform->template);
    free(transform);
}

bool transform_is_whole(const struct transform *transform)
{
    return !transform->input && !transform->path && !transform->template;
}

struct selection {
    struct buffer *out;
    size_t count;
};

static void on_selected(void *arg, const struct scan_value *value)
{
    struct selection *selection = arg;

    if (selection->count++ > 0)
        buffer_add_char(selection->out, ',');
    scan_add_json(value, selection->out);
}

static int apply_path(const struct json_path *path, const struct scan_value *event,
                      struct buffer *out, struct error *err)
{
    struct selection selection = {.out = out};
    bool is_list = json_path_is_list(path);

    if (is_list)
        buffer_add_char(out, '[');
    json_path_each(path, event, on_selected, &selection);
    if (is_list)
        buffer_add_char(out, ']');
    if (!is_list && selection.count == 0)
        return error_set(err, ERROR_INVALID, "the event has nothing at the target's InputPath");
    return 0;
}

int transform_apply(const struct transform *transform, struct text event,
                    const struct transform_facts *facts, struct buffer *out, struct error *err)
{
    struct scan_value root;

    if (transform->input || transform_is_whole(transform)) {
        buffer_add_text(out, transform->input ? text_of(transform->input) : event);
        return 0;
    }
    if (!scan_document(event, NULL, NULL, &root))
        return error_set(err, ERROR_INVALID, "the event is not JSON");
    if (transform->path)
        return apply_path(transform->path, &root, out, err);
    return template_fill(transform->template, &root, facts, out, err);
}
