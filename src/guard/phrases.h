/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"

/*
 * Which of many phrases a text holds, in one pass over it (Aho-Corasick), upper and lower case
 * alike (ASCII). A phrase with "*" or "?" is a pattern for the whole text. Collected, then
 * built once; a built one never changes and may be read by any thread.
 */
struct phrases;

#define PHRASES_BYTES_MAX (64 << 10) /* of all together */
#define PHRASE_BYTES_MAX 1024
#define PHRASES_PATTERNS_MAX 256

struct phrases *phrases_new(void);
void phrases_free(struct phrases *phrases);
DEFINE_SCOPED(struct phrases *, phrases_free)

int phrases_add(struct phrases *phrases, struct text phrase, struct error *err);
void phrases_build(struct phrases *phrases);
/* Of text at most the first 4096 bytes count. */
bool phrases_match(const struct phrases *phrases, struct text text);
