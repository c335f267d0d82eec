/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>

#include "base/mem.h"
#include "base/path.h"

/* Runs a fuzz target over the files of a folder, for builds without libFuzzer. */

#define SEED_MAX (16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *folder, const char *name)
{
    scoped(free) char *path = path_join(folder, name);
    scoped(buffer_done) struct buffer seed = {0};
    struct error err;

    if (path_read(path, SEED_MAX, &seed, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    /* A copy of exactly its size, so that a sanitizer sees reads beyond the end. */
    scoped(free) uint8_t *exact = mem_alloc(seed.len ? seed.len : 1);
    memcpy(exact, seed.at ? seed.at : "", seed.len);
    (void)LLVMFuzzerTestOneInput(exact, seed.len);
    return 0;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    int count = 0;

    if (!folder) {
        fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
        return 2;
    }
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.')
            continue;
        if (replay(argv[1], entry->d_name) < 0)
            return 1;
        count++;
    }
    closedir(folder);
    printf("%d seeds\n", count);
    return count > 0 ? 0 : 1;
}
