/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "model/manifest.h"

struct guard_services;

/*
 * Deployment packages: a ZIP is checked, hashed and unpacked before anything can see it.
 *
 * Below the data folder: code/<digest>/ holds what was unpacked (read-only, its modes
 * kept), zip/<digest>.zip the package as it came, staging/ what is being unpacked. The
 * digest is the hex SHA-256 of the ZIP, so the same content is stored once. One parser
 * lists, checks and extracts. All of this blocks: pool threads only.
 */
struct package {
    char code[65];        /* hex digest, the folder's name */
    char code_sha256[48]; /* base64 */
    int64_t zip_bytes, unpacked_bytes;
    struct manifest *manifest; /* of function.yaml at the root, NULL without */
    struct guarded *guarded;   /* what that says about requests, compiled; NULL without */
};

/* Makes the three folders, and removes what a killed daemon left in staging/. */
int package_prepare(const char *data_folder, struct error *err);

/* All or nothing: on failure nothing is left behind. Refuses (ERROR_INVALID, one
 * sentence that names the entry) anything that is not a plain, consistent ZIP: escaping
 * paths of any kind, links that lead out, devices, duplicates, bombs, truncation,
 * encryption, unknown methods, central and local headers that differ. ERROR_LIMIT for
 * packages beyond model/limits.h. */
int package_stage(const char *data_folder, const struct guard_services *guards, struct text zip,
                  struct package *ret, struct error *err);
void package_done(struct package *package);

/* Moves code and ZIPs that nobody uses out of the way, which is quick, to where
 * package_remove_aside() then removes them. To be called while nothing is staged. Returns
 * how many. */
int package_set_aside(const char *data_folder, bool (*is_used)(void *arg, const char *code),
                      void *arg, struct error *err);
int package_remove_aside(const char *data_folder, struct error *err);

/* Removes code and ZIP of a digest nobody uses any more. */
int package_remove(const char *data_folder, const char *code, struct error *err);
