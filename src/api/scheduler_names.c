/* SPDX-License-Identifier: Apache-2.0 */
#include "api/scheduler_priv.h"

/* The Scheduler's names, matched by hand as those of api/names.c. */

/* "arn:aws:iam::123456789012:role/name" */
bool scheduler_is_role(struct text text)
{
    size_t iam = text_find_text(text, TEXT(":iam::")), role = text_find_text(text, TEXT(":role/"));

    return text_starts(text, TEXT("arn:aws")) && iam < text.len && role == iam + 18 &&
           text.len > role + 6;
}

/* The last part of an ARN of that service; TEXT_NONE when it is none. */
static struct text resource_of(struct text arn, struct text service)
{
    struct text rest = arn, part = TEXT_NONE;
    size_t count = 0;

    for (; text_split(&rest, ':', &part); count++)
        if (count == 2 && !text_equal(part, service))
            return TEXT_NONE;
    return count == 6 && text_starts(arn, TEXT("arn:aws")) ? part : TEXT_NONE;
}

/* A standard queue's: no ".fifo" at the end. */
bool scheduler_is_dead_letter(struct text text)
{
    struct text name = resource_of(text, TEXT("sqs"));

    return text_is_set(name) && scheduler_is_token(name);
}

bool scheduler_is_kms_key(struct text text)
{
    struct text resource = resource_of(text, TEXT("kms"));
    size_t slash = text_find(resource, '/');
    struct text kind = text_slice(resource, 0, slash), id = text_skip(resource, slash + 1);

    return slash < resource.len &&
           (text_equal(kind, TEXT("key")) || text_equal(kind, TEXT("alias"))) &&
           (id.len == 0 || scheduler_is_token(id));
}

bool scheduler_is_group_arn(struct text text)
{
    const struct text kind = TEXT("schedule-group/");
    struct text resource = resource_of(text, TEXT("scheduler"));

    return text_starts(resource, kind) && scheduler_is_name(text_skip(resource, kind.len));
}

/* Not AWS's own, and begun like a name; or a JSON path. */
bool scheduler_is_event_source(struct text text)
{
    bool is_name = scheduler_is_name(text_slice(text, 0, 1)) || text_starts(text, TEXT("/"));

    return (is_name && !text_starts(text, TEXT("aws.")) && !text_contains(text, '\n')) ||
           text_equal(text, TEXT("$")) || text_starts(text, TEXT("$."));
}
