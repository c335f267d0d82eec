/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/socket_mapping.h"

#include "base/json.h"
#include "gateway/socket_priv.h"
#include "gateway/socket_template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct text find(void *arg, struct text name, struct arena *arena)
{
    return text_equal(name, TEXT("context.connectionId")) ? TEXT("id=") : TEXT_NONE;
}

static void see(void *arg, struct text name, struct text value)
{
    assert(name.len > 0);
}

static void map(const json_t *integration, struct text message)
{
    const struct http_request request = {.query = TEXT("a=1")};
    struct arena arena = {0};
    const struct mapping_source source = {
        .request = &request, .body = message, .find = find, .arena = &arena};
    struct error err;
    scoped(socket_mapping_free) struct socket_mapping *mapping =
        socket_mapping_compile(json_object_get(integration, "requestParameters"), &err);

    socket_mapping_each(mapping, SOCKET_HEADER, &source, see, NULL);
    socket_mapping_each(mapping, SOCKET_QUERY, &source, see, NULL);
    arena_done(&arena);
}

/* Input: an Integration's JSON, a line end, a message. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text message = text_from(data, size), source, body;
    struct error err;
    int status;

    if (!text_split(&message, '\n', &source))
        return 0;
    scoped(json_decref) json_t *integration = json_parse(source, &err);
    if (!json_is_object(integration))
        return 0;
    map(integration, message);
    scoped(socket_templates_free) struct socket_templates *templates =
        socket_templates_compile(integration, &err);
    if (templates)
        (void)socket_templates_apply(templates, message, &body, &status);
    (void)socket_response_check(integration, &err);
    return 0;
}
