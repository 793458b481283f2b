/* SPDX-License-Identifier: Apache-2.0 */
/* What mesos-image is made of: names, documents, logins, layers on a disk, the copying back end. Needs no root. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/units.h"
#include "containerizer/image/appc_name.h"
#include "containerizer/image/credentials.h"
#include "containerizer/image/layer.h"
#include "containerizer/image/manifest.h"
#include "containerizer/image/reference.h"
#include "containerizer/image/rootfs.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX

/* ---- names ---- */

static void
test_references(void **state)
{
    static const struct {
        const char *name, *registry, *repository, *tag, *digest;
    } good[] = {
        {"busybox", NULL, "busybox", "latest", NULL},
        {"busybox:1.35", NULL, "busybox", "1.35", NULL},
        {"library/busybox", NULL, "library/busybox", "latest", NULL},
        {"localhost/app", "localhost", "app", "latest", NULL},
        {"localhost:5000/team/app:v1.2-rc_3", "localhost:5000", "team/app", "v1.2-rc_3", NULL},
        {"Registry/app", "Registry", "app", "latest", NULL},
        {"[::1]:5000/app", "[::1]:5000", "app", "latest", NULL},
        {"gcr.io/a/b__c/d--e.f@" DIGEST, "gcr.io", "a/b__c/d--e.f", NULL, DIGEST},
        {"host:80/app:tag@" DIGEST, "host:80", "app", "tag", DIGEST},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct reference r;
        struct err err = {0};
        if (reference_parse(str_of(good[i].name), &r, &err) < 0)
            fail_msg("%s: %s", good[i].name, err.text);
        assert_string_equal(r.registry ? r.registry : "", good[i].registry ? good[i].registry : "");
        assert_string_equal(r.repository, good[i].repository);
        assert_string_equal(r.tag ? r.tag : "", good[i].tag ? good[i].tag : "");
        assert_string_equal(r.digest ? r.digest : "", good[i].digest ? good[i].digest : "");
        reference_fini(&r);
    }
}

static void
test_names_that_are_none(void **state)
{
    static const char *const bad[] = {
        "", " ", "a b", "a\nb", "UPPER", "a/UPPER", "a//b", "/a", "a/", "a..b", "../a", "a/../b", "a/./b", ".a", "a.", "-a", "a-",
        "a___b", "a._b", "a:", "a:.tag", "a:-tag", "a:t/b", "a@", "a@sha256:12", "a@md5:" HEX, "a@" DIGEST "0", "a@sha256:" HEX "/",
        "host:/a", "host:0/a", "host:65536/a", "host:12x/a", "ho_st.:1/a", "http://host/a", "[::1/a", "[xyz]:1/a", "a:b:c", "a%2f",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct reference r;
        struct err err = {0};
        if (reference_parse(str_of(bad[i]), &r, &err) == 0)
            fail_msg("'%s' passes", bad[i]);
        assert_non_null(strstr(err.text, "is no name of a Docker image"));
    }
    assert_int_not_equal(reference_parse(str_n("a\0b", 3), &(struct reference){0}, NULL), 0);
}

/* ---- documents ---- */

static int
parse_manifest(const char *text, struct manifest *ret, struct arena *arena, struct err *err)
{
    return manifest_parse(str_of(text), arena, ret, err);
}

static void
test_manifests(void **state)
{
    auto_arena struct arena *arena = arena_new(0);
    struct manifest m;
    struct err err = {0};
    auto_free char *list =
        xasprintf("{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"x.manifest.v2+json\",\"size\":3,\"digest\":\"%s\",\"platform\":"
                  "{\"architecture\":\"none\",\"os\":\"linux\"}},{\"mediaType\":\"x.manifest.v2+json\",\"size\":5,\"digest\":\"%s\","
                  "\"platform\":{\"architecture\":\"%s\",\"os\":\"linux\"}}]}", "sha256:" HEX, DIGEST, machine_architecture());
    assert_int_equal(parse_manifest(list, &m, arena, &err), 0);
    assert_int_equal(m.kind, MANIFEST_INDEX);
    assert_int_equal(m.next.size, 5);
    assert_int_equal(parse_manifest("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"c\",\"size\":9,\"digest\":\"" DIGEST "\"},"
                                    "\"layers\":[{\"mediaType\":\"t.tar.gzip\",\"size\":5000000000,\"digest\":\"" DIGEST "\"}]}",
                                    &m, arena, &err), 0);
    assert_int_equal(m.kind, MANIFEST_IMAGE);
    assert_int_equal(m.layer_count, 1);
    assert_true(m.layers[0].size == 5000000000);
    assert_int_equal(parse_manifest("{\"schemaVersion\":1,\"fsLayers\":[{\"blobSum\":\"" DIGEST "\"},{\"blobSum\":\"sha256:" HEX
                                    "\"}],\"history\":[{\"v1Compatibility\":\"{\\\"id\\\":\\\"top\\\"}\"},{\"v1Compatibility\":\"{}\"}]}",
                                    &m, arena, &err), 0);
    assert_int_equal(m.kind, MANIFEST_SCHEMA1);
    assert_int_equal(m.layer_count, 2);
    assert_true(str_is(m.config_text, "{\"id\":\"top\"}"));
}

