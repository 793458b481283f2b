/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which modules the configuration names: [modules] and sections of the INI (through ini.c), and Mesos's
 * forms, --modules (JSON or file://) and --modules_dir (a directory of such JSON files). What the modules are
 * is the host's business.
 */
#include "conf/set.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include <jansson.h>

#include "base/file.h"

struct conf_module *
conf_module_get(struct option_set *set, const char *name, const char *where)
{
    struct conf_module *module;

    for (size_t i = 0; i < set->module_count; i++)
        if (set->modules[i].name && strcmp(set->modules[i].name, name) == 0)
            return &set->modules[i];
    set->modules = xreallocarray(set->modules, set->module_count + 1, sizeof(*module));
    module = &set->modules[set->module_count++];
    *module = (struct conf_module){.name = conf_keep(set, name), .where = conf_keep(set, where)};
    return module;
}

int
conf_module_library(struct option_set *set, const char *name, const char *library, const char *where,
                    struct err *err)
{
    struct conf_module *module = conf_module_get(set, name, where);

    if (!library[0])
        return err_set(err, -EINVAL, "%s: module '%s' wants the path or name of its library", where, name);
    if (strncmp(library, "file://", 7) == 0)
        library += 7;
    if (module->library && strcmp(module->library, library) != 0)
        return err_set(err, -EINVAL, "%s: module '%s' is given twice: also by %s", where, name,
                       module->where);
    module->library = conf_keep(set, library);
    module->where = conf_keep(set, where);
    return 0;
}

/* A copy of a list of texts with one more at its end. */
static const char *const *
list_with(struct option_set *set, const char *const *list, size_t count, const char *text)
{
    const char **longer = arena_calloc(set->arena, count + 1, sizeof(*longer));

    for (size_t i = 0; i < count; i++)
        longer[i] = list[i];
    longer[count] = conf_keep(set, text);
    return longer;
}

int
conf_module_parameter(struct option_set *set, const char *name, const char *key, const char *value,
                      const char *where, struct err *err)
{
    struct conf_module *module = conf_module_get(set, name, where);

    for (size_t i = 0; i < module->count; i++)
        if (strcmp(module->keys[i], key) == 0)
            return err_set(err, -EINVAL, "%s: parameter '%s' of module '%s' is given twice", where, key,
                           name);
    module->keys = list_with(set, module->keys, module->count, key);
    module->values = list_with(set, module->values, module->count, value);
    module->count++;
    return 0;
}

/* The text of a member, or an error that names it. */
static int
get_text(json_t *object, const char *key, const char *what, const char *where, const char **ret,
         struct err *err)
{
    json_t *value = json_object_get(object, key);

    if (!json_is_string(value) || json_string_length(value) == 0)
        return err_set(err, -EINVAL, "%s: %s wants \"%s\": a text", where, what, key);
    *ret = json_string_value(value);
    return 0;
}

static int
read_parameters(struct option_set *set, json_t *list, const char *name, const char *where, struct err *err)
{
    json_t *item;
    size_t i;

    if (list && !json_is_array(list))
        return err_set(err, -EINVAL, "%s: \"parameters\" of module '%s' is no array", where, name);
    json_array_foreach(list, i, item)
    {
        const char *key, *value;
        int status = get_text(item, "key", "a parameter", where, &key, err);

        if (status < 0)
            return status;
        if (!json_is_string(json_object_get(item, "value")))
            return err_set(err, -EINVAL, "%s: parameter '%s' of module '%s' wants \"value\": a text", where,
                           key, name);
        value = json_string_value(json_object_get(item, "value"));
        status = conf_module_parameter(set, name, key, value, where, err);
        if (status < 0)
            return status;
    }
    return 0;
}

/* {"file": "/path/libx.so"} or {"name": "x"}: the host adds "lib" and ".so". */
static int
library_of(json_t *library, const char *where, const char **ret, struct err *err)
{
    if (json_object_get(library, "file"))
        return get_text(library, "file", "a library", where, ret, err);
    if (json_object_get(library, "name"))
        return get_text(library, "name", "a library", where, ret, err);
    return err_set(err, -EINVAL, "%s: a library wants \"file\" (a path) or \"name\"", where);
}

static int
read_library(struct option_set *set, json_t *library, const char *where, struct err *err)
{
    json_t *modules = json_object_get(library, "modules"), *module;
    const char *file, *name;
    size_t i;
    int status = library_of(library, where, &file, err);

    if (status < 0)
        return status;
    if (!json_is_array(modules))
        return err_set(err, -EINVAL, "%s: library '%s' wants \"modules\": an array of {\"name\": ...}", where,
                       file);
    json_array_foreach(modules, i, module)
    {
        status = get_text(module, "name", "a module", where, &name, err);
        if (status == 0)
            status = conf_module_library(set, name, file, where, err);
        if (status == 0)
            status = read_parameters(set, json_object_get(module, "parameters"), name, where, err);
        if (status < 0)
            return status;
    }
    return 0;
}

static int
read_json(struct option_set *set, const char *text, const char *where, struct err *err)
{
    json_error_t why;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    json_t *libraries, *library;
    size_t i;
    int status = 0;

    if (!root)
        return err_set(err, -EINVAL, "%s: line %d, column %d: %s", where, why.line, why.column, why.text);
    libraries = json_object_get(root, "libraries");
    if (!json_is_array(libraries))
        status =
            err_set(err, -EINVAL,
                    "%s: wants {\"libraries\": [{\"file\": ..., \"modules\": [{\"name\": ...}]}]}", where);
    json_array_foreach(libraries, i, library)
    {
        if (status == 0)
            status = read_library(set, library, where, err);
    }
    json_decref(root);
    return status;
}

static int
visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int
read_directory(struct option_set *set, const char *directory, const char *where, struct err *err)
{
    struct dirent **names = NULL;
    int count = scandir(directory, &names, visible, alphasort);
    int status = 0;

    if (count < 0)
        return err_errno(err, "%s: cannot read '%s'", where, directory);
    for (int i = 0; i < count; i++) {
        auto_free char *path = xasprintf("%s/%s", directory, names[i]->d_name);
        auto_buf struct buf content = {0};

        if (status == 0)
            status = file_read(path, CONF_MAX_FILE_BYTES, &content, err);
        if (status == 0)
            status = read_json(set, buf_cstr(&content), path, err);
        status = conf_tolerate(set, status, err);
        free(names[i]);
    }
    free(names);
    return status;
}

int
conf_read_modules(struct option_set *set, struct err *err)
{
    struct option_origin origin = {0}, dir_origin = {0};
    const char *modules = conf_value(set, "modules", &origin);
    const char *directory = conf_value(set, "modules_dir", &dir_origin);

    if (modules && directory)
        return err_set(err, -EINVAL, "options 'modules' (%s) and 'modules_dir' (%s) exclude each other",
                       origin.where, dir_origin.where);
    if (modules)
        return read_json(set, modules, origin.where, err);
    if (directory)
        return read_directory(set, directory, dir_origin.where, err);
    return 0;
}
