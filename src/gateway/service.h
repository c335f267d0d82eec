/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/scoped.h"
#include "gateway/mapping.h"

/*
 * Integrations with services ("first-class": integrationSubtype): which action they call, and how
 * its input is made of a request. Compiled ones never change.
 */
struct service_integration;

/* Whether Evoke serves the subtype, such as "SQS-SendMessage". */
bool service_is_served(struct text subtype);
/* requestParameters of a subtype that is served. Fails on parameters that are unknown or missing,
 * and on values that mean nothing. */
struct service_integration *service_compile(struct text subtype, const json_t *parameters,
                                            struct text region, struct error *err);
/* The action is given its input as it is, not made of parameters. */
struct service_integration *service_whole(struct text subtype);
/* The subtype of what API Gateway's URIs of actions name ("sqs", "SendMessage"); TEXT_NONE. */
struct text service_subtype(struct text service, struct text action);
/* "integrationSubtype 'X' ...": why it is none of those that are served. */
int service_refuse(struct text subtype, struct error *err);
void service_free(struct service_integration *service); /* NULL does nothing */
DEFINE_SCOPED(struct service_integration *, service_free)

const char *service_target(const struct service_integration *service);
/* The action's input. What a request does not have is left out, for the action to judge. */
json_t *service_input(const struct service_integration *service,
                      const struct mapping_source *source);