static void
test_manifests_that_lie(void **state)
{
#define CONFIG "\"config\":{\"mediaType\":\"c\",\"size\":9,\"digest\":\"" DIGEST "\"}"
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "cannot be read"},
        {"[]", "cannot be read"},
        {"{}", "neither config, manifests nor fsLayers"},
        {"{\"schemaVersion\":3," CONFIG "}", "schemaVersion 3"},
        {"{\"config\":{\"mediaType\":\"c\",\"size\":99999999999,\"digest\":\"" DIGEST "\"}}", "99999999999 bytes"},
        {"{\"config\":{\"mediaType\":\"c\",\"size\":1,\"digest\":\"sha256:../x\"}}", "is none"},
        {"{" CONFIG ",\"layers\":[{\"mediaType\":\"tar\",\"size\":-1,\"digest\":\"" DIGEST "\"}]}", "-1 bytes"},
        {"{" CONFIG ",\"layers\":[{\"mediaType\":\"zip\",\"size\":1,\"digest\":\"" DIGEST "\"}]}", "no tar archive"},
        {"{" CONFIG ",\"layers\":[{\"mediaType\":\"tar\",\"size\":1e30,\"digest\":\"" DIGEST "\"}]}", "cannot be read"},
        {"{\"manifests\":[]}", "neither config"},
        {"{\"manifests\":[{\"mediaType\":\"manifest\",\"size\":1,\"digest\":\"" DIGEST "\",\"platform\":{\"architecture\":\"x\","
         "\"os\":\"plan9\"}}]}", "no manifest for linux/"},
        {"{\"fsLayers\":[{\"blobSum\":\"" DIGEST "\"}],\"history\":[{\"v1Compatibility\":\"a\"},{\"v1Compatibility\":\"b\"}]}",
         "as many would be right"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        auto_arena struct arena *arena = arena_new(0);
        struct manifest m;
        struct err err = {0};
        assert_int_not_equal(parse_manifest(bad[i].text, &m, arena, &err), 0);
        if (!strstr(err.text, bad[i].says))
            fail_msg("%s: %s", bad[i].text, err.text);
    }
}

static void
test_configurations(void **state)
{
    auto_arena struct arena *arena = arena_new(0);
    struct image_config c;
    struct err err = {0};
    static const char good[] = "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Entrypoint\":null,\"Cmd\":[\"a\",\"b\"],"
                               "\"Env\":[\"A=1\"],\"WorkingDir\":\"/w\",\"User\":\"u:g\",\"ExposedPorts\":{\"80/tcp\":{}},"
                               "\"Labels\":null},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIGEST "\"]},\"history\":[]}";
    assert_int_equal(config_parse(str_of(good), arena, &c, &err), 0);
    assert_int_equal(c.diff_count, 1);
    assert_int_equal(c.manifest->config->n_cmd, 2);
    assert_int_equal(c.manifest->config->n_entrypoint, 0);
    assert_string_equal(c.manifest->config->workingdir, "/w");
    assert_string_equal(c.manifest->config->user, "u:g");
    static const char windows[] = "{\"architecture\":\"amd64\",\"os\":\"windows\",\"rootfs\":{\"type\":\"layers\"}}";
    assert_int_not_equal(config_parse(str_of(windows), arena, &c, &err), 0);
    assert_non_null(strstr(err.text, "linux would be right"));
    assert_int_not_equal(config_parse(STR_LIT("{\"os\":\"linux\"}"), arena, &c, &err), 0);
    assert_int_equal(config_parse_v1(STR_LIT("{\"id\":\"x\",\"config\":{\"Cmd\":[\"sh\"]},\"Size\":5}"), arena, &c, &err), 0);
    assert_string_equal(c.manifest->config->cmd[0], "sh");
}

