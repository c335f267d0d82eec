/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/json.h"
#include "fixture.h"

/* A gateway with APIs, published as the control thread does but on the test's one loop. */

static inline json_t *apis_json(const char *text)
{
    struct error err;
    json_t *json = json_parse(text_of(text), &err);

    CHECK_MSG(json != NULL, "%s", err.text);
    return json;
}

static inline void apis_stop(struct http_apis_change *change)
{
    loop_stop(loop_current());
}

/* What the guards of a test's APIs need. */
static const struct guard_services *apis_guards;

/* Runs for one change, in place of the shard's: a loop runs only once. */
static struct loop *apis_loop;

/* Something published from within the loop, which runs until every shard has it. */
struct apis_publication {
    struct loop_message message;
    struct http_apis *apis;
    json_t *bundle, *domains; /* or an API to remove */
    struct http_apis_change change;
};

static inline void apis_run(struct loop_message *message)
{
    struct apis_publication *p = container_of(message, struct apis_publication, message);
    struct error err = {0};
    int result = 0;

    if (p->bundle)
        result = http_apis_publish(p->apis, p->bundle, &p->change, &err);
    else if (p->domains)
        result = http_apis_publish_domains(p->apis, p->domains, &p->change, &err);
    else
        http_apis_remove(p->apis, TEXT("api1"), &p->change);
    CHECK_MSG(result == 0, "%s", err.text);
}

static inline void apis_change(struct fixture *f, struct http_apis *apis, const char *bundle,
                               const char *domains)
{
    scoped(json_decref) json_t *one = bundle ? apis_json(bundle) : NULL;
    scoped(json_decref) json_t *two = domains ? apis_json(domains) : NULL;
    struct apis_publication p = {{.run = apis_run}, apis, one, two, {apis_stop}};

    apis_loop = loop_new("publisher");
    loop_post(apis_loop, &p.message);
    loop_run(apis_loop);
    loop_free(take(apis_loop));
}

static inline void apis_publish(struct fixture *f, struct http_apis *apis, const char *bundle)
{
    apis_change(f, apis, bundle, NULL);
}

static inline struct http_apis *apis_init(struct fixture *f)
{
    fixture_init(f, NULL);
    const struct http_apis_options options = {.loops = &apis_loop,
                                              .loop_count = 1,
                                              .account = "000000000000",
                                              .region = "us-east-1",
                                              .guards = apis_guards};
    struct http_apis *apis = http_apis_new(&options);
    f->gateway->options.apis = http_apis_view(apis, 0);
    return apis;
}

/* A function that API Gateway may call. */
static inline void apis_add_function(struct fixture *f, const char *name, const char *source_arn)
{
    struct function *function = fixture_function(name, "");

    fixture_permit(function);
    model_set(&function->permissions[0].action, TEXT("lambda:InvokeFunction"));
    model_set(&function->permissions[0].principal, TEXT("apigateway.amazonaws.com"));
    model_set(&function->permissions[0].function_url_auth_type, TEXT(""));
    model_set(&function->permissions[0].source_arn, text_of(source_arn));
    fixture_put(f, function);
}

/* The bundle of an API "api1" with a stage each of "$default" and "dev", which have one
 * function integration "i1" of payload format version, and the given routes (JSON). */
static inline char *apis_bundle(const char *version, const char *routes, const char *more_of_api)
{
    return mem_format(
        "{\"api\":{\"apiId\":\"api1\",\"name\":\"n\",\"protocolType\":\"HTTP\"%s},\"stages\":["
        "{\"stageName\":\"$default\",\"deployed\":{\"routes\":[%s],\"integrations\":["
        "{\"integrationId\":\"i1\",\"integrationType\":\"AWS_PROXY\",\"integrationUri\":"
        "\"arn:aws:lambda:us-east-1:000000000000:function:hello\",\"payloadFormatVersion\":\"%s\"}"
        "]}},{\"stageName\":\"dev\",\"stageVariables\":{\"color\":\"blue\",\"f\":\"hello\"},"
        "\"deployed\":{\"routes\":[%s],\"integrations\":[{\"integrationId\":\"i1\","
        "\"integrationType\":\"AWS_PROXY\",\"integrationUri\":\"arn:aws:apigateway:us-east-1:"
        "lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:"
        "${stageVariables.f}/invocations\",\"payloadFormatVersion\":\"%s\"}]}}]}",
        more_of_api, routes, version, routes, version);
}
