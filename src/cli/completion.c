/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"
#include "cli/cli_priv.h"
#include "cli/output.h"

/*
 * Both scripts are the same function of three tables (commands, options, what a command's
 * arguments are), written once for each shell's own way to take the answers.
 */

enum words { WORDS_NONE, WORDS_FUNCTIONS, WORDS_FILES, WORDS_COMMANDS, WORDS_CHOICE };

static enum words words_of(const struct command *command)
{
    struct text usage = text_of(command->usage);

    if (text_find_text(usage, TEXT("FUNCTION")) < usage.len)
        return WORDS_FUNCTIONS;
    if (text_find_text(usage, TEXT("COMMAND")) < usage.len)
        return WORDS_COMMANDS;
    if (text_find_text(usage, TEXT("DIR")) < usage.len)
        return WORDS_FILES;
    return usage.len && text_contains(usage, '|') ? WORDS_CHOICE : WORDS_NONE;
}

static void add_names(const struct command *const *commands, struct buffer *out)
{
    for (const struct command *const *c = commands; *c; c++)
        buffer_add_format(out, "%s%s", c == commands ? "" : " ", (*c)->name);
}

static void add_choices(const char *usage, struct buffer *out)
{
    struct text rest = text_of(usage), choice;

    for (bool first = true; text_split(&rest, '|', &choice); first = false)
        buffer_add_format(out, "%s%.*s", first ? "" : " ", TEXT_ARG(choice));
}

static void add_options(const struct option *options, struct buffer *out)
{
    for (const struct option *o = options; o && o->type != OPTION_END; o++)
        buffer_add_format(out, " --%s", o->name);
}

/* "    deploy) words='...'; options='...';;" for each command: the same in both shells. */
static void add_cases(const struct command *const *commands, struct buffer *out)
{
    static const char *const kinds[] = {
        [WORDS_NONE] = "none",         [WORDS_FUNCTIONS] = "functions", [WORDS_FILES] = "files",
        [WORDS_COMMANDS] = "commands", [WORDS_CHOICE] = "choice",
    };

    for (const struct command *const *c = commands; *c; c++) {
        buffer_add_format(out, "    %s) kind=%s options='--help", (*c)->name, kinds[words_of(*c)]);
        add_options((*c)->options, out);
        buffer_add_literal(out, "' choice='");
        if (words_of(*c) == WORDS_CHOICE)
            add_choices((*c)->usage, out);
        buffer_add_literal(out, "';;\n");
    }
}

/* Options that take a value: the word behind them is no option and no function. */
static void add_valued(const struct command *const *commands, struct buffer *out)
{
    for (const struct option *o = session_options; o->type != OPTION_END; o++)
        if (*option_value_name(o))
            buffer_add_format(out, "--%s|", o->name);
    for (const struct command *const *c = commands; *c; c++)
        for (const struct option *o = (*c)->options; o && o->type != OPTION_END; o++)
            if (*option_value_name(o))
                buffer_add_format(out, "--%s|", o->name);
    out->len--; /* the last bar */
}

static void add_common(const struct command *const *commands, struct buffer *out)
{
    buffer_add_literal(out, "  local kind=none options='' choice='' commands='");
    add_names(commands, out);
    buffer_add_literal(out, "'\n  local shared='");
    add_options(session_options, out);
    buffer_add_literal(out, "'\n  case \"$command\" in\n");
    add_cases(commands, out);
    buffer_add_literal(out, "  esac\n");
}

