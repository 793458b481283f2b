/* SPDX-License-Identifier: Apache-2.0 */
/* Owns ~/.mesos and its relatives of other tools. Knows no command. */
#include "cli/config.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"

enum { MOST_BYTES = 64 << 10 };

const struct cli_config_key cli_config_keys[] = {
    {"master", "any master of the cluster: HOST:PORT, or several with commas, or zk://..."},
    {"ca_file", "whom to trust behind https://, as PEM; the variable MESOS_CA_FILE counts before it"},
    {"cert_file", "our certificate for daemons that ask for one; MESOS_CERT_FILE counts before it"},
    {"key_file", "its private key; MESOS_KEY_FILE counts before it"},
    {"module_path", "where modules are, for zk://; the variable MESOS_MODULE_PATH counts before it"},
    {"principal", "who you are to the cluster; the variable MESOS_PRINCIPAL counts before it"},
    {"profile", "the [NAME] part of the file whose lines count before the others"},
    {"secret_file", "the file with your secret, mode 0600; MESOS_SECRET and MESOS_SECRET_FILE count before it"},
    {"ssh_config", "configuration file for ssh and scp (their -F)"},
    {"ssh_user", "who to be on the agents' hosts"},
    {NULL, NULL},
};

static void
add(struct cli_config *config, const char *profile, struct str key, struct str value)
{
    if (config->count == config->cap) {
        config->cap = config->cap ? 2 * config->cap : 16;
        config->entries = xreallocarray(config->entries, config->cap, sizeof(*config->entries));
    }
    config->entries[config->count++] = (struct cli_config_entry){
        profile, arena_strdup(config->arena, key), arena_strdup(config->arena, value)};
}

/* "[name]" -> name. */
static bool
is_section(struct str line, struct str *ret_name)
{
    if (line.len < 2 || line.ptr[0] != '[' || line.ptr[line.len - 1] != ']')
        return false;
    *ret_name = str_trim(str_n(line.ptr + 1, line.len - 2));
    return true;
}

static bool
is_comment(struct str line)
{
    return line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == ';';
}

static struct str
unquoted(struct str value)
{
    if (value.len >= 2 && (value.ptr[0] == '"' || value.ptr[0] == '\'') && value.ptr[value.len - 1] == value.ptr[0])
        return str_n(value.ptr + 1, value.len - 2);
    return value;
}

static void
read_lines(struct cli_config *config, struct str rest)
{
    const char *profile = "";

    while (rest.len > 0) {
        struct str line = str_trim(str_cut(&rest, '\n')), name;

        if (is_comment(line))
            continue;
        if (is_section(line, &name)) {
            profile = arena_strdup(config->arena, name);
        } else {
            struct str value = line, key = str_trim(str_cut(&value, '='));

            add(config, profile, key, unquoted(str_trim(value)));
        }
    }
}

static void
read_object(struct cli_config *config, const char *profile, json_t *object)
{
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
    {
        if (json_is_string(value))
            add(config, profile, str_of(key), str_of(json_string_value(value)));
        else if (json_is_object(value) && !*profile)
            read_object(config, arena_strdup(config->arena, str_of(key)), value);
    }
}

/* The newer tool's file: [master] address = "host:port". */
static void
read_toml(struct cli_config *config, struct str text)
{
    struct cli_config lines = {.arena = config->arena};

    read_lines(&lines, text);
    for (size_t i = 0; i < lines.count; i++)
        if (strcmp(lines.entries[i].profile, "master") == 0 && strcmp(lines.entries[i].key, "address") == 0)
            add(config, "", STR_LIT("master"), str_of(lines.entries[i].value));
    free(lines.entries);
}

static const char *
find(const struct cli_config *config, const char *profile, const char *key)
{
    for (size_t i = config->count; i > 0; i--)
        if (strcmp(config->entries[i - 1].profile, profile) == 0 && strcmp(config->entries[i - 1].key, key) == 0)
            return config->entries[i - 1].value;
    return NULL;
}

/* The older tool uses the profile "default" when none is chosen. */
static void
choose_profile(struct cli_config *config)
{
    const char *profile = find(config, "", "profile");

    config->profile = profile ? profile : config->readable_only ? "default" : "";
}

static int
read_config(struct cli_config *config, bool toml, struct err *err)
{
    auto_buf struct buf text = {0};
    json_t *object;

    if (file_read(config->path, MOST_BYTES, &text, err) < 0)
        return err->code;
    object = text.len ? json_loadb(buf_data(&text), text.len, 0, NULL) : NULL;
    config->readable_only = toml || object;
    if (toml)
        read_toml(config, buf_str(&text));
    else if (object)
        read_object(config, "", object);
    else
        read_lines(config, buf_str(&text));
    json_decref(object);
    choose_profile(config);
    return 0;
}