static void
test_archives(void **state)
{
    auto_arena struct arena *arena = arena_new(0);
    struct saved_image image;
    struct err err = {0};
    const char *const names[] = {"app:v1", "app"};
    static const char two[] = "[{\"Config\":\"a.json\",\"RepoTags\":null,\"Layers\":[]},"
                              "{\"Config\":\"b.json\",\"RepoTags\":[\"app:v1\"],\"Layers\":[\"l/layer.tar\"]}]";
    assert_int_equal(archive_parse(str_of(two), names, 2, arena, &image, &err), 0);
    assert_string_equal(image.config, "b.json");
    assert_int_equal(image.layer_count, 1);
    const char *const others[] = {"other:v1"};
    assert_int_not_equal(archive_parse(str_of(two), others, 1, arena, &image, &err), 0);
    assert_non_null(strstr(err.text, "none is named 'other:v1'"));
    assert_int_not_equal(archive_parse(STR_LIT("]"), names, 2, arena, &image, &err), 0);
}

static void
test_logins(void **state)
{
    struct err err = {0};
    char *login = NULL;
    static const char config[] = "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"aHViOnB3\"},"
                                 "\"host:5000\":{\"auth\":\"dTpwOnc=\"},\"helped\":{}}}";
    assert_int_equal(credentials_find(config, "host:5000", &login, &err), 0);
    assert_string_equal(login, "u:p:w");
    free(login);
    assert_int_equal(credentials_find(config, "registry-1.docker.io", &login, &err), 0);
    assert_string_equal(login, "hub:pw");
    free(login);
    assert_int_equal(credentials_find(config, "host:5001", &login, &err), 0);
    assert_null(login);
    assert_int_equal(credentials_find(config, "helped", &login, &err), 0);
    assert_null(login);
    assert_int_not_equal(credentials_find("[", "host", &login, &err), 0);
    assert_int_not_equal(credentials_find("{\"auths\":{\"h\":{\"auth\":\"c2VjcmV0\"}}}", "h", &login, &err), 0);
    assert_null(strstr(err.text, "c2VjcmV0"));
}

static void
test_appc(void **state)
{
    auto_arena struct arena *arena = arena_new(0);
    struct err err = {0};
    struct appc_wish wish = {.name = "example.com/app", .labels = {{"version", "1.0"}}, .label_count = 1};
    assert_int_equal(appc_check(&wish, &err), 0);
    auto_free char *file = appc_file(&wish);
    assert_non_null(strstr(file, "example.com/app-1.0-linux-"));
    Appc__Spec__ImageManifest *m = appc_manifest_parse(
        STR_LIT("{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8\",\"name\":\"example.com/app\",\"labels\":[{\"name\":\"version\","
                "\"value\":\"1.0\"}]}"), arena, &err);
    assert_non_null(m);
    assert_true(appc_fits(m, &wish));
    wish.labels[0].value = "2.0";
    assert_false(appc_fits(m, &wish));
    static const char *const bad[] = {"", "..", "../a", "a/../b", "/a", "a/", "A", "a b", "a//b"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        wish.name = bad[i];
        assert_int_not_equal(appc_check(&wish, &err), 0);
    }
    wish.name = "a";
    wish.labels[0].value = "../../x";
    assert_int_not_equal(appc_check(&wish, &err), 0);
    assert_null(appc_manifest_parse(STR_LIT("{\"acKind\":\"PodManifest\",\"acVersion\":\"1\",\"name\":\"a\"}"), arena, &err));
}

/* ---- layers ---- */

struct member {
    const char *name;
    mode_t type; /* AE_IF..., 0 = a hard link */
    const char *content; /* or the target */
};

static int
pack(const struct member *members, size_t count)
{
    int fd = memfd_create("layer", 0);
    struct archive *a = archive_write_new();
    archive_write_set_format_pax_restricted(a);
    archive_write_add_filter_gzip(a);
    assert_int_equal(archive_write_open_fd(a, fd), ARCHIVE_OK);
    for (size_t i = 0; i < count; i++) {
        const struct member *m = &members[i];
        struct archive_entry *e = archive_entry_new();
        bool file = m->type == AE_IFREG;
        archive_entry_set_pathname(e, m->name);
        archive_entry_set_filetype(e, m->type ? m->type : AE_IFREG);
        archive_entry_set_perm(e, m->type == AE_IFDIR ? 0755 : 0644);
        archive_entry_set_size(e, file ? (la_int64_t)strlen(m->content) : 0);
        if (m->type == AE_IFLNK)
            archive_entry_set_symlink(e, m->content);
        if (m->type == 0)
            archive_entry_set_hardlink(e, m->content);
        if (m->type == AE_IFBLK)
            archive_entry_set_rdev(e, makedev(8, 0));
        assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
        if (file)
            archive_write_data(a, m->content, strlen(m->content));
        archive_entry_free(e);
    }
    archive_write_free(a);
    return fd;
}

