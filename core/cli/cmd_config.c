/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos config`: shows and changes ~/.mesos. `config KEY [VALUE]` is how the older tool did it. */
#include "cli/config.h"

#include <errno.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/term.h"

struct config_target {
    struct cli_common common;
};

static int
check_key(const char *key, struct err *err)
{
    const char *names[16], *near;
    size_t count = 0;

    for (; cli_config_keys[count].key && count < ARRAY_LEN(names); count++) {
        names[count] = cli_config_keys[count].key;
        if (strcmp(names[count], key) == 0)
            return 0;
    }
    near = str_nearest(key, names, count);
    return err_set(err, -EINVAL, "there is no key '%s'%s%s%s", key, near ? "; did you mean '" : ": `mesos config --help` "
                                                                                              "lists them",
                   near ? near : "", near ? "'?" : "");
}

/* A value stands on one line of the file. */
static int
check_value(const char *value, struct err *err)
{
    for (const char *p = value; *p; p++)
        if ((unsigned char)*p < ' ')
            return err_set(err, -EINVAL, "the value has a control character; one line of text is wanted");
    return 0;
}

static int
show(const struct config_target *target, const struct cli_config *config)
{
    json_t *object = json_object();

    for (const struct cli_config_key *k = cli_config_keys; k->key; k++) {
        const char *value = cli_config_get(config, k->key);

        if (value)
            json_object_set_new(object, k->key, json_string(value));
        if (value && !target->common.json) {
            auto_buf struct buf line = {0};

            buf_printf(&line, "%s=%s", k->key, value);
            term_write(stdout, buf_str(&line));
            putchar('\n');
        }
    }
    if (target->common.json)
        term_print_json(object, true);
    json_decref(object);
    return 0;
}

static int
get(const struct cli_config *config, const char *key)
{
    struct err err = {0};
    const char *value;

    if (check_key(key, &err) < 0) {
        cli_fail(&err);
        return EXIT_USAGE;
    }
    value = cli_config_get(config, key);
    if (!value)
        return EXIT_FAILURE;
    term_write(stdout, str_of(value));
    putchar('\n');
    return 0;
}

static int
change(const struct cli_config *config, const char *key, const char *value)
{
    struct err err = {0};

    if (check_key(key, &err) < 0 || (value && check_value(value, &err) < 0)) {
        cli_fail(&err);
        return EXIT_USAGE;
    }
    return cli_config_set(config, key, value, &err) < 0 ? cli_fail(&err) : 0;
}

static int
run_verb(const struct cli *cli, const struct cli_config *config)
{
    const char *const *w = cli->words;
    size_t count = cli->word_count;

    if (count == 0 || (count == 1 && strcmp(w[0], "show") == 0))
        return show(cli->target, config);
    if (strcmp(w[0], "get") == 0 && count == 2)
        return get(config, w[1]);
    if (strcmp(w[0], "set") == 0 && count == 3)
        return change(config, w[1], w[2]);
    if (strcmp(w[0], "unset") == 0 && count == 2)
        return change(config, w[1], NULL);
    if (strcmp(w[0], "get") == 0 || strcmp(w[0], "set") == 0 || strcmp(w[0], "unset") == 0 || count > 2)
        return cli_wrong_use(&cli_command_config, "wrong number of arguments");
    return count == 1 ? get(config, w[0]) : change(config, w[0], w[1]);
}

static int
run(struct cli *cli)
{
    auto_config struct cli_config config = {0};
    struct err err = {0};

    if (cli_config_load(&config, &err) < 0)
        return cli_fail(&err);
    return run_verb(cli, &config);
}

static const struct option options[] = {
    CLI_JSON_OPTION(struct config_target),
    {.name = NULL},
};
static const enum cli_word word_kinds[] = {WORD_CHOICE, WORD_OTHER};

const struct cli_command cli_command_config = {
    .name = "config",
    .usage = "[show | get KEY | set KEY VALUE | unset KEY | KEY [VALUE]]",
    .summary = "Show or change ~/.mesos: the master to ask, profiles, how to reach hosts.",
    .details = "Keys: master (HOST:PORT, or several with commas), profile (the [NAME] part of the file that counts "
               "first; other keys are set in it), principal and secret_file (who you are, and the file with your secret, mode "
               "0600), ca_file, cert_file and key_file (behind https://: whom to trust, and our own certificate with its key), "
               "ssh_config and ssh_user (for mesos ssh and scp).\n"
               "get exits with 1 when the key is not set.",
    .options = options,
    .target_size = sizeof(struct config_target),
    .max_words = 3,
    .word_kinds = word_kinds,
    .choices = "show|get|set|unset|ca_file|cert_file|key_file|master|principal|profile|secret_file|ssh_config|ssh_user",
    .run = run,
};