int
cli_config_load(struct cli_config *ret, struct err *err)
{
    static const char *const names[] = {".mesos", ".mesos/config.toml", ".mesos.json"};
    const char *home = getenv("HOME");
    struct stat st;

    *ret = (struct cli_config){.arena = arena_new(0), .profile = ""};
    for (size_t i = 0; home && *home && i < ARRAY_LEN(names); i++) {
        auto_free char *path = xasprintf("%s/%s", home, names[i]);

        if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
            ret->path = take(&path);
            if (read_config(ret, i == 1, err) == 0)
                return 0;
            cli_config_free(ret);
            return err->code;
        }
    }
    ret->path = home && *home ? xasprintf("%s/%s", home, names[0]) : NULL;
    return 0;
}

void
cli_config_free(struct cli_config *config)
{
    free(config->path);
    free(config->entries);
    arena_free(config->arena);
    *config = (struct cli_config){0};
}

const char *
cli_config_get(const struct cli_config *config, const char *key)
{
    const char *value = *config->profile ? find(config, config->profile, key) : NULL;

    return value && *value ? value : find(config, "", key);
}

/* Copies the lines, with the key's line of the wanted profile replaced, dropped, or added at the profile's end. */
static void
edit(struct buf *out, struct str rest, const char *profile, const char *key, const char *value)
{
    bool inside = !*profile, done = !value;

    while (rest.len > 0) {
        struct str line = str_cut(&rest, '\n'), name, before = str_trim(line), after = before;

        if (is_section(before, &name)) {
            if (inside && !done)
                buf_printf(out, "%s=%s\n", key, value);
            done = done || inside;
            inside = str_is(name, profile);
        } else if (inside && !is_comment(before) && str_is(str_trim(str_cut(&after, '=')), key)) {
            if (!done)
                buf_printf(out, "%s=%s\n", key, value);
            done = true;
            continue;
        }
        buf_printf(out, "%.*s\n", STR_ARG(line));
    }
    if (!done && !inside)
        buf_printf(out, "[%s]\n", profile);
    if (!done)
        buf_printf(out, "%s=%s\n", key, value);
}

int
cli_config_set(const struct cli_config *config, const char *key, const char *value, struct err *err)
{
    const char *profile = strcmp(key, "profile") == 0 ? "" : config->profile;
    auto_buf struct buf text = {0}, out = {0};
    struct stat st;

    if (!config->path)
        return err_set(err, -ENOENT, "HOME is not set: there is no place for ~/.mesos");
    if (config->readable_only)
        return err_set(err, -ENOTSUP, "%s is of another tool and is only read: write ~/.mesos as lines key=value",
                       config->path);
    if (stat(config->path, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(err, -EEXIST, "%s is no plain file", config->path);
    if (access(config->path, F_OK) == 0 && file_read(config->path, MOST_BYTES, &text, err) < 0)
        return err->code;
    edit(&out, buf_str(&text), profile, key, value);
    return file_replace(config->path, buf_data(&out), out.len, 0600, false, err);
}

int
cli_config_value(char **ret, const char *key, struct err *err)
{
    auto_config struct cli_config config = {0};
    const char *value;

    if (cli_config_load(&config, err) < 0)
        return err->code;
    value = cli_config_get(&config, key);
    *ret = value ? xstrdup(value) : NULL;
    return 0;
}

const struct cli_global cli_globals[] = {
    {"--master", "MESOS_MASTER"},     {"--principal", "MESOS_PRINCIPAL"}, {"--secret_file", "MESOS_SECRET_FILE"},
    {"--ca_file", "MESOS_CA_FILE"},   {"--cert_file", "MESOS_CERT_FILE"}, {"--key_file", "MESOS_KEY_FILE"},
    {NULL, NULL},
};

/* How many of the arguments are that flag and its value; 0 = it is another. */
static int
take_one(const struct cli_global *global, int argc, char **argv)
{
    size_t len = strlen(global->flag);

    if (strncmp(argv[0], global->flag, len) != 0)
        return 0;
    if (argv[0][len] == '=') {
        setenv(global->variable, argv[0] + len + 1, 1);
        return 1;
    }
    if (argv[0][len] || argc < 2)
        return 0;
    setenv(global->variable, argv[1], 1);
    return 2;
}

int
cli_take_globals(int argc, char **argv)
{
    int used = 0, before;

    do {
        before = used;
        for (const struct cli_global *g = cli_globals; g->flag && used < argc; g++)
            used += take_one(g, argc - used, argv + used);
    } while (used > before);
    return used;
}
