/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mesos completion bash|zsh|fish` prints what the shell wants to be told; it then asks for candidates as it asked the
 * older tool's mesos-completion: the line in COMP_LINE, the cursor in COMP_POINT (`complete -C mesos-completion mesos`
 * works too).
 */
#include "cli/complete.h"

#include <stdio.h>

struct completion_target {
    struct cli_common common;
};

/* "@@" stands for the names of all programs. */
static const struct {
    const char *shell, *script;
} scripts[] = {
    {"bash",
     "_mesos() {\n"
     "    mapfile -t COMPREPLY < <(COMP_LINE=$COMP_LINE COMP_POINT=$COMP_POINT mesos completion \"$1\" \"$2\" \"$3\" 2>/dev/null)\n"
     "    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/] ]] && compopt -o nospace 2>/dev/null\n"
     "    return 0\n"
     "}\n"
     "complete -o default -F _mesos @@\n"},
    {"zsh",
     "#compdef @@\n"
     "_mesos() {\n"
     "    local -a words_found open closed\n"
     "    local line=\"${(j: :)${(@)words[1,CURRENT]}}\"\n"
     "    words_found=(${(f)\"$(COMP_LINE=$line COMP_POINT=${#line} mesos completion 2>/dev/null)\"})\n"
     "    open=(${(M)words_found:#*[=/]})\n"
     "    closed=(${words_found:#*[=/]})\n"
     "    (( ${#open} )) && compadd -S '' -- $open\n"
     "    (( ${#closed} )) && compadd -- $closed\n"
     "    (( ${#words_found} )) || _files\n"
     "}\n"
     "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _mesos \"$@\"; else compdef _mesos @@; fi\n"},
    {"fish",
     "function __mesos_complete\n"
     "    set -l line (commandline -cp | string collect)\n"
     "    env COMP_LINE=$line COMP_POINT=(string length -- $line) mesos completion 2>/dev/null\n"
     "end\n"
     "for name in @@\n"
     "    complete -c $name -f -a '(__mesos_complete)'\n"
     "end\n"},
};

static void
print_names(void)
{
    fputs("mesos", stdout);
    for (size_t i = 0; cli_commands[i]; i++)
        if (!strchr(cli_commands[i]->name, ' '))
            printf(" mesos-%s", cli_commands[i]->name);
}

static int
print_script(const char *shell)
{
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        if (strcmp(scripts[i].shell, shell) != 0)
            continue;
        for (const char *p = scripts[i].script; *p; p++) {
            if (p[0] != '@' || p[1] != '@') {
                putchar(*p);
                continue;
            }
            print_names();
            p++;
        }
        return 0;
    }
    return cli_wrong_use(&cli_command_completion, "there is no completion for '%s'", shell);
}

static int
run(struct cli *cli)
{
    const char *line = getenv("COMP_LINE"), *point = getenv("COMP_POINT");
    uint64_t at;

    if (cli->word_count == 1 && !line)
        return print_script(cli->words[0]);
    if (!line)
        return cli_wrong_use(&cli_command_completion, "a shell is wanted");
    if (!point || str_to_u64(str_of(point), &at) < 0 || at > strlen(line))
        at = strlen(line);
    return complete_line(cli, str_n(line, at), cli->word_count == 3 ? cli->words[1] : NULL);
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct completion_target),
    {.name = NULL},
};
static const enum cli_word word_kinds[] = {WORD_CHOICE, WORD_OTHER};

const struct cli_command cli_command_completion = {
    .name = "completion",
    .usage = "bash|zsh|fish",
    .summary = "Print what makes a shell complete our words.",
    .details = "bash: eval \"$(mesos completion bash)\" in ~/.bashrc; zsh: the same in ~/.zshrc after compinit; "
               "fish: mesos completion fish > ~/.config/fish/completions/mesos.fish",
    .options = options,
    .target_size = sizeof(struct completion_target),
    .max_words = 3,
    .last_flag_word = 1, /* the shell hands over words with dashes */
    .word_kinds = word_kinds,
    .choices = "bash|zsh|fish",
    .run = run,
};
