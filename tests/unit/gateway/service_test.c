/* SPDX-License-Identifier: Apache-2.0 */
#include "apis.h"
#include "gateway/service.h"
#include "model/service.h"

static struct text find(void *arg, struct text name, struct arena *arena)
{
    return text_equal(name, TEXT("context.stage")) ? TEXT("dev") : TEXT_NONE;
}

static char *input_of(const char *subtype, const char *parameters, const char *body)
{
    const struct http_field fields[] = {{TEXT("x-group"), TEXT("g")}};
    const struct http_request request = {.fields = fields, .field_count = 1, .query = TEXT("d=5")};
    scoped(arena_done) struct arena arena = {0};
    scoped(json_decref) json_t *given = apis_json(parameters);
    struct error err = {0};
    scoped(service_free) struct service_integration *service =
        service_compile(text_of(subtype), given, TEXT("us-east-1"), &err);

    CHECK_MSG(service, "%s", err.text);
    const struct mapping_source source = {
        .request = &request, .body = text_of(body), .find = find, .arena = &arena};
    scoped(json_decref) json_t *input = service_input(service, &source);
    return json_write(input);
}

TEST(a_request_becomes_the_input_of_an_action)
{
    scoped(free) char *sent =
        input_of("SQS-SendMessage",
                 "{\"QueueUrl\":\"http://q/0/n\",\"MessageBody\":\"$request.body.text\","
                 "\"DelaySeconds\":\"$request.querystring.d\",\"MessageGroupId\":"
                 "\"${context.stage}-${request.header.x-group}\",\"MessageDeduplicationId\":"
                 "\"$request.header.absent\",\"MessageAttributes\":\"$request.body.attributes\","
                 "\"Region\":\"us-east-1\"}",
                 "{\"text\":\"hi\",\"attributes\":{\"a\":{\"DataType\":\"String\"}}}");
    CHECK_TEXT(text_of(sent), "{\"QueueUrl\":\"http://q/0/n\",\"MessageBody\":\"hi\","
                              "\"DelaySeconds\":5,\"MessageAttributes\":{\"a\":{\"DataType\":"
                              "\"String\"}},\"MessageGroupId\":\"dev-g\"}");
    scoped(free) char *put =
        input_of("EventBridge-PutEvents",
                 "{\"Detail\":\"$request.body\",\"DetailType\":\"made\",\"Source\":\"shop\","
                 "\"Time\":\"2026-01-31T12:00:00Z\",\"Resources\":\"[\\\"a\\\"]\"}",
                 "{\"n\":1}");
    CHECK_TEXT(text_of(put),
               "{\"Entries\":[{\"Detail\":\"{\\\"n\\\":1}\",\"DetailType\":\"made\",\"Source\":"
               "\"shop\",\"Time\":1769860800,\"Resources\":[\"a\"]}]}");
}

TEST(what_is_not_of_its_kind_is_left_to_the_action)
{
    scoped(free) char *sent =
        input_of("SQS-SendMessage",
                 "{\"QueueUrl\":\"q\",\"MessageBody\":\"$request.body\",\"DelaySeconds\":\"soon\","
                 "\"MessageAttributes\":\"{\"}",
                 "\xff");
    CHECK_TEXT(text_of(sent), "{\"QueueUrl\":\"q\",\"MessageBody\":\"\xef\xbf\xbd\","
                              "\"DelaySeconds\":\"soon\",\"MessageAttributes\":\"{\"}");
}

TEST(parameters_that_no_action_has_are_refused)
{
    static const struct {
        const char *subtype, *parameters, *says;
    } cases[] = {
        {"SQS-SendMessage", "{\"QueueUrl\":\"q\"}", "needs the parameter 'MessageBody'"},
        {"SQS-PurgeQueue", "{\"QueueUrl\":\"q\",\"X\":\"y\"}", "no parameter 'X'"},
        {"SQS-PurgeQueue", "{\"QueueUrl\":\"$request.nothing\"}", "request.nothing"},
        {"SQS-PurgeQueue", "{\"QueueUrl\":\"q\",\"Region\":\"eu-west-1\"}", "eu-west-1"},
    };

    CHECK(!service_is_served(TEXT("Kinesis-PutRecord")));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(json_decref) json_t *given = apis_json(cases[i].parameters);
        struct error err = {0};
        CHECK(!service_compile(text_of(cases[i].subtype), given, TEXT("us-east-1"), &err));
        CHECK_MSG(strstr(err.text, cases[i].says), "%s", err.text);
    }
}

