/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines, files, links, rotation, removal by age, journald, and that a failing sink stops nobody. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"

static char directory[64];

static int
setup(void **state)
{
    snprintf(directory, sizeof(directory), "/tmp/cmesos-log-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int
teardown(void **state)
{
    log_close();
    return dir_remove(directory, NULL);
}

static bool
matches(const char *text, const char *pattern)
{
    regex_t regex;
    bool found;

    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE), 0);
    found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

static char *
content_of(const char *name)
{
    auto_free char *path = xasprintf("%s/%s", directory, name);
    struct buf content = {0};
    struct err err;

    if (file_read(path, 1 << 24, &content, &err) < 0)
        fail_msg("%s", err.text);
    return buf_take(&content);
}

static size_t
count_files(const char *part)
{
    DIR *dir = opendir(directory);
    struct dirent *entry;
    size_t count = 0;

    while ((entry = readdir(dir)))
        count += strstr(entry->d_name, part) != NULL;
    closedir(dir);
    return count;
}

static struct log_options
quiet_options(void)
{
    return (struct log_options){.program = "mesos-test", .dir = directory, .quiet = true};
}

static void
test_lines_and_links(void **state)
{
    struct log_options options = quiet_options();
    auto_free char *info = NULL, *warning = NULL, *error = NULL;
    char target[512];
    auto_free char *link = xasprintf("%s/mesos-test.INFO", directory);
    ssize_t len;

    assert_int_equal(log_open(&options, NULL), 0);
    log_info("hello %d", 7);
    log_warning("careful");
    log_error("bad\nline\x01 caf\xc3\xa9");
    info = content_of("mesos-test.INFO");
    warning = content_of("mesos-test.WARNING");
    error = content_of("mesos-test.ERROR");
    assert_true(
        matches(info, "^Log file created at: [0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$"));
    assert_true(matches(info, "^Running on machine: .+$"));
    assert_non_null(strstr(info, "Log line format: [IWEF]mmdd hh:mm:ss.uuuuuu threadid file:line] msg\n"));
    assert_true(matches(
        info, "^I[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6} +[0-9]+ test_log\\.c:[0-9]+\\] hello 7$"));
    assert_true(matches(info, "^W.* careful$"));
    assert_true(matches(info, "^E.*\\] bad\\\\nline\\\\x01 caf\xc3\xa9$"));
    assert_null(strstr(warning, "hello"));
    assert_non_null(strstr(warning, "careful"));
    assert_non_null(strstr(warning, "bad"));
    assert_null(strstr(error, "careful"));
    len = readlink(link, target, sizeof(target) - 1);
    assert_true(len > 0);
    target[len] = '\0';
    assert_true(matches(target, "^mesos-test\\..+\\..+\\.log\\.INFO\\.[0-9]{8}-[0-9]{6}\\.[0-9]+$"));
    assert_string_equal(log_served_file(), link);
}

static void
test_level(void **state)
{
    struct log_options options = quiet_options();
    auto_free char *warning = NULL;

    options.level = LOG_LEVEL_WARNING;
    assert_int_equal(log_open(&options, NULL), 0);
    assert_int_equal(log_level_get(), LOG_LEVEL_WARNING);
    log_info("not seen");
    log_warning("seen");
    assert_int_equal(count_files(".log.INFO."), 0);
    warning = content_of("mesos-test.WARNING");
    assert_non_null(strstr(warning, "WARNING level logging started"));
    assert_null(strstr(warning, "not seen"));
}

static void
test_buffering(void **state)
{
    struct log_options options = quiet_options();

    options.bufsecs = 3600;
    assert_int_equal(log_open(&options, NULL), 0);
    log_info("waits");
    {
        auto_free char *info = content_of("mesos-test.INFO");
        assert_null(strstr(info, "waits"));
    }
    log_flush();
    {
        auto_free char *info = content_of("mesos-test.INFO");
        assert_non_null(strstr(info, "waits"));
    }
    log_info("waits too");
    log_warning("cannot wait");
    {
        auto_free char *info = content_of("mesos-test.INFO");
        assert_non_null(strstr(info, "waits too"));
        assert_true(strstr(info, "waits too") < strstr(info, "cannot wait"));
    }
    log_info("last");
    log_close();
    {
        auto_free char *info = content_of("mesos-test.INFO");
        assert_non_null(strstr(info, "last"));
    }
}

static void
test_rotation(void **state)
{
    struct log_options options = quiet_options();
    auto_free char *last = NULL;

    options.max_file_bytes = 2000;
    assert_int_equal(log_open(&options, NULL), 0);
    for (int i = 0; i < 100; i++)
        log_info("line number %d of a hundred", i);
    assert_true(count_files(".log.INFO.") >= 4);
    last = content_of("mesos-test.INFO");
    assert_non_null(strstr(last, "line number 99"));
    assert_null(strstr(last, "line number 0 "));
    assert_true(strlen(last) < 2200);
}

static void
test_removal_by_age(void **state)
{
    struct log_options options = quiet_options();
    const char *names[] = {"mesos-test.host.root.log.INFO.20200101-000000.1", "mesos-test.notes",
                           "mesos-other.host.root.log.INFO.20200101-000000.1"};
    struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        auto_free char *path = xasprintf("%s/%s", directory, names[i]);

        assert_int_equal(file_replace(path, "x", 1, 0644, false, NULL), 0);
        assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    }
    options.max_age_secs = 3600;
    assert_int_equal(log_open(&options, NULL), 0);
    assert_int_equal(count_files(names[0]), 0);
    assert_int_equal(count_files(names[1]), 1);
    assert_int_equal(count_files(names[2]), 1);
    assert_int_equal(count_files("mesos-test.INFO"), 1);
}

