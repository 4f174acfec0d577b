/* file.c: the list over restarts: a text of one line an entry, written beside and renamed over.
 *
 *   geerpc registry 1 1732323600000
 *   tcp@10.0.0.1:9999 3 300s Arith         address, weight (0: not said), time to live, service (or none)
 *
 * It is not forced to the disk, which could take long: what a power failure costs, the servers register again. */
#include "registry.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TITLE     "geerpc registry 1 "
#define MOST_SIZE (16 * GEE_MIB) /* more is none of ours */

/* ---- reading ---- */

static char *read_all(int descriptor, size_t size) {
    char *text = malloc(size + 1);
    size_t length = 0;
    while (text != NULL && length < size) {
        ssize_t got = read(descriptor, text + length, size - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        length += (size_t)got;
    }
    if (text != NULL)
        text[length] = '\0';
    return text;
}

static int read_entry(gee_str_t line, registry_table_t *table, int64_t now_ns) {
    gee_str_t address = gee_str_cut(&line, ' '), weight = gee_str_cut(&line, ' '), ttl = gee_str_cut(&line, ' ');
    registry_key_t key = { .address = address, .service = line };
    uint64_t number;
    int64_t ttl_ns;
    if (!registry_text_valid(address) || (line.length > 0 && !registry_text_valid(line)) ||
        gee_parse_uint64(weight, &number) != 0 || number > UINT16_MAX || gee_parse_duration(ttl, &ttl_ns) != 0 ||
        ttl_ns < REGISTRY_SHORTEST_TTL || ttl_ns > REGISTRY_LONGEST_TTL)
        return -1;
    /* Each has its whole time again: while the registry was away nobody could refresh. */
    return registry_table_put(table, &key, (uint32_t)number, ttl_ns, gee_time_add(now_ns, ttl_ns), REGISTRY_ENTRIES) ==
                   REGISTRY_DONE
               ? 0
               : -1;
}

static int read_text(const char *path, gee_str_t rest, registry_table_t *table, int64_t now_ns, gee_error_t *error) {
    gee_str_t title = gee_str_cut(&rest, '\n');
    size_t line = 1;
    if (!gee_str_starts_with(title, GEE_STR(TITLE)))
        return gee_error_set(error, GEE_DATA_LOSS, "%s:1: it does not begin with \"%s\"", path, TITLE);
    title.data += sizeof(TITLE) - 1;
    title.length -= sizeof(TITLE) - 1;
    if (gee_parse_uint64(title, &table->version) != 0)
        return gee_error_set(error, GEE_DATA_LOSS, "%s:1: there is no version behind \"%s\"", path, TITLE);
    while (rest.length > 0) {
        line++;
        if (read_entry(gee_str_cut(&rest, '\n'), table, now_ns) != 0)
            return gee_error_set(error, GEE_DATA_LOSS, "%s:%zu: expected ADDRESS WEIGHT TTL SERVICE", path, line);
    }
    return 0;
}

int registry_file_load(const char *path, registry_table_t *table, int64_t now_ns, gee_error_t *error) {
    struct stat about;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0 && errno == ENOENT)
        return 0;
    if (descriptor < 0 || fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode) ||
        about.st_size > (off_t)MOST_SIZE) {
        gee_error_set(error, GEE_DATA_LOSS, "%s: %s", path,
                      descriptor < 0 ? strerror(errno) : "it is no file of a registry");
        if (descriptor >= 0)
            (void)close(descriptor);
        return -1;
    }
    char *text = read_all(descriptor, (size_t)about.st_size);
    (void)close(descriptor);
    int result = text != NULL ? read_text(path, gee_str(text), table, now_ns, error)
                              : gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", path);
    free(text);
    if (result != 0)
        registry_table_clear(table);
    table->changed = true; /* as far as watchers of the process before know */
    return result;
}

/* ---- writing ---- */

char *registry_file_format(const registry_table_t *table, size_t *length) {
    char *text = NULL, ttl[GEE_DURATION_TEXT];
    FILE *out = open_memstream(&text, length);
    if (out == NULL)
        return NULL;
    fprintf(out, TITLE "%" PRIu64 "\n", table->version);
    for (size_t i = 0; i < table->count; i++) {
        const registry_entry_t *entry = table->items[i];
        const char *service = registry_service(entry);
        fprintf(out, "%s %u %s%s%s\n", registry_address(entry), entry->weight, gee_format_duration(ttl, entry->ttl_ns),
                *service ? " " : "", service);
    }
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static int write_all(int descriptor, const char *text, size_t length) {
    while (length > 0) {
        ssize_t written = write(descriptor, text, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        text += written;
        length -= (size_t)written;
    }
    return 0;
}

int registry_file_write(const char *path, const char *text, size_t length, gee_error_t *error) {
    char beside[PATH_MAX];
    if (snprintf(beside, sizeof(beside), "%s.new", path) >= (int)sizeof(beside))
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "%s: the path is too long", path);
    int descriptor = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (descriptor < 0)
        return gee_error_set(error, GEE_UNAVAILABLE, "%s: %s", beside, strerror(errno));
    int failed = write_all(descriptor, text, length) != 0 ? errno : 0;
    if (close(descriptor) != 0 && failed == 0)
        failed = errno;
    if (failed == 0 && rename(beside, path) != 0)
        failed = errno;
    if (failed == 0)
        return 0;
    (void)unlink(beside);
    return gee_error_set(error, GEE_UNAVAILABLE, "%s: %s", path, strerror(failed));
}
