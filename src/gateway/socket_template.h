/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"

/*
 * Templates of WebSocket APIs' integrations. AWS runs them (VTL); here one is text without "$"
 * and "#", sent as it stands, or "$input.body" or "$input.json('$')": what came. Anything else is
 * refused when it is created. Compiled ones never change.
 */
struct socket_templates;

/* requestTemplates, templateSelectionExpression and passthroughBehavior of an integration. Of a
 * MOCK each template is {"statusCode": NUMBER}. */
struct socket_templates *socket_templates_compile(const json_t *integration, struct error *err);
void socket_templates_free(struct socket_templates *templates); /* NULL does nothing */
DEFINE_SCOPED(struct socket_templates *, socket_templates_free)

/* What the integration is sent for a message; *ret_status: what a MOCK answers. False: a message
 * that no template is for does not pass. */
bool socket_templates_apply(const struct socket_templates *templates, struct text message,
                            struct text *ret_body, int *ret_status);

/* The IntegrationResponses of an integration that is no proxy. */
struct socket_responses;

/* Of those that are its integration's: integrationResponseKey ("$default", or "/4\\d\\d/" of a
 * status), responseTemplates. */
struct socket_responses *socket_responses_compile(const json_t *list, struct text integration_id,
                                                  struct error *err);
/* Whether one can be served. */
int socket_response_check(const json_t *response, struct error *err);
void socket_responses_free(struct socket_responses *responses);
DEFINE_SCOPED(struct socket_responses *, socket_responses_free)

/* What the client is sent of an answer. */
struct text socket_responses_apply(const struct socket_responses *responses, int status,
                                   struct text body);
