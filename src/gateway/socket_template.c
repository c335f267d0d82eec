/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/socket_template.h"

#include "base/json.h"
#include "base/mem.h"
#include "gateway/socket_priv.h"

#define DEFAULT TEXT("$default")

struct template
{
    char *key;
    char *text; /* NULL: what came, as it is */
    int status; /* of a MOCK */
};

struct template_set {
    size_t count;
    struct template *list;
};

enum passthrough { PASS_NO_MATCH, PASS_NO_TEMPLATES, PASS_NEVER };

struct socket_templates {
    struct template_set set;
    char *selection;
    enum passthrough passthrough;
    bool is_mock;
};

struct socket_responses {
    size_t count;
    struct response {
        char *key;
        char *selection;
        struct template_set set;
    } * list;
};

/* --- one template --- */

static bool is_passthrough(struct text text)
{
    return text_equal(text, TEXT("$input.body")) || text_equal(text, TEXT("$input.json('$')"));
}

static int read_template(struct template *template, const char *key, const json_t *value,
                         struct error *err)
{
    struct text text = json_is_string(value)
                           ? text_from(json_string_value(value), json_string_length(value))
                           : TEXT_NONE;

    template->key = mem_strdup(key);
    if (is_passthrough(text_trim(text)))
        return 0;
    if (!text_is_set(text) || text_contains(text, '$') || text_contains(text, '#'))
        return error_set(err, ERROR_INVALID,
                         "the template '%s': templates (VTL) are not run here: one is text without "
                         "'$' and '#', $input.body or $input.json('$')",
                         key);
    template->text = text_dup(text);
    return 0;
}

static int read_set(struct template_set *set, const json_t *templates, struct error *err)
{
    const char *key;
    json_t *value;

    set->list = mem_zalloc((json_object_size(templates) + 1) * sizeof *set->list);
    json_object_foreach((json_t *)(uintptr_t)templates, key, value)
    {
        if (read_template(&set->list[set->count++], key, value, err) < 0)
            return -1;
    }
    return 0;
}

static void free_set(struct template_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->list[i].key);
        free(set->list[i].text);
    }
    free(set->list);
}

/* Of the key, else of "$default". */
static const struct template *find_template(const struct template_set *set, struct text key)
{
    const struct template *found = NULL;

    for (size_t i = 0; i < set->count; i++) {
        if (text_equal(text_of(set->list[i].key), key))
            return &set->list[i];
        if (text_equal(text_of(set->list[i].key), DEFAULT))
            found = &set->list[i];
    }
    return found;
}

/* --- of requests --- */

/* {"statusCode": 200} and nothing else. */
static int read_mock(struct template *template, struct error *err)
{
    struct text text = text_of(template->text);
    scoped(json_decref) json_t *json = text.len > 0 ? json_parse(text, err) : NULL;
    const json_t *status = json_object_get(json, "statusCode");

    template->status = (int)json_integer_value(status);
    if (json_object_size(json) == 1 && json_is_integer(status) && template->status >= 200 &&
        template->status <= 599)
        return 0;
    return error_set(err, ERROR_INVALID,
                     "requestTemplates of a MOCK integration are {\"statusCode\": NUMBER} with a "
                     "status from 200 to 599; the template '%s' is not",
                     template->key);
}

static enum passthrough read_passthrough(struct text text)
{
    return text_equal(text, TEXT("NEVER"))               ? PASS_NEVER
           : text_equal(text, TEXT("WHEN_NO_TEMPLATES")) ? PASS_NO_TEMPLATES
                                                         : PASS_NO_MATCH;
}

/* A message chooses by its members. */
static int check_selection(struct text selection, struct error *err)
{
    struct text rest = selection;

    for (;;) {
        size_t at = text_find(rest, '$');
        if (at == rest.len)
            return 0;
        bool is_escaped = at > 0 && rest.at[at - 1] == '\\';
        struct text name = text_skip(rest, at + 1);
        if (!is_escaped && !text_starts(name, TEXT("request.body.")) &&
            !text_starts(name, TEXT("{request.body.")))
            return error_set(err, ERROR_INVALID,
                             "templateSelectionExpression: '%.*s' is no text (such as 200 or "
                             "\\$default) and no $request.body.PATH",
                             TEXT_ARG(selection));
        rest = name;
    }
}

struct socket_templates *socket_templates_compile(const json_t *integration, struct error *err)
{
    scoped(socket_templates_free) struct socket_templates *templates =
        mem_new(struct socket_templates);
    struct text selection = json_text(integration, "templateSelectionExpression");

    templates->is_mock = text_equal(json_text(integration, "integrationType"), TEXT("MOCK"));
    templates->selection = text_dup(selection);
    if (read_set(&templates->set, json_object_get(integration, "requestTemplates"), err) < 0 ||
        check_selection(selection, err) < 0)
        return NULL;
    templates->passthrough = read_passthrough(json_text(integration, "passthroughBehavior"));
    for (size_t i = 0; templates->is_mock && i < templates->set.count; i++)
        if (read_mock(&templates->set.list[i], err) < 0)
            return NULL;
    return take(templates);
}