static void bash_script(const struct command *const *commands, struct buffer *out)
{
    buffer_add_literal(
        out, "# evoke completion for bash: source <(evoke completion bash)\n"
             "_evoke() {\n"
             "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command='' "
             "i\n"
             "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
             "    [[ ${COMP_WORDS[i]} == -* ]] && continue\n"
             "    command=${COMP_WORDS[i]}; break\n"
             "  done\n");
    add_common(commands, out);
    buffer_add_literal(out, "  case \"$before\" in\n    --data) COMPREPLY=($(compgen -d -- "
                            "\"$word\")); return;;\n    ");
    add_valued(commands, out);
    buffer_add_literal(
        out, ") COMPREPLY=(); return;;\n  esac\n"
             "  if [[ $word == -* ]]; then\n"
             "    COMPREPLY=($(compgen -W \"$options $shared\" -- \"$word\")); return\n"
             "  fi\n"
             "  [[ -z $command ]] && kind=commands\n"
             "  case $kind in\n"
             "    commands) COMPREPLY=($(compgen -W \"$commands\" -- \"$word\"));;\n"
             "    choice) COMPREPLY=($(compgen -W \"$choice\" -- \"$word\"));;\n"
             "    files) compopt -o filenames; COMPREPLY=($(compgen -f -- \"$word\"));;\n"
             "    functions) COMPREPLY=($(compgen -W \"$(\"${COMP_WORDS[0]}\" list --quiet "
             "2>/dev/null)\" -- \"$word\"));;\n"
             "    *) COMPREPLY=();;\n"
             "  esac\n"
             "}\n"
             "complete -F _evoke evoke\n");
}

static void zsh_script(const struct command *const *commands, struct buffer *out)
{
    buffer_add_literal(out, "#compdef evoke\n"
                            "# evoke completion for zsh: source <(evoke completion zsh)\n"
                            "_evoke() {\n"
                            "  local word=${words[CURRENT]} before=${words[CURRENT-1]} command='' "
                            "i\n"
                            "  for ((i = 2; i < CURRENT; i++)); do\n"
                            "    [[ ${words[i]} == -* ]] && continue\n"
                            "    command=${words[i]}; break\n"
                            "  done\n");
    add_common(commands, out);
    buffer_add_literal(out, "  case \"$before\" in\n    --data) _files -/; return;;\n    ");
    add_valued(commands, out);
    buffer_add_literal(
        out, ") return;;\n  esac\n"
             "  if [[ $word == -* ]]; then\n"
             "    compadd -- ${=options} ${=shared}; return\n"
             "  fi\n"
             "  [[ -z $command ]] && kind=commands\n"
             "  case $kind in\n"
             "    commands) compadd -- ${=commands};;\n"
             "    choice) compadd -- ${=choice};;\n"
             "    files) _files;;\n"
             "    functions) compadd -- ${(f)\"$(\"${words[1]}\" list --quiet 2>/dev/null)\"};;\n"
             "  esac\n"
             "}\n"
             "if [[ $funcstack[1] == _evoke ]]; then _evoke; else compdef _evoke evoke; fi\n");
}

bool completion_script(const struct command *const *commands, const char *shell, struct buffer *out)
{
    if (strcmp(shell, "bash") == 0)
        bash_script(commands, out);
    else if (strcmp(shell, "zsh") == 0)
        zsh_script(commands, out);
    else
        return false;
    return true;
}

static int run(struct session *session, int argc, char **argv, struct error *err)
{
    scoped(buffer_done) struct buffer out = {0};
    scoped(arguments_done) struct arguments arguments = {.least = 1, .most = 1};

    if (arguments_parse(&arguments, session, argc, argv, err) < 0)
        return EXIT_USAGE;
    if (!completion_script(session->commands, arguments.words[0], &out)) {
        (void)error_set(err, ERROR_INVALID, "no completion for '%s': there is bash and zsh",
                        arguments.words[0]);
        return EXIT_USAGE;
    }
    output_buffer(stdout, &out);
    return EXIT_OK;
}

const struct command command_completion = {
    .name = "completion",
    .usage = "bash|zsh",
    .summary = "print the completion script for a shell",
    .help = "Completes commands, options, names of functions and files.\n"
            "\n"
            "  source <(evoke completion bash)\n"
            "  evoke completion bash > /etc/bash_completion.d/evoke\n"
            "  evoke completion zsh > \"${fpath[1]}/_evoke\"\n",
    .run = run,
};
