/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"
#include "base/json.h"
#include "base/mem.h"
#include "gateway/http_api_priv.h"
#include "gateway/service.h"

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
    return true;
}

static bool is_url(struct text uri)
{
    return text_starts(uri, TEXT("http://")) || text_starts(uri, TEXT("https://"));
}

static enum integration_kind kind_of(struct api_integration *integration,
                                     const struct http_api *api, const json_t *document)
{
    struct text type = json_text(document, "integrationType");

    if (text_equal(type, TEXT("AWS_PROXY")) &&
        !text_is_set(json_text(document, "integrationSubtype")) && read_function(integration))
        return INTEGRATION_FUNCTION;
    if (text_equal(type, TEXT("HTTP_PROXY")) && api->protocol == API_HTTP &&
        is_url(text_of(integration->uri)))
        return INTEGRATION_HTTP;
    if (text_equal(type, TEXT("AWS_PROXY")) && api->protocol == API_HTTP &&
        service_is_served(json_text(document, "integrationSubtype")))
        return INTEGRATION_SERVICE;
    return INTEGRATION_UNSERVED;
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

int api_integration_compile(struct api_integration *integration, const struct http_api *api,
                            const struct api_stage *stage, const json_t *document,
                            struct error *err)
{
    struct text server_name =
        json_text(json_object_get(document, "tlsConfig"), "serverNameToVerify");
    int64_t timeout_ms = json_int(document, "timeoutInMillis", TIMEOUT_MS_MAX);

    integration->document = json_incref((json_t *)(uintptr_t)document);
    integration->id = text_dup(json_text(document, "integrationId"));
    integration->uri = api_stage_fill_in(stage, json_text(document, "integrationUri"));
    integration->method = text_dup(json_text(document, "integrationMethod"));
    integration->payload_version =
        text_equal(json_text(document, "payloadFormatVersion"), TEXT("1.0")) ? 1 : 2;
    integration->timeout_ms = timeout_ms < TIMEOUT_MS_MAX ? timeout_ms : TIMEOUT_MS_MAX;
    integration->has_credentials = json_text(document, "credentialsArn").len > 0;
    integration->server_name = server_name.len > 0 ? text_dup(server_name) : NULL;
    integration->kind = kind_of(integration, api, document);
    if (integration->kind == INTEGRATION_SERVICE) {
        integration->service = service_compile(json_text(document, "integrationSubtype"),
                                               json_object_get(document, "requestParameters"),
                                               text_of(api->region), err);
        if (!integration->service)
            return -1;
    }
    return compile_mappings(integration, document, err);
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
    free(integration->server_name);
    service_free(integration->service);
    mapping_free(integration->request_mapping);
    for (size_t i = 0; i < integration->response_mapping_count; i++)
        mapping_free(integration->response_mappings[i].mapping);
    free(integration->response_mappings);
    json_decref(integration->document);
}
