/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buffer.h"
#include "cli/command.h"

extern const struct command command_init, command_deploy, command_invoke, command_list,
    command_show, command_logs, command_events, command_apis, command_gateway, command_delete, command_url, command_env, command_status,
    command_runtimes, command_version, command_help, command_completion;

/* Among commands (NULL-terminated), or NULL. */
const struct command *command_find(const struct command *const *commands, const char *name);

/* "evoke init DIR [OPTION...]". */
void help_usage(const struct command *command, struct buffer *out);
/* `evoke help NAME`, and `evoke help`. */
void help_of_command(const struct command *command, struct buffer *out);
void help_of_all(const struct command *const *commands, struct buffer *out);
/* The reference page of the documentation. */
void help_markdown(const struct command *const *commands, struct buffer *out);

/* The completion script for a shell; false when it is not "bash" or "zsh". */
bool completion_script(const struct command *const *commands, const char *shell,
                       struct buffer *out);