static void
test_failures(void **state)
{
    struct log_options options = quiet_options();
    auto_free char *blocked = xasprintf("%s/file/below", directory);
    auto_free char *file = xasprintf("%s/file", directory);
    struct err err;
    int pipes[2], saved;

    assert_int_equal(file_replace(file, "x", 1, 0644, false, NULL), 0);
    options.dir = blocked;
    assert_true(log_open(&options, &err) < 0);
    assert_non_null(strstr(err.text, blocked));
    /* A pipe that nobody reads on stderr: full after 64 KiB, and still every call returns. */
    assert_int_equal(pipe(pipes), 0);
    saved = dup(STDERR_FILENO);
    dup2(pipes[1], STDERR_FILENO);
    options.dir = directory;
    options.quiet = false;
    assert_int_equal(log_open(&options, NULL), 0);
    for (int i = 0; i < 20; i++)
        log_info("%0*d", i < 18 ? 4000 : 3, i);
    log_close();
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(pipes[0]);
    close(pipes[1]);
    {
        auto_free char *info = content_of("mesos-test.INFO");
        assert_non_null(strstr(info, "] 019"));
    }
}

static void
test_journald(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct log_options options = {.program = "mesos-test", .quiet = true, .journald = true};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    char text[2048];
    ssize_t n;

    snprintf(at.sun_path, sizeof(at.sun_path), "%s/journal", directory);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    options.journald_socket = at.sun_path;
    assert_int_equal(log_open(&options, NULL), 0);
    assert_true(recv(fd, text, sizeof(text), 0) > 0);
    log_warning("two\nlines");
    n = recv(fd, text, sizeof(text) - 1, 0);
    assert_true(n > 0);
    text[n] = '\0';
    assert_true(matches(text, "^PRIORITY=4$"));
    assert_true(matches(text, "^SYSLOG_IDENTIFIER=mesos-test$"));
    assert_true(matches(text, "^CODE_FILE=test_log\\.c$"));
    assert_true(matches(text, "^MESSAGE=two\\\\nlines$"));
    close(fd);
    for (int i = 0; i < 10; i++)
        log_warning("nobody listens any more");
}

static void
test_long_lines(void **state)
{
    struct log_options options = quiet_options();
    char *text = xmalloc(400000);
    auto_free char *info = NULL;

    memset(text, 'a', 399999);
    text[399999] = '\0';
    assert_int_equal(log_open(&options, NULL), 0);
    log_info("%s", text);
    log_info("after");
    info = content_of("mesos-test.INFO");
    assert_true(strlen(info) > 250000 && strlen(info) < 300000);
    assert_non_null(strstr(info, "after"));
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_and_links, setup, teardown),
        cmocka_unit_test_setup_teardown(test_level, setup, teardown),
        cmocka_unit_test_setup_teardown(test_buffering, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rotation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_removal_by_age, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_journald, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_lines, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
