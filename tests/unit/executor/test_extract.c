/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacking: every kind that Mesos unpacks, and archives that were made to do harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "executor/extract.h"

static char root[] = "/tmp/test_extract.XXXXXX";
static char *sandbox;

static int
make_root(void **state)
{
    sandbox = mkdtemp(root) ? xasprintf("%s/sandbox", root) : NULL;
    return !sandbox || dir_make(sandbox, 0755, NULL);
}

static int
remove_root(void **state)
{
    free(sandbox);
    return dir_remove(root, NULL);
}

/* One member. content NULL: what `type` says. */
struct member {
    const char *name;
    const char *content;
    mode_t type, perm;
    const char *link; /* of a symbolic link */
    const char *hard; /* of a hard link */
};

enum packing { TAR, TAR_GZ, TAR_BZ2, TAR_XZ, ZIP, RAW_GZ };

static char *
pack(const char *name, enum packing packing, const struct member *members, size_t count)
{
    char *path = xasprintf("%s/%s", root, name);
    struct archive *out = archive_write_new();
    if (packing == ZIP)
        archive_write_set_format_zip(out);
    else if (packing == RAW_GZ)
        archive_write_set_format_raw(out);
    else
        archive_write_set_format_pax_restricted(out);
    if (packing == TAR_GZ || packing == RAW_GZ)
        archive_write_add_filter_gzip(out);
    else if (packing == TAR_BZ2)
        archive_write_add_filter_bzip2(out);
    else if (packing == TAR_XZ)
        archive_write_add_filter_xz(out);
    assert_int_equal(archive_write_open_filename(out, path), ARCHIVE_OK);
    for (size_t i = 0; i < count; i++) {
        const struct member *m = &members[i];
        size_t len = m->content ? strlen(m->content) : 0;
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, m->name);
        archive_entry_set_filetype(entry, m->type ? m->type : AE_IFREG);
        archive_entry_set_perm(entry, m->perm ? m->perm : 0644);
        archive_entry_set_size(entry, (int64_t)len);
        if (m->link)
            archive_entry_set_symlink(entry, m->link);
        if (m->hard)
            archive_entry_set_hardlink(entry, m->hard);
        if (m->type == AE_IFCHR)
            archive_entry_set_rdev(entry, 0x103);
        assert_true(archive_write_header(out, entry) >= ARCHIVE_WARN);
        if (len)
            assert_int_equal(archive_write_data(out, m->content, len), len);
        archive_entry_free(entry);
    }
    archive_write_free(out);
    return path;
}

static void
assert_content(const char *name, const char *content, mode_t mode)
{
    auto_free char *path = xasprintf("%s/%s", sandbox, name);
    auto_buf struct buf buf = {0};
    struct stat st;
    assert_int_equal(file_read(path, 1 << 20, &buf, NULL), 0);
    assert_string_equal(buf_cstr(&buf), content);
    assert_int_equal(lstat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, mode);
}

static void
assert_missing(const char *dir, const char *name)
{
    struct stat st;
    auto_free char *path = xasprintf("%s/%s", dir, name);
    assert_int_equal(lstat(path, &st), -1);
}

static void
test_kinds(void **state)
{
    static const struct {
        const char *name;
        enum packing packing;
    } kinds[] = {{"a.tar", TAR},         {"a.tgz", TAR_GZ},     {"a.tar.gz", TAR_GZ}, {"a.tbz2", TAR_BZ2},
                 {"a.tar.bz2", TAR_BZ2}, {"a.txz", TAR_XZ}, {"a.tar.xz", TAR_XZ}, {"a.zip", ZIP}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        auto_free char *dir = xasprintf("d%zu", i), *file = xasprintf("d%zu/run.sh", i);
        const struct member members[] = {{.name = dir, .type = AE_IFDIR, .perm = 0755},
                                         {.name = file, .content = "#!/bin/sh\n", .perm = 0755}};
        auto_free char *path = pack(kinds[i].name, kinds[i].packing, members, ARRAY_LEN(members));
        struct err err = {0};
        assert_true(extract_is_archive(kinds[i].name));
        assert_int_equal(extract_archive(path, kinds[i].name, sandbox, &err), 0);
        assert_content(file, "#!/bin/sh\n", 0755);
    }
    assert_false(extract_is_archive("a.txt") || extract_is_archive("tar") || extract_is_archive("a.7z") ||
                 extract_is_archive("a.tar.gz?x"));
}

