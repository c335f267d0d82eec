/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gateway/http_api.h"

/* What the files that compile an API share. */

#define DEFAULT_STAGE TEXT("$default")
#define DEFAULT_ROUTE TEXT("$default")

/* http_api_stage.c. stage is {0}, and to be released with _done() after failure too. */
int api_stage_compile(struct api_stage *stage, const struct http_api *api, const json_t *document,
                      struct error *err);
void api_stage_done(struct api_stage *stage);

/* "${stageVariables.NAME}" becomes the stage's value, an unknown one nothing. The caller frees. */
char *api_stage_fill_in(const struct api_stage *stage, struct text text);

/* http_api_integration.c, likewise. */
int api_integration_compile(struct api_integration *integration, const struct http_api *api,
                            const struct api_stage *stage, const json_t *document,
                            struct error *err);
/* Of a WebSocket API: those of its IntegrationResponses that are this one's. */
int api_integration_respond(struct api_integration *integration, const json_t *responses,
                            struct error *err);
void api_integration_done(struct api_integration *integration);
