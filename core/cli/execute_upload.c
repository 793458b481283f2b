/* SPDX-License-Identifier: Apache-2.0 */
/* --package of `mesos execute`: a local file goes to HDFS through the hadoop client, and from there to the task. */
#include "cli/execute.h"

#include <errno.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/wait.h>

/* Runs `hadoop fs WORDS...` with our stderr; its exit code, or negative. */
static int
hadoop(const struct execute_session *session, const char *const words[4], struct err *err)
{
    const char *argv[] = {session->target->hadoop, "fs", words[0], words[1], words[2], words[3], NULL};
    pid_t pid;
    int status, code = posix_spawnp(&pid, argv[0], NULL, NULL, (char **)(uintptr_t)argv, environ);

    if (code != 0) {
        errno = code;
        return err_errno(err, "--hadoop=%s cannot be run", argv[0]);
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_errno(err, "waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int
execute_upload(struct execute_session *session, const char **ret_uri, struct err *err)
{
    const struct execute_target *t = session->target;
    const char *slash = strrchr(t->package, '/'), *name = slash ? slash + 1 : t->package;
    struct passwd *me = getpwuid(geteuid());
    const char *user = t->user ? t->user : me ? me->pw_name : "root";
    const char *uri = arena_printf(session->arena, "hdfs://%s/%s/%s", t->hdfs, user, name);
    const char *const test[4] = {"-test", "-e", uri}, *const remove[4] = {"-rm", uri},
               *const copy[4] = {"-copyFromLocal", t->package, uri};
    int there;

    if (!*name || access(t->package, R_OK) != 0)
        return err_set(err, -ENOENT, "--package=%s: no such file", t->package);
    there = hadoop(session, test, err);
    if (there < 0)
        return there;
    if (there == 0 && !t->overwrite)
        return err_set(err, -EEXIST, "%s is there already: --overwrite replaces it", uri);
    if (there == 0 && hadoop(session, remove, err) != 0)
        return err_set(err, -EIO, "%s cannot be removed", uri);
    if (hadoop(session, copy, err) != 0)
        return err_set(err, -EIO, "%s cannot be copied to %s", t->package, uri);
    *ret_uri = uri;
    return 0;
}
