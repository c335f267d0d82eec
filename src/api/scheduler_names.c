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

/* A standard queue's: no ".fifo" at the end. */
bool scheduler_is_dead_letter(struct text text)
{
    struct text rest = text, name = TEXT_NONE, part;
    size_t count = 0;

    for (; text_split(&rest, ':', &part); count++)
        name = part;
    return count == 6 && text_starts(text, TEXT("arn:aws")) &&
           text_find_text(text, TEXT(":sqs:")) < text.len && scheduler_is_token(name);
}

bool scheduler_is_kms_key(struct text text)
{
    struct text rest = text, part = TEXT_NONE;
    size_t count = 0;

    for (; text_split(&rest, ':', &part); count++)
        if (count == 2 && !text_equal(part, TEXT("kms")))
            return false;
    size_t slash = text_find(part, '/');
    struct text kind = text_slice(part, 0, slash), id = text_skip(part, slash + 1);
    return count == 6 && text_starts(text, TEXT("arn:aws")) && slash < part.len &&
           (text_equal(kind, TEXT("key")) || text_equal(kind, TEXT("alias"))) &&
           (id.len == 0 || scheduler_is_token(id));
}

/* Not AWS's own, and begun like a name; or a JSON path. */
bool scheduler_is_event_source(struct text text)
{
    bool is_name = scheduler_is_name(text_slice(text, 0, 1)) || text_starts(text, TEXT("/"));

    return (is_name && !text_starts(text, TEXT("aws.")) && !text_contains(text, '\n')) ||
           text_equal(text, TEXT("$")) || text_starts(text, TEXT("$."));
}