TEST(actions_are_known_by_what_uris_call_them)
{
    CHECK_TEXT(service_subtype(TEXT("sqs"), TEXT("SendMessage")), "SQS-SendMessage");
    CHECK_TEXT(service_subtype(TEXT("events"), TEXT("PutEvents")), "EventBridge-PutEvents");
    CHECK(!text_is_set(service_subtype(TEXT("events"), TEXT("SendMessage"))));
    CHECK(!text_is_set(service_subtype(TEXT("sqs"), TEXT("Send"))));
    CHECK(!text_is_set(service_subtype(TEXT("dynamodb"), TEXT("PutItem"))));
}

TEST(services_that_are_not_served_are_named)
{
    static const char *const cases[][2] = {
        {"Kinesis-PutRecord", "does not serve Kinesis"},
        {"AppConfig-GetConfiguration", "does not serve AppConfig"},
        {"StepFunctions-StartExecution", "does not serve Step Functions"},
        {"SQS-Send", "is unknown"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        CHECK(service_refuse(text_of(cases[i][0]), &err) < 0);
        CHECK_MSG(strstr(err.text, cases[i][1]) && strstr(err.text, "SQS-SendMessage"), "%s",
                  err.text);
    }
}

/* --- a route that is an action --- */

struct fake {
    struct services services;
    struct service_call *call;
    bool answers_at_once;
    int cancelled;
    struct text target;
};

static void answer(struct service_call *call)
{
    json_decref(call->input);
    call->done(call, 201, TEXT("application/x-amz-json-1.0"), TEXT("{\"MessageId\":\"1\"}"));
}

static void on_call(struct services *services, struct service_call *call)
{
    struct fake *fake = container_of(services, struct fake, services);

    fake->target = text_of(call->target);
    CHECK(text_starts(call->trace, TEXT("Root=")));
    if (fake->answers_at_once)
        answer(call);
    else
        fake->call = call;
}

static void on_cancel(struct services *services, struct service_call *call)
{
    struct fake *fake = container_of(services, struct fake, services);

    CHECK(call == fake->call);
    json_decref(call->input);
    fake->cancelled++;
}

#define BUNDLE                                                                                     \
    "{\"api\":{\"apiId\":\"api1\",\"name\":\"n\",\"protocolType\":\"HTTP\"},\"stages\":[{"         \
    "\"stageName\":\"$default\",\"deployed\":{\"routes\":[{\"routeKey\":\"POST /q\",\"target\":"   \
    "\"integrations/i\"}],\"integrations\":[{\"integrationId\":\"i\",\"integrationType\":"         \
    "\"AWS_PROXY\",\"integrationSubtype\":\"SQS-SendMessage\",\"requestParameters\":{"             \
    "\"QueueUrl\":\"q\",\"MessageBody\":\"$request.body\"},\"responseParameters\":{\"201\":{"      \
    "\"overwrite:statuscode\":\"202\",\"append:header.id\":\"$response.body.MessageId\"}}}]}}]}"

static void ask(struct fixture *f)
{
    fixture_request(f, "POST /q\nhost: api1.localhost\ncontent-length: 2", "hi");
}

TEST(an_action_answers_at_once_or_later_or_nobody)
{
    struct fixture f;
    struct http_apis *apis = apis_init(&f);
    struct fake fake = {.services = {.call = on_call, .cancel = on_cancel}};

    f.gateway->options.services = &fake.services;
    apis_publish(&f, apis, BUNDLE);
    ask(&f);
    CHECK(!f.closed);
    CHECK_TEXT(fake.target, "AmazonSQS.SendMessage");
    answer(fake.call);
    CHECK(f.status == 202);
    CHECK_TEXT(fixture_field(&f, "id"), "1");
    CHECK_TEXT(fixture_field(&f, "content-type"), "application/x-amz-json-1.0");
    CHECK_TEXT(buffer_text(&f.body), "{\"MessageId\":\"1\"}");
    fake.answers_at_once = true;
    ask(&f);
    CHECK(f.status == 202);
    fake.answers_at_once = false;
    ask(&f);
    fixture_close(&f, true);
    CHECK(fake.cancelled == 1);
    http_apis_free(apis);
    fixture_done(&f);
}
