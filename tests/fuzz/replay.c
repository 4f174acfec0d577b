/* replay.c: main() for the fuzz targets without libFuzzer: runs one over stored inputs, for make check.
 *
 * usage: fuzz_NAME [FILE|DIRECTORY...]; without arguments those of the target, from the top of the source tree:
 * tests/fuzz/corpus/NAME and tests/fuzz/crashes/NAME. The last file that is named is the one that crashed or hung. */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECONDS_A_FILE 60 /* with sanitizers, on a busy machine */

static size_t run_count;

static void run_file(const char *path) {
    FILE *file = fopen(path, "rb");
    struct stat status;
    FUZZ_CHECK(file != NULL && fstat(fileno(file), &status) == 0, "cannot read %s", path);
    size_t size = (size_t)status.st_size;
    uint8_t *bytes = malloc(size ? size : 1);
    FUZZ_CHECK(bytes != NULL && fread(bytes, 1, size, file) == size, "cannot read %s", path);
    fclose(file);
    printf("%s\n", path);
    fflush(stdout);
    alarm(SECONDS_A_FILE);
    LLVMFuzzerTestOneInput(bytes, size);
    alarm(0);
    free(bytes);
    run_count++;
}

static void run_path(const char *path) {
    struct dirent **entries;
    struct stat status;
    FUZZ_CHECK(stat(path, &status) == 0, "cannot read %s", path);
    if (!S_ISDIR(status.st_mode)) {
        run_file(path);
        return;
    }
    int count = scandir(path, &entries, NULL, alphasort);
    FUZZ_CHECK(count >= 0, "cannot read %s", path);
    for (int i = 0; i < count; i++) {
        char whole[4096];
        snprintf(whole, sizeof(whole), "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            run_path(whole);
        free(entries[i]);
    }
    free(entries);
}

static void run_own(const char *program) {
    static const char *const folders[] = { "corpus", "crashes" };
    const char *name = strstr(program, "fuzz_");
    for (const char *next; name != NULL && (next = strstr(name + 1, "fuzz_")) != NULL;)
        name = next;
    FUZZ_CHECK(name != NULL, "%s is not called fuzz_NAME", program);
    for (size_t i = 0; i < GEE_LENGTH(folders); i++) {
        char path[256];
        snprintf(path, sizeof(path), "tests/fuzz/%s/%s", folders[i], name + strlen("fuzz_"));
        if (i == 0 || access(path, F_OK) == 0) /* nothing may have been found yet */
            run_path(path);
    }
}

int main(int count, char **arguments) {
    if (count == 1)
        run_own(arguments[0]);
    for (int i = 1; i < count; i++)
        run_path(arguments[i]);
    printf("[  PASSED  ] %zu test(s).\n", run_count); /* as cmocka says it, for tests/run-units */
    return run_count == 0;
}
