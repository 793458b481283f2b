/* SPDX-License-Identifier: Apache-2.0 */
/* What the fetcher accepts, how it names files, and its transfers: paths, file://, and http from a socket of this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/file.h"
#include "executor/extract.h"
#include "executor/fetch.h"

static char root[] = "/tmp/test_fetch.XXXXXX";

static int
make_root(void **state)
{
    auto_free char *sandbox = mkdtemp(root) ? xasprintf("%s/sandbox", root) : NULL;
    auto_free char *source = xasprintf("%s/source.txt", root);
    return !sandbox || dir_make(sandbox, 0755, NULL) || file_replace(source, "hello\n", 6, 0644, false, NULL);
}

static int
remove_root(void **state)
{
    return dir_remove(root, NULL);
}

static void
test_names(void **state)
{
    static const char *const good[][3] = {{"http://h/a/b.tgz", NULL, "b.tgz"}, {"http://h/a?x=1", NULL, "a?x=1"},
                                          {"/etc/passwd", NULL, "passwd"},     {"file:///x/y", NULL, "y"},
                                          {"relative", NULL, "relative"},      {"http://h/a", "bin/tool", "bin/tool"},
                                          {"http://h/", "x", "x"},             {"/a", "..b/c..", "..b/c.."}};
    static const char *const bad[][2] = {{"http://host", NULL}, {"http://h/a/", NULL}, {"file:///", NULL},
                                         {"/a/..", NULL},       {"/a", "/abs"},        {"/a", "../x"},
                                         {"/a", "x/../../y"},   {"/a", "dir/"},        {"/a", "x/.."},
                                         {"/a", "q'uote"}};
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        auto_free char *name = fetch_output_name(good[i][0], good[i][1], &err);
        assert_string_equal(name, good[i][2]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_null(fetch_output_name(bad[i][0], bad[i][1], &err));
    assert_int_equal(fetch_check_uri("http://h/a b?c=d", &err), 0);
    static const char *const uris[] = {"", "a\\b", "a'b", "a\"b", "a\nb", "a\x01"};
    for (size_t i = 0; i < ARRAY_LEN(uris); i++)
        assert_int_equal(fetch_check_uri(uris[i], &err), -EINVAL);
    assert_true(extract_is_archive("a.tar.gz") && extract_is_archive("a.tgz") && extract_is_archive("b.zip"));
    assert_false(extract_is_archive("a.txt") || extract_is_archive("tar") || extract_is_archive("a.gzip"));
}

static int
fetch(const char *uri, const char *output_file, bool executable, char **ret_path, struct err *err)
{
    auto_free char *sandbox = xasprintf("%s/sandbox", root);
    struct fetch_request request = {
        .uri = uri, .output_file = output_file, .executable = executable, .sandbox = sandbox, .frameworks_home = NULL};
    return fetch_one(&request, ret_path, err);
}

static void
assert_content(const char *path, const char *content, mode_t mode)
{
    auto_buf struct buf buf = {0};
    struct stat st;
    assert_int_equal(file_read(path, 1 << 20, &buf, NULL), 0);
    assert_string_equal(buf_cstr(&buf), content);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, mode);
}

static void
test_paths(void **state)
{
    auto_free char *path = xasprintf("%s/source.txt", root), *plain = NULL, *tool = NULL, *none = NULL;
    auto_free char *uri = xasprintf("file://%s", path), *local = xasprintf("file://localhost%s", path), *again = NULL;
    struct err err = {0};
    umask(022);
    assert_int_equal(fetch(path, NULL, false, &plain, &err), 0);
    assert_content(plain, "hello\n", 0644);
    assert_int_equal(fetch(uri, "bin/tool", true, &tool, &err), 0);
    assert_content(tool, "hello\n", 0755);
    assert_int_equal(fetch(local, "again", false, &again, &err), 0);
    assert_content(again, "hello\n", 0644);
    assert_int_equal(fetch("/nonexistent/file", NULL, false, &none, &err), -ENOENT);
    assert_int_equal(fetch(root, "directory", false, &none, &err), -EINVAL);
    assert_int_equal(fetch("relative", NULL, false, &none, &err), -EINVAL);
    assert_int_equal(fetch("zzz://host/x", NULL, false, &none, &err), -EPROTONOSUPPORT);
    assert_int_equal(fetch(path, "../escaped", false, &none, &err), -EINVAL);
    assert_null(none);
    auto_free char *left = xasprintf("%s/sandbox/x", root), *escaped = xasprintf("%s/escaped", root);
    assert_int_equal(access(left, F_OK), -1); /* nothing is left of what failed */
    assert_int_equal(access(escaped, F_OK), -1);
}

/* Answers each connection with the status that the path names. */
static void *
serve(void *arg)
{
    int listener = *(int *)arg;
    for (int i = 0; i < 3; i++) {
        char request[2048], answer[256];
        int fd = accept(listener, NULL, NULL);
        ssize_t n = read(fd, request, sizeof(request) - 1);
        request[n > 0 ? n : 0] = '\0';
        int status = atoi(request + 5); /* "GET /404..." */
        int len = snprintf(answer, sizeof(answer), "HTTP/1.1 %d X\r\nContent-Length: 4\r\n%s\r\nbody", status,
                           status == 302 ? "Location: /200\r\n" : "Connection: close\r\n");
        n = write(fd, answer, (size_t)len);
        (void)n;
        close(fd);
    }
    return NULL;
}

static void
test_http(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    auto_fd int listener = socket(AF_INET, SOCK_STREAM, 0);
    pthread_t thread;
    struct err err = {0};
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(listener, 5), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    pthread_create(&thread, NULL, serve, &listener);
    auto_free char *missing = xasprintf("http://127.0.0.1:%d/404", ntohs(at.sin_port));
    auto_free char *moved = xasprintf("http://127.0.0.1:%d/302", ntohs(at.sin_port));
    auto_free char *path = NULL, *none = NULL, *gone = xasprintf("%s/sandbox/404", root);
    assert_int_equal(fetch(missing, NULL, false, &none, &err), -EIO);
    assert_string_equal(err.text, "Error downloading resource, received HTTP return code 404");
    assert_int_equal(access(gone, F_OK), -1);
    assert_int_equal(fetch(moved, NULL, true, &path, &err), 0);
    assert_content(path, "body", 0755);
    pthread_join(thread, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_http),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
