/* SPDX-License-Identifier: Apache-2.0 */
/* What a container_logger must do, and what "sandbox" must not be lured into. */
#include "contract.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host/kind_container_logger.h"

static int
prepare(struct contract *contract, struct module *module, struct mesos_container_io *ret, struct err *err)
{
    return container_logger_prepare(module, "c1", contract->work_dir, NULL, bytes_of(""), ret, err);
}

static void
io_close(const struct mesos_container_io *io)
{
    close(io->stdout_fd);
    close(io->stderr_fd);
}

static void
test_output_goes_to_the_sandbox_and_is_appended(void **state)
{
    struct contract *contract = *state;
    struct module *module = contract_start(contract, MESOS_KIND_CONTAINER_LOGGER, "sandbox");
    struct err err = {0};
    for (int i = 0; i < 2; i++) {
        struct mesos_container_io io;
        assert_int_equal(prepare(contract, module, &io, &err), 0);
        assert_int_equal(write(io.stdout_fd, "out\n", 4), 4);
        assert_int_equal(write(io.stderr_fd, "err\n", 4), 4);
        assert_true(fcntl(io.stdout_fd, F_GETFD) & FD_CLOEXEC);
        assert_false(fcntl(io.stdout_fd, F_GETFL) & O_NONBLOCK);
        io_close(&io);
        container_logger_cleanup(module, "c1");
    }
    auto_free char *path = xasprintf("%s/stdout", contract->work_dir);
    auto_buf struct buf text = {0};
    assert_int_equal(file_read(path, 100, &text, NULL), 0);
    assert_string_equal(buf_cstr(&text), "out\nout\n");
}

static void
test_links_and_devices_are_not_followed(void **state)
{
    struct contract *contract = *state;
    struct module *module = contract_start(contract, MESOS_KIND_CONTAINER_LOGGER, "sandbox");
    struct mesos_container_io io;
    struct err err = {0};
    auto_free char *victim = xasprintf("%s/victim", contract->dir);
    auto_free char *lure = xasprintf("%s/stderr", contract->work_dir);
    assert_int_equal(file_replace(victim, "precious", 8, 0600, false, &err), 0);
    assert_int_equal(symlink(victim, lure), 0);
    assert_true(prepare(contract, module, &io, &err) < 0);
    assert_text(err.text, lure, NULL);
    assert_int_equal(unlink(lure), 0);
    assert_int_equal(link(victim, lure), 0);
    assert_true(prepare(contract, module, &io, &err) < 0);
    assert_text(err.text, "not a plain file", NULL);
    assert_int_equal(unlink(lure), 0);
    assert_int_equal(mkfifo(lure, 0600), 0);
    assert_true(prepare(contract, module, &io, &err) < 0); /* and does not wait for a reader */
    assert_int_equal(unlink(lure), 0);
    struct stat st;
    assert_int_equal(stat(victim, &st), 0);
    assert_int_equal(st.st_size, 8);
    assert_int_equal(prepare(contract, module, &io, &err), 0);
    io_close(&io);
}

static void
test_missing_sandboxes_and_users_are_told(void **state)
{
    struct contract *contract = *state;
    struct module *module = contract_start(contract, MESOS_KIND_CONTAINER_LOGGER, "sandbox");
    struct mesos_container_io io;
    struct err err = {0};
    assert_true(container_logger_prepare(module, "c", "/nowhere/at/all", NULL, bytes_of(""), &io, &err) < 0);
    assert_text(err.text, "/nowhere/at/all", "No such file", NULL);
    if (geteuid() != 0)
        return; /* only root hands files to other users */
    assert_true(container_logger_prepare(module, "c", contract->work_dir, "no-such-user-here", bytes_of(""), &io, &err) < 0);
    assert_text(err.text, "no-such-user-here", NULL);
    assert_int_equal(container_logger_prepare(module, "c", contract->work_dir, "nobody", bytes_of(""), &io, &err), 0);
    struct stat st;
    assert_int_equal(fstat(io.stdout_fd, &st), 0);
    assert_int_not_equal(st.st_uid, 0);
    io_close(&io);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_output_goes_to_the_sandbox_and_is_appended, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_links_and_devices_are_not_followed, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_missing_sandboxes_and_users_are_told, contract_setup, contract_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