struct place {
    char top[64];
    char *target;
};

static void
place_make(struct place *place)
{
    snprintf(place->top, sizeof place->top, "/tmp/cmesos-image-XXXXXX");
    assert_non_null(mkdtemp(place->top));
    place->target = xasprintf("%s/rootfs", place->top);
    assert_int_equal(mkdir(place->target, 0755), 0);
}

static void
place_remove(struct place *place)
{
    assert_int_equal(dir_remove(place->top, NULL), 0);
    free(place->target);
}

static int
extract(const struct place *place, const struct member *members, size_t count, const struct layer_limits *limits, struct err *err)
{
    auto_fd int fd = pack(members, count);
    return layer_extract(fd, place->target, LAYER_OF_IMAGE, limits ? limits : &LAYER_LIMITS, NULL, err);
}

static char *
read_there(const struct place *place, const char *name)
{
    auto_buf struct buf out = {0};
    auto_free char *path = xasprintf("%s/%s", place->target, name);
    return file_read(path, 4096, &out, NULL) < 0 ? NULL : buf_take(&out);
}

static void
test_layer(void **state)
{
    struct place place;
    struct stat st, other;
    struct err err = {0};
    char value[4];
    static const struct member members[] = {
        {"./", AE_IFDIR, NULL},          {"etc", AE_IFDIR, NULL},           {"etc/a", AE_IFREG, "first"},
        {"etc/a", AE_IFREG, "second"},   {"/abs/deep/b", AE_IFREG, "b"},    {"same", 0, "etc/a"},
        {"link", AE_IFLNK, "/etc"},      {"link/through", AE_IFREG, "in"},  {"etc/.wh.gone", AE_IFREG, ""},
        {"op", AE_IFDIR, NULL},          {"op/.wh..wh..opq", AE_IFREG, ""}, {"op/.wh..wh.plnk", AE_IFREG, ""},
        {"etc/.wh.back", AE_IFREG, ""},  {"etc/back", AE_IFDIR, NULL},      {"pipe", AE_IFIFO, NULL},
    };
    place_make(&place);
    if (extract(&place, members, ARRAY_LEN(members), NULL, &err) < 0)
        fail_msg("%s", err.text);
    auto_free char *a = read_there(&place, "etc/a"), *b = read_there(&place, "abs/deep/b"), *in = read_there(&place, "etc/through");
    assert_string_equal(a, "second");
    assert_string_equal(b, "b");
    assert_string_equal(in, "in"); /* through a link, within the layer */
    assert_int_equal(access("/etc/through", F_OK), -1);
    auto_free char *gone = xasprintf("%s/etc/gone", place.target), *op = xasprintf("%s/op", place.target);
    auto_free char *back = xasprintf("%s/etc/back", place.target), *same = xasprintf("%s/same", place.target);
    assert_int_equal(lstat(gone, &st), 0);
    assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0));
    assert_int_equal(getxattr(op, layer_opaque_name(), value, sizeof value), 1);
    assert_int_equal(getxattr(back, layer_opaque_name(), value, sizeof value), 1); /* hides what was below, and is new */
    auto_free char *path = xasprintf("%s/etc/a", place.target);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(stat(same, &other), 0);
    assert_int_equal(st.st_ino, other.st_ino);
    place_remove(&place);
}

