/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"

/*
 * Policies in IAM's language: what functions that authorize answer, what stands on buses,
 * later what roles may do. A policy never changes once compiled, so any thread may evaluate
 * it. Whatever is not understood is an error, never ignored: a policy that half applies
 * would let somebody pass.
 *
 * Understood: Version 2008-10-17 (the default) and 2012-10-17 (with variables), Statement,
 * Sid, Effect, Principal, NotPrincipal, Action, NotAction, Resource, NotResource, Condition
 * with the String, Numeric, Date, Bool, Binary, IpAddress, Arn and Null operators, IfExists,
 * ForAnyValue and ForAllValues.
 */
struct policy;

#define POLICY_BYTES_MAX 20480 /* of a document that policy_parse() reads */
#define POLICY_STATEMENTS_MAX 128
#define POLICY_VALUES_MAX 1024 /* of actions, resources, principals and conditions together */

enum policy_kind {
    POLICY_OF_IDENTITY, /* what somebody may do: has no Principal */
    POLICY_OF_RESOURCE, /* who may do something with a resource: names its principals */
};

/* NULL and *err, which names the statement and the element, when document is no policy. */
struct policy *policy_compile(const json_t *document, enum policy_kind kind, struct error *err);
/* The same of its text. */
struct policy *policy_parse(struct text source, enum policy_kind kind, struct error *err);
void policy_free(struct policy *policy);
DEFINE_SCOPED(struct policy *, policy_free)

/* What is known of a request under a name such as "aws:SourceIp" (its case does not count).
 * A name that is not listed is absent. */
struct policy_key {
    struct text name;
    const struct text *values;
    size_t count;
};

/* Who asks. All absent: somebody without a name, whom only "*" means. */
struct policy_principal {
    struct text arn;     /* "arn:aws:iam::123456789012:user/eva", or of a role's session */
    struct text account; /* its twelve digits */
    struct text service; /* "events.amazonaws.com" */
    struct text federated;
};

struct policy_request {
    struct policy_principal principal; /* of no account for POLICY_OF_IDENTITY */
    struct text action, resource;
    const struct policy_key *keys;
    size_t key_count;
    /* Conditions cannot be looked at: an Allow with one does not apply, a Deny does. */
    bool ignores_conditions;
};

enum policy_effect {
    POLICY_SILENT, /* no statement applies: as good as denied, unless another policy allows */
    POLICY_ALLOW,
    POLICY_DENY, /* wins over any Allow, of other policies too */
};

enum policy_effect policy_evaluate(const struct policy *policy,
                                   const struct policy_request *request);
