/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/json.h"

/*
 * Reading settings out of a JSON object: each fails with ERROR_INVALID and a text that names
 * the setting by where it stands ("limits.client" + "rate").
 */

/* An object whose members all are among names (the list ends with NULL). */
int fields_check(const json_t *object, const char *at, const char *const *names, struct error *err);
/* Each leaves *ret alone when there is no such member. */
int fields_int(const json_t *object, const char *at, const char *name, int64_t min, int64_t max,
               int64_t *ret, struct error *err);
int fields_number(const json_t *object, const char *at, const char *name, double min, double max,
                  double *ret, struct error *err);
/* *ret is borrowed from the object, and not empty if it is set. */
int fields_text(const json_t *object, const char *at, const char *name, struct text *ret,
                struct error *err);
/* *ret: an array of non-empty strings (a single one is checked by the caller), borrowed. */
int fields_texts(const json_t *object, const char *at, const char *name, const json_t **ret,
                 struct error *err);
