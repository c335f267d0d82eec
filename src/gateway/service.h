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
void service_free(struct service_integration *service); /* NULL does nothing */
DEFINE_SCOPED(struct service_integration *, service_free)

const char *service_target(const struct service_integration *service);
/* The action's input. What a request does not have is left out, for the action to judge. */
json_t *service_input(const struct service_integration *service,
                      const struct mapping_source *source);
