/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_patch.h"

#include <errno.h>
#include <math.h>

#include "api/apigateway_priv.h"

/* A text as the member's type; NULL when it is none. */
static json_t *value_of(struct call *call, enum apigateway_patch_kind kind, struct text value)
{
    int64_t number;
    char *end;

    switch (kind) {
    case PATCH_TEXT:
        return json_from_text(value);
    case PATCH_BOOL:
        if (text_equal(value, TEXT("true")) || text_equal(value, TEXT("false")))
            return json_boolean(value.len == 4);
        return NULL;
    case PATCH_INT:
        return text_to_int(value, 0, INT64_MAX, &number) ? json_integer(number) : NULL;
    case PATCH_NUMBER: {
        const char *digits = arena_string(&call->arena, value);
        double real = strtod(digits, &end);
        return value.len > 0 && *end == '\0' && isfinite(real) && real >= 0 ? json_real(real)
                                                                            : NULL;
    }
    case PATCH_REMOVAL:
        break;
    }
    return NULL;
}

static void set(json_t *document, struct text path, json_t *value)
{
    struct text name;

    path = text_skip(path, 1);
    while (text_split(&path, '/', &name) && path.len > 0) {
        json_t *inner = json_object_getn(document, name.at, name.len);
        if (!inner) {
            inner = json_object();
            json_object_setn_new(document, name.at, name.len, inner);
        }
        document = inner;
    }
    if (value)
        json_object_setn_new(document, name.at, name.len, value);
    else
        json_object_deln(document, name.at, name.len);
}

static int fail_path(struct call *call, struct text op, struct text path)
{
    apigateway_fail(call, "Invalid patch path '%.*s' specified for op '%.*s'", TEXT_ARG(path),
                    TEXT_ARG(op));
    return -1;
}

static int apply_known(struct call *call, const struct apigateway_patch *patch, json_t *document,
                       struct text value)
{
    json_t *json = NULL;

    if (patch->kind != PATCH_REMOVAL && !(json = value_of(call, patch->kind, value))) {
        apigateway_fail(call, "Invalid value '%.*s' for patch path '%s'", TEXT_ARG(value),
                        patch->path);
        return -1;
    }
    set(document, text_of(patch->path), json);
    return 0;
}

static int apply_one(struct call *call, const struct apigateway_patch *patches, json_t *document,
                     const json_t *operation,
                     int (*other)(struct call *call, json_t *document, struct text op,
                                  struct text path, struct text value))
{
    struct text op = json_text(operation, "op"), path = json_text(operation, "path");
    struct text value = json_text(operation, "value");
    bool removes = text_equal(op, TEXT("remove")), replaces = text_equal(op, TEXT("replace"));

    for (; patches->path; patches++)
        if (text_equal(path, text_of(patches->path)) &&
            (patches->kind == PATCH_REMOVAL ? removes : replaces || text_equal(op, TEXT("add"))))
            return apply_known(call, patches, document, value);
    int known = other ? other(call, document, op, path, value) : 0;
    if (known < 0)
        return -1;
    return known > 0 ? 0 : fail_path(call, op, path);
}

int apigateway_patch_apply(struct call *call, const struct apigateway_patch *patches,
                           json_t *document,
                           int (*other)(struct call *call, json_t *document, struct text op,
                                        struct text path, struct text value))
{
    const json_t *operations = json_object_get(call->input, "patchOperations"), *operation;
    size_t index;

    json_array_foreach(operations, index, operation)
    {
        if (apply_one(call, patches, document, operation, other) < 0)
            return -1;
    }
    return 0;
}

/* clang-format off */
static const struct param operation_params[] = {
    ROW_ENUM("op", "add, remove, replace, move, copy, test"), ROW_TEXT("path", 1024),
    ROW_TEXT("value", 4096), ROW_TEXT("from", 1024), {0}};
static const struct param operation_row = {
    PARAM_BODY, PARAM_OBJECT, "", "", .members = operation_params, .java_name = "PatchOperation"};
const struct param apigateway_patch_params[] = {
    {PARAM_BODY, PARAM_LIST, "patchOperations", "patchOperations", .members = &operation_row}, {0}};
/* clang-format on */
