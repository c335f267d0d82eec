/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/filter_priv.h"

#include "base/json.h"
#include "base/mem.h"

/*
 * In this order: type and size of the body (415, 413), whether it is JSON, depth and members,
 * schemas of everything (400, all faults at once), the pattern that blocks (403); then what is
 * hidden is hidden and defaults go in. What a filter is to hide must be JSON, or the request is
 * refused: it would pass unhidden.
 */

struct filtering {
    const struct filter *filter;
    const struct filter_input *input;
    struct filter_result *result;
    struct shape_report report;
    json_t *body; /* NULL: none, or not read */
};

/* --- refusing --- */

static bool refuse(struct filtering *filtering, int status, const char *message)
{
    scoped(buffer_done) struct buffer out = {0};

    buffer_add_literal(&out, "{\"message\":");
    buffer_add_json(&out, text_of(message));
    buffer_add_char(&out, '}');
    filtering->result->status = status;
    filtering->result->reason = arena_copy(filtering->report.arena, buffer_text(&out));
    return false;
}

/* "body/address/zip" is two: in the body, at /address/zip. */
static void add_fault(struct buffer *out, const struct shape_fault *fault)
{
    size_t slash = text_find(fault->at, '/');

    buffer_add_literal(out, "{\"in\":");
    buffer_add_json(out, text_slice(fault->at, 0, slash));
    buffer_add_literal(out, ",\"at\":");
    buffer_add_json(out, text_skip(fault->at, slash));
    buffer_add_literal(out, ",\"message\":");
    buffer_add_json(out, fault->message);
    buffer_add_char(out, '}');
}

static struct text faults_of(const struct shape_report *report, const char *message)
{
    scoped(buffer_done) struct buffer out = {0};

    buffer_add_format(&out, "{\"message\":\"%s\",\"errors\":[", message);
    for (size_t i = 0; i < report->count; i++) {
        if (i)
            buffer_add_char(&out, ',');
        add_fault(&out, &report->faults[i]);
    }
    buffer_add_format(&out, "]%s}", report->is_cut ? ",\"more\":true" : "");
    return arena_copy(report->arena, buffer_text(&out));
}

/* --- the body --- */

static struct text media_type(struct text type)
{
    return text_trim(text_slice(type, 0, text_find(type, ';')));
}

static bool is_json_type(struct text type)
{
    type = media_type(type);
    return text_equal_nocase(type, TEXT("application/json")) ||
           (type.len > 5 && text_equal_nocase(text_skip(type, type.len - 5), TEXT("+json"))) ||
           text_equal_nocase(type, TEXT("text/json"));
}

/* "text/plain", or "text/" and a star for any of its kind. */
static bool is_type(struct text type, struct text wanted)
{
    if (text_ends(wanted, TEXT("/*")))
        return text_equal_nocase(text_slice(type, 0, wanted.len - 1),
                                 text_slice(wanted, 0, wanted.len - 1));
    return text_equal_nocase(type, wanted);
}

static bool check_type(struct filtering *filtering)
{
    const json_t *types = filtering->filter->types, *item;
    struct text type = media_type(http_header(filtering->input->request, TEXT("content-type")));
    size_t i;

    if (!types || filtering->input->body.len == 0)
        return true;
    json_array_foreach(types, i,
                       item) if (is_type(type, text_of(json_string_value(item)))) return true;
    return refuse(filtering, 415, "Unsupported Media Type");
}

static bool check_size(struct filtering *filtering)
{
    int64_t size = filtering->filter->size;

    if (size < 0 || (int64_t)filtering->input->body.len <= size)
        return true;
    return refuse(filtering, 413, "Request Entity Too Large");
}

static bool must_be_json(const struct filter *filter)
{
    return filter->body || filter->paths.count;
}

static bool is_measured(const struct filter *filter)
{
    return must_be_json(filter) || filter->depth >= 0 || filter->keys >= 0;
}

/* Whether members of the body decide: what a function may read as JSON, of whatever type and
 * with whatever fault, is not passed on unseen. */
static bool wants_members(const struct filter *filter)
{
    return is_measured(filter) || filter->blocks_members;
}

static bool is_compressed(const struct http_request *request)
{
    for (size_t i = 0; i < request->field_count; i++) {
        struct text coding = text_trim(request->fields[i].value);
        if (text_equal(request->fields[i].name, TEXT("content-encoding")) && coding.len > 0 &&
            !text_equal_nocase(coding, TEXT("identity")))
            return true;
    }
    return false;
}

