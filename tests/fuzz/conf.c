/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration as somebody may have left it: the INI, a file of one option, /etc/default, the environment,
 * argv. The first byte says where the bytes stand. Everything is either read or refused with a sentence.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "conf/option.h"
#include "fuzz/fuzz.h"

struct target {
    const char *text, *path, *json;
    bool flag;
    int64_t number, span;
    uint64_t amount;
    double real;
};

static const char *const aliases[] = {"old_text", NULL};
static const struct option options[] = {
    {.name = "text",
     .aliases = aliases,
     .type = OPTION_STRING,
     .offset = offsetof(struct target, text),
     .help = "A text."},
    {.name = "path", .type = OPTION_PATH, .offset = offsetof(struct target, path), .help = "A path."},
    {.name = "json", .type = OPTION_JSON, .offset = offsetof(struct target, json), .help = "JSON."},
    {.name = "flag",
     .type = OPTION_BOOL,
     .offset = offsetof(struct target, flag),
     .fallback = "true",
     .help = "A switch."},
    {.name = "number",
     .type = OPTION_INT,
     .offset = offsetof(struct target, number),
     .fallback = "1",
     .help = "A number."},
    {.name = "span",
     .type = OPTION_DURATION,
     .offset = offsetof(struct target, span),
     .fallback = "1secs",
     .help = "A time."},
    {.name = "amount",
     .type = OPTION_BYTES,
     .offset = offsetof(struct target, amount),
     .fallback = "1KB",
     .help = "A size."},
    {.name = "real",
     .type = OPTION_DOUBLE,
     .offset = offsetof(struct target, real),
     .fallback = "1.5",
     .help = "A real."},
    {.name = "modules", .type = OPTION_JSON, .offset = SIZE_MAX, .help = "Modules."},
    {.name = "modules_dir", .type = OPTION_PATH, .offset = SIZE_MAX, .help = "Modules."},
    {.name = NULL},
};

static char dir[64];

static void
drop_dir(void)
{
    static const char *const files[] = {"mesos/master.ini", "mesos-master/text", "mesos-master/json",
                                        "default/mesos-master"};
    static const char *const dirs[] = {"mesos", "mesos-master", "default", ""};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        auto_free char *path = xasprintf("%s/%s", dir, files[i]);
        unlink(path);
    }
    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        auto_free char *path = xasprintf("%s/%s", dir, dirs[i]);
        rmdir(path);
    }
}

static void
make_dir(void)
{
    static const char *const dirs[] = {"mesos", "mesos-master", "default"};
    if (dir[0])
        return;
    strcpy(dir, "/tmp/mesos-fuzz-XXXXXX");
    must(mkdtemp(dir));
    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        auto_free char *path = xasprintf("%s/%s", dir, dirs[i]);
        must(mkdir(path, 0700) == 0);
    }
    atexit(drop_dir);
}

static void
write_file(const char *name, struct str bytes)
{
    auto_free char *path = xasprintf("%s/%s", dir, name);
    FILE *file = fopen(path, "wb");
    must(file);
    must(fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len);
    fclose(file);
}

static void
load(char *extra, char **environment)
{
    static const char *const etc_dirs[] = {"mesos-master", NULL}, *const etc_default[] = {
                                                                      "mesos", "mesos-master", NULL};
    struct target target = {0};
    const struct conf_owner owner = {.program = "mesos-master",
                                     .summary = "Reads anything.",
                                     .options = options,
                                     .target = &target,
                                     .ini_name = "master.ini",
                                     .etc_dirs = etc_dirs,
                                     .zk_option = "text",
                                     .etc_default = etc_default};
    auto_free char *etc_dir = xasprintf("--etc_dir=%s", dir), *name = xasprintf("mesos-master");
    char *argv[] = {name, etc_dir, extra, NULL};
    struct option_set *set = NULL;
    struct err err = {0};
    int code = 0, status = conf_load(&set, &owner, extra ? 3 : 2, argv, environment, &code, &err);
    must(status >= 0 || err.text[0]);
    conf_free(set);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const files[] = {"mesos/master.ini", "mesos-master/text", "mesos-master/json",
                                        "default/mesos-master"};
    struct str text = str_n(data, size);
    char *none[] = {NULL};
    make_dir();
    unsigned where = take_choice(&text, 6);
    if (where < 4) {
        write_file(files[where], text);
        load(NULL, none);
        write_file(files[where], STR_LIT(""));
        auto_free char *path = xasprintf("%s/%s", dir, files[where]);
        unlink(path);
        return 0;
    }
    auto_free char *word = str_dup(text);
    /* What is answered on stdout is not of interest here, and files outside are not to be read. */
    if (strstr(word, "help") || strstr(word, "version") || strstr(word, "config") || strchr(word, '/'))
        return 0;
    char *environment[] = {word, NULL};
    load(where == 4 ? word : NULL, where == 4 ? none : environment);
    return 0;
}
