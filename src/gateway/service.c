/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/service.h"

#include "base/json.h"
#include "base/mem.h"
#include "router/cloudevents.h"

#define PARAMETERS_MAX 8

/* What a parameter's text becomes in the input. */
enum kind { KIND_TEXT, KIND_NUMBER, KIND_JSON, KIND_TIME };

struct parameter {
    const char *name;
    enum kind kind;
    bool is_needed;
};

/* As API Gateway documents them, but for Region, which all have. */
struct subtype {
    const char *name, *target;
    const char *list; /* the input is one of that list; NULL: it is the input */
    struct parameter parameters[PARAMETERS_MAX];
};

static const struct subtype subtypes[] = {
    {"EventBridge-PutEvents",
     "AWSEvents.PutEvents",
     "Entries",
     {{"Detail", KIND_TEXT, true},
      {"DetailType", KIND_TEXT, true},
      {"Source", KIND_TEXT, true},
      {"Time", KIND_TIME},
      {"EventBusName", KIND_TEXT},
      {"Resources", KIND_JSON},
      {"TraceHeader", KIND_TEXT}}},
    {"SQS-SendMessage",
     "AmazonSQS.SendMessage",
     NULL,
     {{"QueueUrl", KIND_TEXT, true},
      {"MessageBody", KIND_TEXT, true},
      {"DelaySeconds", KIND_NUMBER},
      {"MessageAttributes", KIND_JSON},
      {"MessageDeduplicationId", KIND_TEXT},
      {"MessageGroupId", KIND_TEXT},
      {"MessageSystemAttributes", KIND_JSON}}},
    {"SQS-ReceiveMessage",
     "AmazonSQS.ReceiveMessage",
     NULL,
     {{"QueueUrl", KIND_TEXT, true},
      {"AttributeNames", KIND_JSON},
      {"MaxNumberOfMessages", KIND_NUMBER},
      {"MessageAttributeNames", KIND_JSON},
      {"ReceiveRequestAttemptId", KIND_TEXT},
      {"VisibilityTimeout", KIND_NUMBER},
      {"WaitTimeSeconds", KIND_NUMBER}}},
    {"SQS-DeleteMessage",
     "AmazonSQS.DeleteMessage",
     NULL,
     {{"QueueUrl", KIND_TEXT, true}, {"ReceiptHandle", KIND_TEXT, true}}},
    {"SQS-PurgeQueue", "AmazonSQS.PurgeQueue", NULL, {{"QueueUrl", KIND_TEXT, true}}},
};

struct service_integration {
    const struct subtype *subtype;
    struct mapping_value *values[PARAMETERS_MAX]; /* NULL: not given */
};

/* --- compiling --- */

static const struct subtype *find_subtype(struct text name)
{
    for (size_t i = 0; i < COUNT_OF(subtypes); i++)
        if (text_equal(text_of(subtypes[i].name), name))
            return &subtypes[i];
    return NULL;
}

bool service_is_served(struct text subtype)
{
    return find_subtype(subtype) != NULL;
}

/* As X-Amz-Target calls them. */
static struct text prefix_of(struct text service)
{
    return text_equal(service, TEXT("events")) ? TEXT("AWSEvents.")
           : text_equal(service, TEXT("sqs"))  ? TEXT("AmazonSQS.")
                                               : TEXT_NONE;
}

struct text service_subtype(struct text service, struct text action)
{
    struct text prefix = prefix_of(service);

    for (size_t i = 0; prefix.len > 0 && i < COUNT_OF(subtypes); i++) {
        struct text target = text_of(subtypes[i].target);
        if (text_starts(target, prefix) && text_equal(text_skip(target, prefix.len), action))
            return text_of(subtypes[i].name);
    }
    return TEXT_NONE;
}

/* Those of AWS are told apart from typing errors. */
int service_refuse(struct text subtype, struct error *err)
{
    static const struct {
        struct text prefix;
        const char *title;
    } others[] = {
        {TEXT("AppConfig-"), "AppConfig"},
        {TEXT("Kinesis-"), "Kinesis"},
        {TEXT("StepFunctions-"), "Step Functions"},
    };
    scoped(buffer_done) struct buffer names = {0};

    for (size_t i = 0; i < COUNT_OF(subtypes); i++)
        buffer_add_format(&names, "%s%s", i ? ", " : "", subtypes[i].name);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (text_starts(subtype, others[i].prefix))
            return error_set(err, ERROR_INVALID,
                             "integrationSubtype %.*s: Evoke does not serve %s; served are %.*s",
                             TEXT_ARG(subtype), others[i].title, TEXT_ARG(buffer_text(&names)));
    return error_set(err, ERROR_INVALID, "integrationSubtype '%.*s' is unknown; served are %.*s",
                     TEXT_ARG(subtype), TEXT_ARG(buffer_text(&names)));
}

