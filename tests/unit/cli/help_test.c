/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_priv.h"

#include "base/scoped.h"
#include "test.h"

static const struct command *const commands[] = {
    &command_init,     &command_deploy, &command_invoke,     &command_list,    &command_show,
    &command_logs,     &command_delete, &command_url,        &command_env,     &command_status,
    &command_runtimes, &command_help,   &command_completion, &command_version, NULL};

static bool holds(const struct buffer *text, const char *needle)
{
    return text_find_text(buffer_text(text), text_of(needle)) < text->len;
}

TEST(every_command_and_option_is_in_help_reference_and_completion)
{
    scoped(buffer_done) struct buffer help = {0}, page = {0}, bash = {0}, zsh = {0};

    help_of_all(commands, &help);
    help_markdown(commands, &page);
    CHECK(completion_script(commands, "bash", &bash));
    CHECK(completion_script(commands, "zsh", &zsh));
    for (const struct command *const *c = commands; *c; c++) {
        scoped(buffer_done) struct buffer one = {0};
        help_of_command(*c, &one);
        CHECK_MSG(holds(&help, (*c)->summary) && holds(&page, (*c)->summary + 1), "%s", (*c)->name);
        CHECK_MSG(holds(&bash, (*c)->name) && holds(&zsh, (*c)->name), "%s", (*c)->name);
        for (const struct option *o = (*c)->options; o && o->type != OPTION_END; o++) {
            scoped(buffer_done) struct buffer name = {0};
            buffer_add_format(&name, "--%s", o->name);
            CHECK_MSG(holds(&one, name.at) && holds(&page, name.at) && holds(&bash, name.at) &&
                          holds(&zsh, name.at),
                      "%s %s", (*c)->name, name.at);
        }
    }
}

TEST(there_is_no_completion_for_other_shells)
{
    scoped(buffer_done) struct buffer out = {0};

    CHECK(!completion_script(commands, "fish", &out));
    CHECK(out.len == 0);
}

TEST(summaries_are_one_line_without_full_stop)
{
    for (const struct command *const *c = commands; *c; c++) {
        struct text summary = text_of((*c)->summary);
        CHECK_MSG(summary.len > 0 && summary.len < 60 && !text_contains(summary, '\n') &&
                      !text_ends(summary, TEXT(".")),
                  "%s", (*c)->name);
    }
}
