/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"
#include "base/ranges.h"

/*
 * Lists that stand in files: networks to refuse, user agents of bots, countries of networks.
 * A file is read once, whoever uses it, and again when it changes: what is in it from then on
 * counts for every request that follows. If the new one is wrong the old list stays, and the
 * log says why.
 *
 * Lines are separated by newlines; what follows "#" and blanks around are ignored.
 *   networks:  192.0.2.0/24
 *   phrases:   what a user agent contains, or a pattern with "*" for all of it
 *   countries: 192.0.2.0/24,DE   (a first line of names, quotes and more columns are fine)
 */
struct address_files;
struct address_file;
struct loop;

enum address_file_kind { ADDRESS_FILE_NETWORKS, ADDRESS_FILE_PHRASES, ADDRESS_FILE_COUNTRIES };

#define ADDRESS_FILE_BYTES_MAX (256 << 20)

/* loop: where changes are seen; NULL: they are not. */
struct address_files *address_files_new(struct loop *loop);
/* On its loop, when every file has been closed. */
void address_files_free(struct address_files *files);
DEFINE_SCOPED(struct address_files *, address_files_free)

/* Reads every file in use that has changed again, now. Blocks; any thread. The number of files, and
 * each fault as a sentence into faults, if it is not NULL. */
int address_files_reload(struct address_files *files, json_t *faults);

/* Reads the file unless somebody has it open already; may block. Any thread; the path is
 * absolute. Errors name the line. */
struct address_file *address_file_open(struct address_files *files, enum address_file_kind kind,
                                       struct text path, struct error *err);
void address_file_close(struct address_file *file); /* any thread; NULL is fine */

/* By kind; any thread, no locks. */
uint16_t address_file_find(struct address_file *file, address_number address);
bool address_file_match(struct address_file *file, struct text text);

/* A country as a number: two letters of either case; 0 for anything else. */
uint16_t address_country(struct text code);

/* For tests: a list of that kind out of text, or an error. Whether it can be read. */
int address_list_check(enum address_file_kind kind, struct text content, struct error *err);