static int find_parameter(const struct subtype *subtype, const char *name)
{
    for (int i = 0; i < PARAMETERS_MAX && subtype->parameters[i].name; i++)
        if (strcmp(subtype->parameters[i].name, name) == 0)
            return i;
    return -1;
}

/* An action can only be asked for where it is. */
static int check_region(struct text given, struct text region, struct error *err)
{
    if (text_equal(given, region))
        return 0;
    return error_set(err, ERROR_INVALID, "Region: the services are in %.*s, not in '%.*s'",
                     TEXT_ARG(region), TEXT_ARG(given));
}

static int read_parameters(struct service_integration *service, const json_t *parameters,
                           struct text region, struct error *err)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)parameters, name, value)
    {
        struct text text = text_from(json_string_value(value), json_string_length(value));
        int index = find_parameter(service->subtype, name);
        if (strcmp(name, "Region") == 0) {
            if (check_region(text, region, err) < 0)
                return -1;
            continue;
        }
        if (index < 0)
            return error_set(err, ERROR_INVALID, "%s has no parameter '%s'", service->subtype->name,
                             name);
        service->values[index] = mapping_value_compile(text, err);
        if (!service->values[index])
            return -1;
    }
    return 0;
}

struct service_integration *service_compile(struct text subtype, const json_t *parameters,
                                            struct text region, struct error *err)
{
    scoped(service_free) struct service_integration *service = mem_new(struct service_integration);

    service->subtype = find_subtype(subtype);
    assert(service->subtype);
    if (read_parameters(service, parameters, region, err) < 0)
        return NULL;
    for (int i = 0; i < PARAMETERS_MAX && service->subtype->parameters[i].name; i++) {
        const struct parameter *parameter = &service->subtype->parameters[i];
        if (!parameter->is_needed || service->values[i])
            continue;
        error_set(err, ERROR_INVALID, "%s needs the parameter '%s' in requestParameters",
                  service->subtype->name, parameter->name);
        return NULL;
    }
    return take(service);
}

struct service_integration *service_whole(struct text subtype)
{
    struct service_integration *service = mem_new(struct service_integration);

    service->subtype = find_subtype(subtype);
    assert(service->subtype);
    return service;
}

void service_free(struct service_integration *service)
{
    if (!service)
        return;
    for (int i = 0; i < PARAMETERS_MAX; i++)
        mapping_value_free(service->values[i]);
    free(service);
}

const char *service_target(const struct service_integration *service)
{
    return service->subtype->target;
}

/* --- the input --- */

/* What is not of its kind stays a text: the action says what is wrong with it. */
static json_t *make_value(enum kind kind, struct text text)
{
    struct error err;
    int64_t number;
    json_t *json = NULL;

    switch (kind) {
    case KIND_TEXT:
        break;
    case KIND_NUMBER:
        if (text_to_int(text, 0, INT32_MAX, &number))
            json = json_integer(number);
        break;
    case KIND_TIME:
        if (text_to_int(text, 0, INT64_MAX, &number) || cloud_time_parse(text, &number))
            json = json_integer(number);
        break;
    case KIND_JSON:
        json = json_parse(text, &err);
        break;
    }
    return json ? json : json_from_text(text);
}

json_t *service_input(const struct service_integration *service,
                      const struct mapping_source *source)
{
    const struct subtype *subtype = service->subtype;
    json_t *input = json_object();

    for (int i = 0; i < PARAMETERS_MAX && subtype->parameters[i].name; i++) {
        const struct parameter *parameter = &subtype->parameters[i];
        struct text text =
            service->values[i] ? mapping_value_get(service->values[i], source) : TEXT_NONE;
        if (text_is_set(text))
            json_object_set_new(input, parameter->name, make_value(parameter->kind, text));
    }
    return subtype->list ? json_pack("{s:[o]}", subtype->list, input) : input;
}
