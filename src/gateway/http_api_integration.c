/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"
#include "base/json.h"
#include "base/mem.h"
#include "gateway/http_api_priv.h"
#include "gateway/service.h"
#include "gateway/socket_mapping.h"
#include "gateway/socket_template.h"

#define TIMEOUT_MS_MAX 30000 /* API Gateway: of an HTTP API's integration; also when not given */
#define VARIABLE TEXT("${stageVariables.")

char *api_stage_fill_in(const struct api_stage *stage, struct text text)
{
    struct buffer out = {0};

    buffer_add_text(&out, TEXT(""));
    for (;;) {
        size_t at = text_find_text(text, VARIABLE);
        buffer_add_text(&out, text_slice(text, 0, at));
        text = text_skip(text, at);
        if (text.len == 0)
            break;
        text = text_skip(text, VARIABLE.len);
        size_t end = text_find(text, '}');
        const char *value = api_stage_variable(stage, text_slice(text, 0, end));
        buffer_add_text(&out, text_of(value ? value : ""));
        text = text_skip(text, end + 1);
    }
    char *filled = text_dup(buffer_text(&out));
    buffer_done(&out);
    return filled;
}

/* The function's ARN alone, or within API Gateway's own
 * "arn:aws:apigateway:R:lambda:path/2015-03-31/functions/ARN/invocations". */
static struct text function_arn(struct text uri)
{
    size_t at = text_find_text(uri, TEXT("/functions/"));

    if (at == uri.len)
        return uri;
    uri = text_skip(uri, at + sizeof "/functions/" - 1);
    return text_ends(uri, TEXT("/invocations"))
               ? text_slice(uri, 0, uri.len - (sizeof "/invocations" - 1))
               : uri;
}

/* "arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]" */
static bool read_function(struct api_integration *integration)
{
    struct text rest = function_arn(text_of(integration->uri)), parts[8] = {0};
    size_t count = 0;

    while (count < COUNT_OF(parts) && text_split(&rest, ':', &parts[count]))
        count++;
    if (count < 7 || rest.len > 0 || !text_equal(parts[0], TEXT("arn")) ||
        !text_equal(parts[2], TEXT("lambda")) || !text_equal(parts[5], TEXT("function")))
        return false;
    integration->region = text_dup(parts[3]);
    integration->account = text_dup(parts[4]);
    integration->function = text_dup(parts[6]);
    integration->qualifier = text_dup(parts[7]);
    integration->function_key = function_key(parts[4], parts[3], parts[6]);
    integration->function_hash = map_hash(text_of(integration->function_key));
    return true;
}

static bool is_url(struct text uri)
{
    return text_starts(uri, TEXT("http://")) || text_starts(uri, TEXT("https://"));
}

/* "arn:aws:apigateway:REGION:SERVICE:action/ACTION": the subtype that is it; TEXT_NONE. */
static struct text action_subtype(struct text uri)
{
    struct text parts[6] = {0};
    size_t count = 0;

    while (count < COUNT_OF(parts) && text_split(&uri, ':', &parts[count]))
        count++;
    if (count < 6 || uri.len > 0 || !text_equal(parts[0], TEXT("arn")) ||
        !text_equal(parts[2], TEXT("apigateway")) || !text_starts(parts[5], TEXT("action/")))
        return TEXT_NONE;
    return service_subtype(parts[4], text_skip(parts[5], sizeof "action/" - 1));
}

static struct text subtype_of(const struct api_integration *integration, const json_t *document)
{
    struct text type = json_text(document, "integrationType");

    return text_equal(type, TEXT("AWS")) ? action_subtype(text_of(integration->uri))
                                         : json_text(document, "integrationSubtype");
}

/* Without a subtype, AWS and AWS_PROXY are a function. */
static enum integration_kind kind_of(struct api_integration *integration, const json_t *document)
{
    struct text type = json_text(document, "integrationType");

    if (text_equal(type, TEXT("MOCK")))
        return INTEGRATION_MOCK;
    if (text_starts(type, TEXT("HTTP")))
        return is_url(text_of(integration->uri)) ? INTEGRATION_HTTP : INTEGRATION_UNSERVED;
    if (service_is_served(subtype_of(integration, document)))
        return INTEGRATION_SERVICE;
    return !text_is_set(json_text(document, "integrationSubtype")) && read_function(integration)
               ? INTEGRATION_FUNCTION
               : INTEGRATION_UNSERVED;
}

static int compile_response_mappings(struct api_integration *integration, const json_t *all,
                                     struct error *err)
{
    json_t *one;
    const char *key;
    int64_t status;

    integration->response_mappings =
        mem_zalloc((json_object_size(all) + 1) * sizeof *integration->response_mappings);
    json_object_foreach((json_t *)(uintptr_t)all, key, one)
    {
        if (!text_to_int(text_of(key), 200, 599, &status))
            return error_set(err, ERROR_INVALID,
                             "responseParameters: '%.20s' is no status from 200 to 599", key);
        struct mapping *mapping = mapping_compile(one, MAPPING_RESPONSE, err);
        if (!mapping)
            return -1;
        integration->response_mappings[integration->response_mapping_count++] =
            (struct api_response_mapping){(int)status, mapping};
    }
    return 0;
}

/* The parameters of an integration with a subtype are the service's, not a mapping. */
static int compile_mappings(struct api_integration *integration, const json_t *document,
                            struct error *err)
{
    const json_t *request = json_object_get(document, "requestParameters");

    if (!text_is_set(json_text(document, "integrationSubtype")) && json_object_size(request) > 0) {
        integration->request_mapping = mapping_compile(request, MAPPING_REQUEST, err);
        if (!integration->request_mapping)
            return -1;
    }
    return compile_response_mappings(integration, json_object_get(document, "responseParameters"),
                                     err);
}