static void
test_layers_that_are_refused(void **state)
{
    static const struct {
        struct member members[3];
        size_t count;
        const char *says;
    } bad[] = {
        {{{"../x", AE_IFREG, "x"}}, 1, "climbs out"},
        {{{"a/../../x", AE_IFREG, "x"}}, 1, "climbs out"},
        {{{"out", AE_IFLNK, "../x"}}, 1, "leads out of the root"},
        {{{"d", AE_IFDIR, NULL}, {"d/out", AE_IFLNK, "../../x"}}, 2, "leads out of the root"},
        {{{"hard", 0, "../../etc/passwd"}}, 1, "leads out of the root"},
        {{{"hard", 0, "/etc/passwd"}}, 1, "does not have"},
        {{{"l", AE_IFLNK, "/etc"}, {"hard", 0, "l/passwd"}}, 2, "does not have"},
        {{{"disk", AE_IFBLK, NULL}}, 1, "a device that images may not have"},
        {{{".wh..", AE_IFREG, ""}}, 1, "hides nothing"},
        {{{"f", AE_IFREG, "x"}, {"f/g", AE_IFREG, "x"}}, 2, "is in no directory"},
        {{{"", AE_IFLNK, "x"}}, 1, "is no directory"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct place place;
        struct err err = {0};
        place_make(&place);
        assert_int_not_equal(extract(&place, bad[i].members, bad[i].count, NULL, &err), 0);
        if (!strstr(err.text, bad[i].says))
            fail_msg("%zu: %s", i, err.text);
        place_remove(&place);
    }
}

static void
test_limits_of_layers(void **state)
{
    struct place place;
    struct err err = {0};
    auto_free char *zeros = xmalloc(1 << 20);
    memset(zeros, '0', (1 << 20) - 1);
    zeros[(1 << 20) - 1] = '\0';
    const struct member large = {"zeros", AE_IFREG, zeros};
    const struct member two[] = {{"a", AE_IFREG, ""}, {"b", AE_IFREG, ""}};
    struct layer_limits limits = LAYER_LIMITS;
    place_make(&place);
    limits.bytes = 1 << 19;
    assert_int_not_equal(extract(&place, &large, 1, &limits, &err), 0);
    assert_non_null(strstr(err.text, "more bytes than a layer may have"));
    limits = LAYER_LIMITS;
    limits.free_bytes = 1 << 18;
    limits.ratio = 50;
    assert_int_not_equal(extract(&place, &large, 1, &limits, &err), 0);
    assert_non_null(strstr(err.text, "must be a bomb"));
    limits = LAYER_LIMITS;
    limits.entries = 1;
    assert_int_not_equal(extract(&place, two, 2, &limits, &err), 0);
    assert_non_null(strstr(err.text, "more than 1 members"));
    place_remove(&place);
}

/* The lower layer first, then one that hides, empties and replaces. */
static void
test_copies(void **state)
{
    struct place lower, upper, target;
    struct err err = {0};
    static const struct member below[] = {{"kept", AE_IFREG, "k"},   {"gone", AE_IFREG, "g"},    {"d", AE_IFDIR, NULL},
                                          {"d/old", AE_IFREG, "o"},  {"file", AE_IFREG, "f"},    {"m", AE_IFDIR, NULL},
                                          {"m/one", AE_IFREG, "1"}};
    static const struct member above[] = {{".wh.gone", AE_IFREG, ""},         {"d", AE_IFDIR, NULL}, {"d/.wh..wh..opq", AE_IFREG, ""},
                                          {"d/new", AE_IFREG, "n"},           {"file", AE_IFDIR, NULL},
                                          {"m/two", AE_IFREG, "2"},           {"m/again", 0, "m/two"}, {"l", AE_IFLNK, "kept"}};
    place_make(&lower);
    place_make(&upper);
    place_make(&target);
    if (extract(&lower, below, ARRAY_LEN(below), NULL, &err) < 0 || extract(&upper, above, ARRAY_LEN(above), NULL, &err) < 0 ||
        layer_copy(lower.target, target.target, &err) < 0 || layer_copy(upper.target, target.target, &err) < 0)
        fail_msg("%s", err.text);
    auto_free char *kept = read_there(&target, "l"), *new = read_there(&target, "d/new"), *one = read_there(&target, "m/one");
    auto_free char *again = read_there(&target, "m/again");
    assert_string_equal(kept, "k");
    assert_string_equal(new, "n");
    assert_string_equal(one, "1");
    assert_string_equal(again, "2");
    assert_null(read_there(&target, "gone"));
    assert_null(read_there(&target, "d/old"));
    assert_null(read_there(&target, "file")); /* a directory */
    place_remove(&lower);
    place_remove(&upper);
    place_remove(&target);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_names_that_are_none),
        cmocka_unit_test(test_manifests),
        cmocka_unit_test(test_manifests_that_lie),
        cmocka_unit_test(test_configurations),
        cmocka_unit_test(test_archives),
        cmocka_unit_test(test_logins),
        cmocka_unit_test(test_appc),
        cmocka_unit_test(test_layer),
        cmocka_unit_test(test_layers_that_are_refused),
        cmocka_unit_test(test_limits_of_layers),
        cmocka_unit_test(test_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
