/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/error.h"
#include "engine/settings.h"

/* What `evoke serve` was asked to do: defaults, then the file of --config, then the
 * command line. */
struct config {
    struct settings settings;
    bool help;
};

/* argv[0] is "serve". Fails with one sentence on what is wrong. Fills in what depends on
 * the machine: data folder, shards, runtimes. */
int config_read(struct config *config, int argc, char **argv, struct error *err);