/* Of an AWS integration they stand in the query; without any, the message is the input. */
static int compile_service(struct api_integration *integration, const json_t *document,
                           struct text region, struct error *err)
{
    const json_t *parameters = json_object_get(document, "requestParameters");
    struct text subtype = subtype_of(integration, document);
    scoped(json_decref) json_t *own = NULL;

    integration->is_whole = integration->is_custom && json_object_size(parameters) == 0;
    if (integration->is_whole) {
        integration->service = service_whole(subtype);
        return 0;
    }
    if (integration->is_custom && !(own = socket_mapping_parameters(parameters, err)))
        return -1;
    integration->service = service_compile(subtype, own ? own : parameters, region, err);
    return integration->service ? 0 : -1;
}

/* What integrations of WebSocket APIs have instead of mappings. */
static int compile_socket(struct api_integration *integration, const json_t *document,
                          struct error *err)
{
    size_t count = json_object_size(json_object_get(document, "requestParameters"));

    if (count > 0 &&
        (integration->kind == INTEGRATION_FUNCTION || integration->kind == INTEGRATION_MOCK))
        return error_set(err, ERROR_INVALID,
                         "requestParameters of WebSocket APIs are for HTTP and HTTP_PROXY "
                         "integrations and for actions of services");
    if (integration->is_custom || integration->kind == INTEGRATION_MOCK) {
        integration->templates = socket_templates_compile(document, err);
        if (!integration->templates)
            return -1;
    }
    if (integration->kind != INTEGRATION_HTTP)
        return 0;
    integration->socket_mapping =
        socket_mapping_compile(json_object_get(document, "requestParameters"), err);
    return integration->socket_mapping ? 0 : -1;
}

int api_integration_respond(struct api_integration *integration, const json_t *responses,
                            struct error *err)
{
    if (!integration->templates)
        return 0;
    integration->responses = socket_responses_compile(responses, text_of(integration->id), err);
    return integration->responses ? 0 : -1;
}

int api_integration_compile(struct api_integration *integration, const struct http_api *api,
                            const struct api_stage *stage, const json_t *document,
                            struct error *err)
{
    struct text server_name =
        json_text(json_object_get(document, "tlsConfig"), "serverNameToVerify");
    int64_t timeout_ms = json_int(document, "timeoutInMillis", TIMEOUT_MS_MAX);
    struct text type = json_text(document, "integrationType");

    integration->document = json_incref((json_t *)(uintptr_t)document);
    integration->id = text_dup(json_text(document, "integrationId"));
    integration->uri = api_stage_fill_in(stage, json_text(document, "integrationUri"));
    integration->method = text_dup(json_text(document, "integrationMethod"));
    integration->payload_version =
        text_equal(json_text(document, "payloadFormatVersion"), TEXT("1.0")) ? 1 : 2;
    integration->timeout_ms = timeout_ms < TIMEOUT_MS_MAX ? timeout_ms : TIMEOUT_MS_MAX;
    integration->has_credentials = json_text(document, "credentialsArn").len > 0;
    integration->server_name = server_name.len > 0 ? text_dup(server_name) : NULL;
    integration->is_custom = text_equal(type, TEXT("AWS")) || text_equal(type, TEXT("HTTP"));
    integration->kind = kind_of(integration, document);
    if (integration->kind == INTEGRATION_SERVICE &&
        compile_service(integration, document, text_of(api->region), err) < 0)
        return -1;
    return api->protocol == API_WEBSOCKET ? compile_socket(integration, document, err)
                                          : compile_mappings(integration, document, err);
}

/* Stage variables are not known yet, so an address with one in it may be anything. */
static int check_served(const struct api_integration *integration, const json_t *document,
                        struct error *err)
{
    struct text subtype = json_text(document, "integrationSubtype");
    struct text uri = json_text(document, "integrationUri");

    if (integration->kind != INTEGRATION_UNSERVED || text_find_text(uri, VARIABLE) < uri.len)
        return 0;
    if (text_is_set(subtype))
        return service_refuse(subtype, err);
    if (!text_equal(json_text(document, "integrationType"), TEXT("AWS")))
        return 0;
    return error_set(err, ERROR_INVALID,
                     "integrationUri '%.*s': an AWS integration has the ARN of a function, "
                     "arn:aws:apigateway:REGION:events:action/PutEvents, or "
                     "arn:aws:apigateway:REGION:sqs:action/SendMessage (ReceiveMessage, "
                     "DeleteMessage, PurgeQueue): Evoke serves no others",
                     TEXT_ARG(uri));
}

int api_integration_check(const json_t *document, enum api_protocol protocol, struct text region,
                          struct error *err)
{
    scoped(free) char *name = text_dup(region);
    const struct http_api api = {.protocol = protocol, .region = name};
    const struct api_stage stage = {.name = (char[]){""}};
    struct api_integration integration = {0};
    int result = api_integration_compile(&integration, &api, &stage, document, err);

    if (result == 0)
        result = check_served(&integration, document, err);
    api_integration_done(&integration);
    return result;
}

void api_integration_done(struct api_integration *integration)
{
    free(integration->id);
    free(integration->uri);
    free(integration->method);
    free(integration->account);
    free(integration->region);
    free(integration->function);
    free(integration->qualifier);
    free(integration->function_key);
    free(integration->server_name);
    service_free(integration->service);
    socket_mapping_free(integration->socket_mapping);
    socket_templates_free(integration->templates);
    socket_responses_free(integration->responses);
    mapping_free(integration->request_mapping);
    for (size_t i = 0; i < integration->response_mapping_count; i++)
        mapping_free(integration->response_mappings[i].mapping);
    free(integration->response_mappings);
    json_decref(integration->document);
}