void socket_templates_free(struct socket_templates *templates)
{
    if (!templates)
        return;
    free_set(&templates->set);
    free(templates->selection);
    free(templates);
}

bool socket_templates_apply(const struct socket_templates *templates, struct text message,
                            struct text *ret_body, int *ret_status)
{
    scoped(buffer_done) struct buffer key = {0};

    if (!socket_select(text_of(templates->selection), message, &key))
        (void)socket_select(text_of(templates->selection), TEXT("{}"), &key);
    const struct template *template = find_template(&templates->set, buffer_text(&key));
    *ret_body = template && template->text ? text_of(template->text) : message;
    *ret_status = template && templates->is_mock ? template->status : 200;
    return template || templates->passthrough == PASS_NO_MATCH ||
           (templates->passthrough == PASS_NO_TEMPLATES && templates->set.count == 0);
}

/* --- of answers --- */

/* The pattern between slashes: three times a digit, "\\d" or ".", or ".*" for any. */
static bool take_place(struct text *pattern, char digit, bool *ret_fits)
{
    char c = pattern->len > 0 ? pattern->at[0] : '\0';
    bool is_any = c == '.' || text_starts(*pattern, TEXT("\\d"));

    if (!is_any && (c < '0' || c > '9'))
        return false;
    *ret_fits &= is_any || c == digit;
    *pattern = text_skip(*pattern, c == '\\' ? 2 : 1);
    return true;
}

/* False: it is none of those patterns. */
static bool fits_status(struct text key, int status, bool *ret_fits)
{
    char digits[12];
    struct text pattern;

    *ret_fits = true;
    if (text_equal(key, DEFAULT))
        return true;
    if (key.len < 3 || key.at[0] != '/' || key.at[key.len - 1] != '/')
        return false;
    pattern = text_slice(key, 1, key.len - 1);
    if (text_equal(pattern, TEXT(".*")) || text_equal(pattern, TEXT(".+")))
        return true;
    snprintf(digits, sizeof digits, "%03d", status);
    for (int i = 0; i < 3; i++)
        if (!take_place(&pattern, digits[i], ret_fits))
            return false;
    return pattern.len == 0;
}

static int read_response(struct response *response, const json_t *document, struct error *err)
{
    struct text selection = json_text(document, "templateSelectionExpression");
    bool fits;

    response->key = text_dup(json_text(document, "integrationResponseKey"));
    response->selection = text_dup(selection);
    if (!fits_status(text_of(response->key), 200, &fits))
        return error_set(err, ERROR_INVALID,
                         "integrationResponseKey '%s' is neither $default nor a pattern of a "
                         "status such as /200/, /4\\d\\d/ or /.*/",
                         response->key);
    if (text_contains(selection, '$') && !text_starts(selection, TEXT("\\$")))
        return error_set(err, ERROR_INVALID,
                         "templateSelectionExpression of an integration response: only a text, "
                         "such as 200 or \\$default, is served");
    return read_set(&response->set, json_object_get(document, "responseTemplates"), err);
}

static void free_response(struct response *response)
{
    free(response->key);
    free(response->selection);
    free_set(&response->set);
}

int socket_response_check(const json_t *document, struct error *err)
{
    struct response response = {0};
    int result = read_response(&response, document, err);

    free_response(&response);
    return result;
}

struct socket_responses *socket_responses_compile(const json_t *list, struct text integration_id,
                                                  struct error *err)
{
    scoped(socket_responses_free) struct socket_responses *responses =
        mem_new(struct socket_responses);
    const json_t *document;
    size_t index;

    responses->list = mem_zalloc((json_array_size(list) + 1) * sizeof *responses->list);
    json_array_foreach(list, index, document)
    {
        if (text_equal(json_text(document, "-parent"), integration_id) &&
            read_response(&responses->list[responses->count++], document, err) < 0)
            return NULL;
    }
    return take(responses);
}

void socket_responses_free(struct socket_responses *responses)
{
    if (!responses)
        return;
    for (size_t i = 0; i < responses->count; i++)
        free_response(&responses->list[i]);
    free(responses->list);
    free(responses);
}

/* A pattern before "$default". */
static const struct response *find_response(const struct socket_responses *responses, int status)
{
    const struct response *found = NULL;
    bool fits;

    for (size_t i = 0; i < responses->count; i++) {
        const struct response *response = &responses->list[i];
        if (!fits_status(text_of(response->key), status, &fits) || !fits)
            continue;
        if (!text_equal(text_of(response->key), DEFAULT))
            return response;
        found = response;
    }
    return found;
}

struct text socket_responses_apply(const struct socket_responses *responses, int status,
                                   struct text body)
{
    const struct response *response = responses ? find_response(responses, status) : NULL;

    if (!response)
        return body;
    struct text selection = text_of(response->selection);
    if (text_starts(selection, TEXT("\\")))
        selection = text_skip(selection, 1);
    const struct template *template = find_template(&response->set, selection);
    if (!template && selection.len == 0 && response->set.count == 1)
        template = &response->set.list[0];
    return template && template->text ? text_of(template->text) : body;
}
