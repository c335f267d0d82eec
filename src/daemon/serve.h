/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"

/* `evoke serve`: builds the components, connects them, runs them, and takes them down. */
extern const struct command command_serve;