/* Whole numbers of many digits are JSON too. Where defaults go in, the body is written anew, which
 * would not keep them. */
static json_t *parse_body(struct text body, bool is_kept, struct error *err)
{
    json_t *json = json_parse(body, err);
    struct error again;

    return json || !is_kept ? json : json_parse_real(body, &again);
}

static bool read_body(struct filtering *filtering)
{
    const struct filter *filter = filtering->filter;
    const struct text body = filtering->input->body;
    struct text type = http_header(filtering->input->request, TEXT("content-type"));
    bool is_json = !text_is_set(type) || is_json_type(type);
    bool may_be_text = text_is_set(type) ? !is_json : !is_measured(filter);
    struct error err;

    if (body.len == 0 || (!wants_members(filter) && !filter->block))
        return true;
    if (must_be_json(filter) && !is_json)
        return refuse(filtering, 415, "Unsupported Media Type: the body must be JSON");
    if (wants_members(filter) && is_compressed(filtering->input->request))
        return refuse(filtering, 415, "Unsupported Media Type: the body must not be compressed");
    if (is_json || json_may_be(body))
        filtering->body = parse_body(body, !filter->is_typed, &err);
    if (filtering->body || !wants_members(filter) || (may_be_text && !json_may_be(body)))
        return true;
    char *message = arena_format(filtering->report.arena, "The body is not JSON: %s", err.text);
    return refuse(filtering, 400, message);
}

struct extent {
    int64_t depth, keys;
};

static void measure(const json_t *value, int64_t depth, struct extent *ret)
{
    const char *name;
    json_t *member;
    size_t i;

    if (json_is_object(value) || json_is_array(value))
        depth++;
    if (depth > ret->depth)
        ret->depth = depth;
    ret->keys += (int64_t)json_object_size(value);
    json_object_foreach((json_t *)(uintptr_t)value, name, member) measure(member, depth, ret);
    json_array_foreach(value, i, member) measure(member, depth, ret);
}

static bool check_extent(struct filtering *filtering)
{
    const struct filter *filter = filtering->filter;
    struct extent extent = {0};

    if (!filtering->body || (filter->depth < 0 && filter->keys < 0))
        return true;
    measure(filtering->body, 0, &extent);
    filtering->report.prefix = TEXT("body");
    if (filter->depth >= 0 && extent.depth > filter->depth)
        shape_report_add(&filtering->report, TEXT(""), "must not nest deeper than %lld",
                         (long long)filter->depth);
    if (filter->keys >= 0 && extent.keys > filter->keys)
        shape_report_add(&filtering->report, TEXT(""), "must not have more than %lld members",
                         (long long)filter->keys);
    return true;
}

/* --- schemas --- */

static bool is_bodiless(const struct http_request *request)
{
    return request->method == METHOD_GET || request->method == METHOD_HEAD ||
           request->method == METHOD_DELETE || request->method == METHOD_OPTIONS;
}

/* Typed inputs take no body for an empty object; a schema of a filter wants one where bodies
 * are usual. */
static void check_body(struct filtering *filtering)
{
    const struct filter *filter = filtering->filter;

    filtering->report.prefix = TEXT("body");
    if (!filtering->body && filter->is_typed)
        filtering->body = json_object();
    if (filtering->body)
        (void)shape_check(filter->body, filtering->body, &filtering->report);
    else if (!is_bodiless(filtering->input->request))
        shape_report_add(&filtering->report, TEXT(""), "is required");
}

static void check_values(struct filtering *filtering, const struct shape *shape, struct text place,
                         json_t *values)
{
    filtering->report.prefix = place;
    (void)shape_check(shape, values, &filtering->report);
    json_decref(values);
}

static bool check_shapes(struct filtering *filtering)
{
    const struct filter *filter = filtering->filter;
    const struct filter_input *input = filtering->input;

    if (filter->path)
        check_values(filtering, filter->path, TEXT("path"),
                     filter_parameters(filter->path_schema, input));
    if (filter->query)
        check_values(filtering, filter->query, TEXT("query"),
                     filter_query(filter->query_schema, input->request->query, input->arena));
    if (filter->headers)
        check_values(filtering, filter->headers, TEXT("header"),
                     filter_headers(filter->header_schema, input->request));
    if (filter->body)
        check_body(filtering);
    if (filtering->report.count == 0)
        return true;
    filtering->result->status = 400;
    filtering->result->reason = faults_of(&filtering->report, "The request does not fit");
    return false;
}

