/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one fuzz entry over the files of its corpus (or over those named on the command line), without
 * libFuzzer. */
#include <dirent.h>
#include <string.h>

#include "base/buf.h"
#define FUZZ_MAIN
#include "fuzz/fuzz.h"

static void
run_file(const char *path)
{
    auto_buf struct buf bytes = {0};
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    size_t n;
    do {
        n = fread(buf_reserve(&bytes, 65536), 1, 65536, file);
        buf_added(&bytes, n);
    } while (n);
    fclose(file);
    /* An allocation of exactly that size: a sanitizer sees the first byte behind it. */
    auto_free uint8_t *exact = xmalloc(bytes.len ? bytes.len : 1);
    memcpy(exact, buf_str(&bytes).ptr, bytes.len);
    LLVMFuzzerTestOneInput(exact, bytes.len);
}

static unsigned
run_corpus(const char *dir)
{
    struct dirent **entries;
    unsigned count = 0;
    int n = scandir(dir, &entries, NULL, alphasort);
    if (n < 0) {
        perror(dir);
        exit(1);
    }
    for (int i = 0; i < n; i++) {
        auto_free char *path = xasprintf("%s/%s", dir, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            run_file(path);
            count++;
        }
        free(entries[i]);
    }
    free(entries);
    return count;
}

int
main(int argc, char **argv)
{
    if (argc > 1) {
        for (int i = 1; i < argc; i++)
            run_file(argv[i]);
        return 0;
    }
    const char *srcdir = getenv("srcdir"), *slash = strrchr(argv[0], '/');
    const char *name = slash ? slash + 1 : argv[0];
    if (strncmp(name, "lt-", 3) == 0)
        name += 3;
    auto_free char *dir =
        xasprintf("%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".", name + strlen("replay_"));
    unsigned count = run_corpus(dir);
    printf("%s: %u inputs\n", name, count);
    return count ? 0 : 1;
}
