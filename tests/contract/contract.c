/* SPDX-License-Identifier: Apache-2.0 */
/* The fixture of the contract programs: see contract.h. Never touches anything outside its own directory. */
#include "contract.h"

#include <stdio.h>
#include <unistd.h>

#define AWAIT_MS 20000
#define MODULE_PATH "modules:tests/contract"

static const char *
daemon_option(void *arg, const char *name)
{
    const struct contract *contract = arg;
    for (const char *const *at = contract->options; at && at[0]; at += 2) {
        if (strcmp(at[0], name) == 0)
            return at[1];
    }
    return strcmp(name, "master") == 0 ? contract->master : NULL;
}

static void
on_count(void *arg, const char *metric, double delta)
{
    ((struct contract *)arg)->counted += delta;
}

void
contract_host_open(struct contract *contract)
{
    const char *path = getenv("CONTRACT_MODULE_PATH"), *helpers = getenv("CONTRACT_LAUNCHER_DIR");
    struct host_options options = {
        .loop = contract->loop,
        .module_path = path ? path : MODULE_PATH,
        .work_dir = contract->work_dir,
        .runtime_dir = contract->runtime_dir,
        .launcher_dir = helpers ? helpers : contract->launcher_dir,
        .daemon_option = daemon_option,
        .count = on_count,
        .arg = contract,
    };
    contract->host = host_new(&options);
}

void
contract_host_close(struct contract *contract)
{
    assert_true(host_stop_within(contract->host, AWAIT_MS));
    host_free(contract->host);
    contract->host = NULL;
}

static char *
make(const char *dir, const char *name)
{
    struct err err = {0};
    char *path = xasprintf("%s/%s", dir, name);
    assert_int_equal(dir_make(path, 0755, &err), 0);
    return path;
}

void
contract_open(struct contract *contract)
{
    struct err err = {0};
    char dir[] = "/tmp/cmesos-contract-XXXXXX";
    *contract = (struct contract){0};
    assert_non_null(mkdtemp(dir));
    contract->dir = xstrdup(dir);
    contract->work_dir = make(dir, "work");
    contract->runtime_dir = make(dir, "run");
    contract->launcher_dir = make(dir, "launcher");
    contract->loop = loop_new(NULL, &err);
    assert_non_null(contract->loop);
    contract_host_open(contract);
}

void
contract_close(struct contract *contract)
{
    struct err err = {0};
    if (contract->host)
        contract_host_close(contract);
    loop_free(contract->loop);
    assert_int_equal(dir_remove(contract->dir, &err), 0);
    free(contract->work_dir);
    free(contract->runtime_dir);
    free(contract->launcher_dir);
    free(contract->dir);
}

int
contract_setup(void **state)
{
    struct contract *contract = xcalloc(1, sizeof *contract);
    contract_open(contract);
    *state = contract;
    return 0;
}

int
contract_teardown(void **state)
{
    contract_close(*state);
    free(*state);
    return 0;
}

void
on_answer(void *arg, int status, const char *error, struct mesos_bytes bytes)
{
    struct answer *answer = arg;
    answer->done = true;
    answer->count++;
    answer->status = status;
    snprintf(answer->error, sizeof answer->error, "%s", error ? error : "");
    buf_clear(&answer->bytes);
    if (bytes.len > 0)
        buf_append(&answer->bytes, bytes.data, bytes.len);
}

static bool
is_answered(void *arg)
{
    return ((struct answer *)arg)->done;
}

int
contract_await(struct contract *contract, struct answer *answer)
{
    assert_true(loop_run_until(contract->loop, is_answered, answer, AWAIT_MS));
    answer->done = false;
    return answer->status;
}

bool
contract_until(struct contract *contract, bool (*done)(void *arg), void *arg)
{
    for (int waited_ms = 0; waited_ms < AWAIT_MS; waited_ms += 10) { /* what it asks for may be no event of the loop */
        if (loop_run_until(contract->loop, done, arg, 10))
            return true;
    }
    return false;
}

struct module *
contract_start(struct contract *contract, enum mesos_kind kind, const char *name)
{
    struct err err = {0};
    struct module *module = host_start(contract->host, kind, name, NULL, NULL, 0, &err);
    if (!module)
        print_error("%s\n", err.text);
    assert_non_null(module);
    return module;
}

void
assert_text(const char *text, ...)
{
    va_list ap;
    va_start(ap, text);
    for (const char *part; (part = va_arg(ap, const char *)) != NULL;) {
        if (!strstr(text, part))
            print_error("'%s' lacks '%s'\n", text, part);
        assert_non_null(strstr(text, part));
    }
    va_end(ap);
    assert_null(strchr(text, '\n')); /* one line */
}