/* --- blocking --- */

static bool check_block(struct filtering *filtering)
{
    const struct filter_input *input = filtering->input;
    struct error err;

    if (!filtering->filter->block)
        return true;
    json_t *body = filtering->body ? json_incref(filtering->body) : json_from_text(input->body);
    scoped(json_decref) json_t *event = json_pack(
        "{s:o,s:o,s:o,s:o,s:o}", "body", body, "headers", filter_headers(NULL, input->request),
        "queryStringParameters", filter_query(NULL, input->request->query, input->arena), "path",
        json_from_text(input->path), "method", json_from_text(input->request->method_text));
    scoped(free) char *text = json_write(event);
    /* What cannot be judged does not pass. */
    if (pattern_test(filtering->filter->block, text_of(text), &err) == 0)
        return true;
    return refuse(filtering, 403, "Forbidden");
}

/* --- changing --- */

static void change(struct filtering *filtering)
{
    const struct filter *filter = filtering->filter;
    const struct filter_input *input = filtering->input;
    struct filter_result *result = filtering->result;
    struct text body = input->body;
    scoped(buffer_done) struct buffer hidden = {0};
    bool is_new = false;

    if (filter->is_typed && filtering->body &&
        (input->body.len > 0 || !is_bodiless(input->request)))
        is_new = shape_fill(filter->body, filtering->body);
    if (is_new) {
        scoped(free) char *text = json_write(filtering->body);
        body = arena_copy(input->arena, text_of(text));
    }
    if (filtering->body && filter_paths_rewrite(&filter->paths, body, &hidden)) {
        body = arena_copy(input->arena, buffer_text(&hidden));
        is_new = true;
    }
    result->body = body;
    if (filter->is_typed && filter->query) {
        scoped(json_decref) json_t *values =
            filter_query(filter->query_schema, input->request->query, input->arena);
        result->query =
            filter_fill_query(filter->query_schema, values, input->request->query, input->arena);
    }
    result->is_changed = is_new || result->query.at != input->request->query.at;
}

void filter_request(const struct filter *filter, const struct filter_input *input,
                    struct filter_result *ret)
{
    struct filtering filtering = {
        .filter = filter, .input = input, .result = ret, .report.arena = input->arena};

    *ret = (struct filter_result){.body = input->body, .query = input->request->query};
    if (check_type(&filtering) && check_size(&filtering) && read_body(&filtering) &&
        check_extent(&filtering) && check_shapes(&filtering) && check_block(&filtering))
        change(&filtering);
    json_decref(filtering.body);
}

/* --- answers --- */

bool filter_has_answers(const struct filter *filter)
{
    return filter->answer || filter->answer_paths.count;
}

static void judge_answer(const struct filter *filter, const json_t *value, struct arena *arena,
                         struct filter_result *ret)
{
    struct shape_report report = {.arena = arena, .prefix = TEXT("answer")};

    if (value && shape_check(filter->answer, value, &report))
        return;
    if (!value)
        shape_report_add(&report, TEXT(""), "must be JSON");
    ret->reason = faults_of(&report, "The answer does not fit");
    ret->status = filter->refuses ? 502 : 0;
}

void filter_answer(const struct filter *filter, int status, struct text type, struct text body,
                   struct arena *arena, struct filter_result *ret)
{
    struct error err;
    scoped(json_decref) json_t *value = body.len ? parse_body(body, true, &err) : NULL;
    scoped(buffer_done) struct buffer hidden = {0};

    *ret = (struct filter_result){.body = body};
    if (filter->answer && status >= 200 && status < 300)
        judge_answer(filter, value, arena, ret);
    if (ret->status || !filter->answer_paths.count || body.len == 0)
        return;
    if (!value && is_json_type(type)) {
        ret->status = 502;
        ret->reason = TEXT("{\"message\":\"The answer is not the JSON that it says it is\"}");
        return;
    }
    if (value && filter_paths_rewrite(&filter->answer_paths, body, &hidden)) {
        ret->body = arena_copy(arena, buffer_text(&hidden));
        ret->is_changed = true;
    }
}
