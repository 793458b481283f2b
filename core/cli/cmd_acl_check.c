/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mesos acl check`: may this principal do that, and which line of the file says so? Asks the authorizer module that the daemons
 * load, about a file that need not be in force anywhere; contacts nobody.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/term.h"
#include "host/kind_authorizer.h"

enum { STOP_MS = 10000 };

struct acl_check_target {
    struct cli_common common;
    const char *acls, *as, *parent;
};

static const struct {
    const char *name;
    enum mesos_action action;
} actions[] = {
#define ACTION_ROW(number, NAME) {#NAME, MESOS_ACTION_##NAME},
    MESOS_ACTIONS(ACTION_ROW)
#undef ACTION_ROW
};

/* run-task, run_task, RUN_TASK: "RUN_TASK". Mesos's deprecated names, as GET_QUOTA_WITH_ROLE, and the longer names of rules lose
 * what they end with. */
static char *
plain_name(const char *word)
{
    static const char *const endings[] = {"_WITH_ROLE", "_WITH_PRINCIPAL", "_WITH_PATH", "_AS_USER", "_UNDER_PARENT_WITH_USER"};
    char *name = xstrdup(word);

    for (char *p = name; *p; p++)
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
    for (size_t i = 0; i < ARRAY_LEN(endings); i++)
        if (str_ends(str_of(name), str_of(endings[i])))
            name[strlen(name) - strlen(endings[i])] = '\0';
    if (strncmp(name, "SHUTDOWN_FRAMEWORK", 18) == 0) /* Mesos 0.22 */
        memcpy(name, "TEARDOWN", 8);
    return name;
}

/* Words without the ends that make plurals, so that the names of rules are actions, too: run_tasks, access_sandboxes. */
static char *
stem(const char *name)
{
    size_t len = 0;
    char *out = xcalloc(1, strlen(name) + 1);

    for (const char *p = name;; p++) {
        while ((*p == '_' || !*p) && len > 1 &&
               (out[len - 1] == 'S' || (out[len - 1] == 'E' && (out[len - 2] == 'S' || out[len - 2] == 'X'))))
            out[--len] = '\0';
        if (!*p)
            return out;
        out[len++] = *p;
    }
}

static int
find_action(const char *word, enum mesos_action *ret, const char **ret_name, struct err *err)
{
    const char *names[ARRAY_LEN(actions)], *nearest;
    auto_free char *name = plain_name(word), *wanted = stem(name);

    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        auto_free char *plain = plain_name(actions[i].name), *known = stem(plain);

        names[i] = actions[i].name;
        if (strcmp(known, wanted) == 0) {
            *ret = actions[i].action;
            *ret_name = names[i];
            return 0;
        }
    }
    nearest = str_nearest(name, names, ARRAY_LEN(names));
    return err_set(err, -EINVAL, "there is no action '%s'%s%s%s", word, nearest ? "; did you mean '" : "; there is e.g. RUN_TASK",
                   nearest ? nearest : "", nearest ? "'?" : "");
}

/* --acls is a file, by its path or as file://, or the lists themselves. */
static struct module *
start_authorizer(struct host *host, const char *acls, struct err *err)
{
    const char *key = acls[0] == '{' ? "acls" : "acls_file";

    return host_start(host, MESOS_KIND_AUTHORIZER, "local_acl", &key, &acls, 1, err);
}

static int
tell(const struct acl_check_target *target, const char *action, const char *object, bool yes, const char *why)
{
    if (target->common.json) {
        json_t *answer = json_object();

        json_object_set_new(answer, "allowed", json_boolean(yes));
        json_object_set_new(answer, "principal", target->as ? json_string(target->as) : json_null());
        json_object_set_new(answer, "action", json_string(action));
        json_object_set_new(answer, "object", object ? json_string(object) : json_null());
        json_object_set_new(answer, "because", json_string(why));
        term_print_json(answer, true);
        json_decref(answer);
    } else {
        auto_buf struct buf shown = {0};

        term_escape(&shown, str_of(why));
        printf("%s: %s\n", yes ? "allowed" : "refused", buf_cstr(&shown));
    }
    return yes ? 0 : EXIT_FAILURE;
}

/* Daemons ask about an endpoint's old name ("/containers.json") and about the one without that end. */
static char *
newer_path(enum mesos_action action, const char *path)
{
    size_t len = path ? strlen(path) : 0;

    if (action != MESOS_ACTION_GET_ENDPOINT_WITH_PATH || len < 5 || strcmp(path + len - 5, ".json") != 0)
        return NULL;
    return xstrndup(path, len - 5);
}

static bool
ask_about(struct module *authorizer, void *approver, const struct acl_check_target *target, const char *value, char *why, size_t size)
{
    struct mesos_object object = {.size = sizeof(object), .value = value, .parent = target->parent};

    authorizer_explain(authorizer, approver, &object, why, size);
    return authorizer_approved(authorizer, approver, &object);
}

static int
ask(const struct cli *cli, struct host *host, struct err *err)
{
    const struct acl_check_target *target = cli->target;
    struct mesos_principal principal = {.size = sizeof(principal), .value = target->as};
    const char *name = NULL;
    enum mesos_action action = MESOS_ACTION_REGISTER_FRAMEWORK;
    char why[1024] = "";
    bool yes = false;
    uint32_t reads;

    if (find_action(cli->words[0], &action, &name, err) < 0) {
        cli_fail(err);
        return EXIT_USAGE;
    }
    struct module *authorizer = start_authorizer(host, target->acls, err);

    if (!authorizer)
        return cli_fail(err);
    auto_free char *newer = newer_path(action, cli->words[1]);
    void *approver = authorizer_approver_new(authorizer, target->as ? &principal : NULL, action, &reads);

    if (approver) {
        yes = (!newer || ask_about(authorizer, approver, target, newer, why, sizeof(why))) &&
              ask_about(authorizer, approver, target, cli->words[1], why, sizeof(why));
        authorizer_approver_free(authorizer, approver);
    }
    return tell(target, name, cli->words[1], yes, why);
}

static int
run(struct cli *cli)
{
    const struct acl_check_target *target = cli->target;
    auto_free char *configured = NULL;
    const char *path = getenv("MESOS_MODULE_PATH");
    struct err err = {0};

    if (!target->acls)
        return cli_wrong_use(&cli_command_acl_check, "--acls=FILE is wanted: the lists to ask");
    if (!path && cli_config_value(&configured, "module_path", &err) < 0)
        return cli_fail(&err);
    log_open(&(struct log_options){.program = "mesos", .level = LOG_LEVEL_ERROR, .quiet = true}, NULL);

    struct host_options options = {.loop = cli->loop, .module_path = path ? path : configured};
    struct host *host = host_new(&options);
    int code = ask(cli, host, &err);

    host_stop_within(host, STOP_MS);
    host_free(host);
    return code;
}

static const struct option options[] = {
    {.name = "acls",
     .type = OPTION_PATH,
     .offset = offsetof(struct acl_check_target, acls),
     .argument = "FILE",
     .help = "The access control lists, as the daemons' --acls takes them."},
    {.name = "as",
     .type = OPTION_STRING,
     .offset = offsetof(struct acl_check_target, as),
     .argument = "PRINCIPAL",
     .help = "Who asks. Without it: somebody who did not log in."},
    {.name = "parent",
     .type = OPTION_STRING,
     .offset = offsetof(struct acl_check_target, parent),
     .argument = "USER",
     .help = "For containers that are launched inside another: the user of that one."},
    CLI_JSON_OPTION(struct acl_check_target),
    {.name = NULL},
};

const struct cli_command cli_command_acl_check = {
    .name = "acl check",
    .usage = "[OPTION...] ACTION [OBJECT]",
    .summary = "Say whether access control lists allow something, and which line decides.",
    .details = "ACTION is one of Mesos's, in any case: run_task, REGISTER_FRAMEWORK, view-role; or the name of its rules: "
               "run_tasks. OBJECT is what it is done to: a user, a role, a principal or a path, as the action's rules have it; "
               "without it any object is meant.\n"
               "Nobody is contacted. Exits with 0 when it is allowed, 1 when it is refused.",
    .options = options,
    .target_size = sizeof(struct acl_check_target),
    .min_words = 1,
    .max_words = 2,
    .run = run,
};
