/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "gateway/gateway_priv.h"

static const struct text origin_name = TEXT("origin");

bool cors_is_preflight(const struct http_request *request)
{
    return request->method == METHOD_OPTIONS && http_header(request, origin_name).len > 0 &&
           http_header(request, TEXT("access-control-request-method")).len > 0;
}

/* A "*" behind "https://" or "http://" is any origin of that scheme. */
static bool covers(struct text pattern, struct text origin)
{
    if (text_equal_nocase(pattern, origin))
        return true;
    if (!text_equal(pattern, TEXT("https://*")) && !text_equal(pattern, TEXT("http://*")))
        return false;
    struct text start = text_slice(pattern, 0, pattern.len - 1);
    return origin.len > start.len && text_equal_nocase(text_slice(origin, 0, start.len), start);
}

/* What Access-Control-Allow-Origin says to that origin: only ever one, never the list.
 * TEXT_NONE when it is not allowed. */
static struct text allowed_origin(const struct cors *cors, struct text origin)
{
    bool any = false;

    if (origin.len == 0)
        return TEXT_NONE;
    for (size_t i = 0; i < cors->origin_count; i++) {
        struct text pattern = text_of(cors->allow_origins[i]);
        if (covers(pattern, origin))
            return origin;
        any |= text_equal(pattern, TEXT("*"));
    }
    if (!any)
        return TEXT_NONE;
    return cors->allow_credentials ? origin : TEXT("*"); /* "*" is not valid with them */
}

static struct text join(char *const *values, size_t count, struct arena *arena)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += strlen(values[i]) + 1;
    char *start = arena_alloc(arena, len), *at = start;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            *at++ = ',';
        at = mempcpy(at, values[i], strlen(values[i]));
    }
    return text_from(start, (size_t)(at - start));
}

static size_t add_list(struct http_field *fields, size_t count, struct text name,
                       struct text values)
{
    if (values.len == 0)
        return count;
    fields[count] = (struct http_field){name, values};
    return count + 1;
}

static size_t add_preflight(const struct cors *cors, struct arena *arena, struct http_field *fields,
                            size_t count)
{
    count = add_list(fields, count, TEXT("Access-Control-Allow-Methods"),
                     join(cors->allow_methods, cors->method_count, arena));
    count = add_list(fields, count, TEXT("Access-Control-Allow-Headers"),
                     join(cors->allow_headers, cors->header_count, arena));
    if (cors->max_age_s >= 0)
        fields[count++] =
            (struct http_field){TEXT("Access-Control-Max-Age"),
                                text_of(arena_format(arena, "%lld", (long long)cors->max_age_s))};
    return count;
}

size_t cors_headers(const struct cors *cors, const struct http_request *request, bool preflight,
                    struct arena *arena, struct http_field ret[static CORS_FIELDS_MAX])
{
    struct text allowed = allowed_origin(cors, http_header(request, origin_name));
    size_t count = 0;

    if (!text_is_set(allowed))
        return 0;
    ret[count++] = (struct http_field){TEXT("Access-Control-Allow-Origin"), allowed};
    if (!text_equal(allowed, TEXT("*")))
        ret[count++] = (struct http_field){TEXT("Vary"), TEXT("Origin")};
    if (cors->allow_credentials)
        ret[count++] = (struct http_field){TEXT("Access-Control-Allow-Credentials"), TEXT("true")};
    if (preflight)
        return add_preflight(cors, arena, ret, count);
    return add_list(ret, count, TEXT("Access-Control-Expose-Headers"),
                    join(cors->expose_headers, cors->expose_count, arena));
}
