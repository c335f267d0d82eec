/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/stat.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"
#include "loop/loop.h"

/*
 * The authorities that domains with mutual TLS name by a truststoreUri: files, which are read anew
 * when they change. On the control thread, but for truststores_read().
 */
struct truststores;

/* What was read of one, and when it was as it was. */
struct truststore_file {
    struct stat seen;
    struct buffer pem;
};

struct truststores *truststores_new(struct loop *control, const char *data_folder);
void truststores_free(struct truststores *all); /* after the loop has ended; NULL does nothing */

/* Reads one and checks that there are certificates in it; blocks: any thread. Fails with a sentence
 * that names the file, or says what a truststoreUri may be. */
int truststores_read(const char *data_folder, struct text uri, struct truststore_file *ret,
                     struct error *err);
/* What was read is what truststores_find() gives from now on; takes it. */
void truststores_put(struct truststores *all, struct text uri, struct truststore_file *file);
/* Reads and puts one; what cannot be read is told in the log. Blocks: before the loop runs. */
void truststores_load(struct truststores *all, struct text uri);

/* From now on changed() is called when a file has changed that was looked for since the last
 * truststores_begin(). */
void truststores_watch(struct truststores *all, void (*changed)(void *arg), void *arg);
void truststores_begin(struct truststores *all);
/* PEM, borrowed for the loop's iteration; empty: it was never read. */
struct text truststores_find(struct truststores *all, struct text uri);