static void
test_one_compressed_file(void **state)
{
    const struct member text = {.name = "data", .content = "abc"};
    auto_free char *path = pack("c7-c.txt.gz", RAW_GZ, &text, 1);
    struct err err = {0};
    assert_int_equal(extract_archive(path, "sub/c.txt.gz", sandbox, &err), 0);
    assert_content("c.txt", "abc", 0644);
    auto_free char *plain = xasprintf("%s/plain.gz", root);
    assert_int_equal(file_replace(plain, "not compressed", 14, 0644, false, NULL), 0);
    assert_int_equal(extract_archive(plain, "plain.gz", sandbox, &err), -EBADMSG);
    assert_missing(sandbox, "plain");
    assert_int_equal(extract_archive(plain, ".gz", sandbox, &err), -EINVAL);
}

static void
test_files_are_replaced_and_modes_are_tame(void **state)
{
    const struct member members[] = {{.name = "tame", .content = "1", .perm = 06777},
                                     {.name = "/rooted/file", .content = "2"},
                                     {.name = "./.", .type = AE_IFDIR, .perm = 0700},
                                     {.name = "tame", .content = "3", .perm = 0600}};
    auto_free char *path = pack("m.tar", TAR, members, 3);
    struct err err = {0};
    mode_t before = umask(022);
    assert_int_equal(extract_archive(path, "m.tar", sandbox, &err), 0);
    assert_content("tame", "1", 0755);
    assert_content("rooted/file", "2", 0644);
    auto_free char *again = pack("n.tar", TAR, members + 3, 1);
    assert_int_equal(extract_archive(again, "n.tar", sandbox, &err), 0);
    assert_content("tame", "3", 0600);
    umask(before);
}

static void
refused(const char *name, const struct member *members, size_t count, const char *says)
{
    auto_free char *path = pack(name, TAR, members, count);
    struct err err = {0};
    assert_int_equal(extract_archive(path, name, sandbox, &err), -EBADMSG);
    if (!strstr(err.text, says))
        fail_msg("'%s' does not say '%s'", err.text, says);
}

static void
test_nothing_leaves_the_sandbox(void **state)
{
    refused("e1.tar", &(struct member){.name = "../evil", .content = "x"}, 1, "member '../evil' would leave the sandbox");
    refused("e2.tar", &(struct member){.name = "a/../../evil", .content = "x"}, 1, "would leave the sandbox");
    refused("e3.tar", (struct member[]){{.name = "out", .type = AE_IFLNK, .link = ".."}, {.name = "out/evil", .content = "x"}},
            2, "out");
    refused("e4.tar", &(struct member){.name = "hard", .hard = "../evil-source"}, 1, "would leave the sandbox");
    auto_free char *secret = xasprintf("%s/secret", root);
    assert_int_equal(file_replace(secret, "secret", 6, 0600, false, NULL), 0);
    /* A link stays a link, whatever it points to; a hard link through one is none of ours. */
    refused("e5.tar",
            (struct member[]){{.name = "up", .type = AE_IFLNK, .link = ".."}, {.name = "stolen", .hard = "up/secret"}}, 2,
            "up");
    assert_missing(sandbox, "stolen");
    assert_missing(root, "evil");
    refused("e6.tar", &(struct member){.name = "null", .type = AE_IFCHR}, 1, "is neither a file, a directory nor a link");
    refused("e7.tar", &(struct member){.name = "pipe", .type = AE_IFIFO}, 1, "is neither a file, a directory nor a link");
    assert_missing(sandbox, "null");
}

