/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/*
 * Writes a JSON document member by member into a buffer, without a tree in between. key is
 * NULL for an element of an array, and for the document itself.
 */
struct writer {
    struct buffer *out;
    bool after_value; /* private: a comma is due */
};

void write_open(struct writer *writer, const char *key, char bracket); /* '{' or '[' */
void write_close(struct writer *writer, char bracket);                 /* '}' or ']' */
void write_text(struct writer *writer, const char *key, struct text value);
void write_string(struct writer *writer, const char *key, const char *value);
void write_string_if(struct writer *writer, const char *key, const char *value); /* not "" */
void write_int(struct writer *writer, const char *key, int64_t value);
void write_bool(struct writer *writer, const char *key, bool value);
void write_strings(struct writer *writer, const char *key, char *const *values, size_t count);
/* A value that is JSON already. */
void write_json(struct writer *writer, const char *key, struct text json);
/* A key that is data: write_text() and friends with key NULL give its value. */
void write_key(struct writer *writer, struct text key);