static void
test_files_behind_links_are_not_written(void **state)
{
    auto_free char *victim = xasprintf("%s/victim", root);
    assert_int_equal(file_replace(victim, "mine", 4, 0644, false, NULL), 0);
    const struct member members[] = {{.name = "v", .type = AE_IFLNK, .link = "../victim"}, {.name = "v", .content = "x"}};
    auto_free char *path = pack("v.tar", TAR, members, ARRAY_LEN(members));
    struct err err = {0};
    extract_archive(path, "v.tar", sandbox, &err); /* replaces the link, or refuses: either is good */
    auto_buf struct buf buf = {0};
    assert_int_equal(file_read(victim, 100, &buf, NULL), 0);
    assert_string_equal(buf_cstr(&buf), "mine");
}

/* Makes the first member of a tar file claim a size: the field at 124 in its binary form, then the sum at 148. */
static void
claim(const char *path, uint64_t bytes)
{
    auto_buf struct buf tar = {0};
    unsigned sum = 0;
    assert_int_equal(file_read(path, 1 << 20, &tar, NULL), 0);
    unsigned char *header = (unsigned char *)buf_data(&tar);
    memset(header + 124, 0, 12);
    header[124] = 0x80;
    for (int i = 0; i < 8; i++)
        header[135 - i] = (unsigned char)(bytes >> (8 * i));
    memset(header + 148, ' ', 8);
    for (int i = 0; i < 512; i++)
        sum += header[i];
    snprintf((char *)header + 148, 8, "%06o", sum);
    assert_int_equal(file_replace(path, header, tar.len, 0644, false, NULL), 0);
}

static void
test_bombs(void **state)
{
    auto_free char *path = pack("b1.tar", TAR, &(struct member){.name = "huge", .content = "x"}, 1);
    struct err err = {0};
    claim(path, UINT64_C(1) << 60);
    assert_int_equal(extract_archive(path, "b1.tar", sandbox, &err), -EBADMSG);
    assert_non_null(strstr(err.text, "member 'huge' is larger than the disk"));
    assert_missing(sandbox, "huge");
    claim(path, 1 << 20); /* a lie: the file ends before */
    assert_int_equal(extract_archive(path, "b1.tar", sandbox, &err), -EBADMSG);
    assert_missing(sandbox, "huge");
}

static void
test_damage(void **state)
{
    static const char *const names[] = {"x.tar", "x.tar.gz", "x.zip", "x.gz", "x.txz", "x.tbz2"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        auto_free char *path = xasprintf("%s/%s", root, names[i]);
        struct err err = {0};
        assert_int_equal(file_replace(path, "not an archive", 14, 0644, false, NULL), 0);
        assert_int_equal(extract_archive(path, names[i], sandbox, &err), -EBADMSG);
        assert_non_null(strstr(err.text, path));
    }
    const struct member file = {.name = "cut", .content = "0123456789012345678901234567890123456789"};
    auto_free char *path = pack("cut.tar", TAR, &file, 1);
    struct err err = {0};
    assert_int_equal(truncate(path, 530), 0);
    assert_int_equal(extract_archive(path, "cut.tar", sandbox, &err), -EBADMSG);
    assert_missing(sandbox, "cut");
    assert_int_equal(extract_archive("/nonexistent.tar", "nonexistent.tar", sandbox, &err), -EBADMSG);
    assert_int_equal(extract_archive(path, "cut.tar", "/nonexistent", &err), -ENOENT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_one_compressed_file),
        cmocka_unit_test(test_files_are_replaced_and_modes_are_tame),
        cmocka_unit_test(test_nothing_leaves_the_sandbox),
        cmocka_unit_test(test_files_behind_links_are_not_written),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
