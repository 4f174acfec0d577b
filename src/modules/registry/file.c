/* file.c: the list over restarts: a text of one line an entry, written beside and renamed over.
 *
 *   geerpc registry 2 1732323600000
 *   tcp@10.0.0.1:9999 3 300s Arith         address, weight (0: not said), time to live, service (or none)
 *   end 1                                  the count of entries; a file without this line was cut off
 *
 * The file is not forced to the disk, which could take long: after a power failure the servers register again. */
#include "registry.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TITLE       "geerpc registry 2 "
#define END         "end "
#define NOT_REGULAR "%s: this is no regular file; remove it"
#define MOST_SIZE   (16 * GEE_MIB) /* a larger file was not written here */
#define MOST_VERSION                                                                                                   \
    ((uint64_t)1 << 52) /* milliseconds of 142,000 years: a sum neither wraps nor leaves JSON's numbers */

/* ---- reading ---- */

/* Reads the first `size` bytes of a file into `text`; fewer when the file is shorter. -1: errno. */
static ssize_t read_all(int descriptor, char *text, size_t size) {
    size_t length = 0;
    while (length < size) {
        ssize_t got = read(descriptor, text + length, size - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    return (ssize_t)length;
}

static int read_entry(gee_str_t line, registry_table_t *table, int64_t now_ns) {
    gee_str_t address = gee_str_cut(&line, ' '), weight = gee_str_cut(&line, ' '), ttl = gee_str_cut(&line, ' ');
    registry_key_t key = { .address = address, .service = line };
    gee_addr_t addr;
    uint64_t number;
    int64_t ttl_ns;
    if (registry_address_parse(address, &addr, NULL) != 0 || (line.length > 0 && !registry_text_valid(line)) ||
        gee_parse_uint64(weight, &number) != 0 || number > UINT16_MAX || gee_parse_duration(ttl, &ttl_ns) != 0 ||
        ttl_ns < REGISTRY_SHORTEST_TTL || ttl_ns > REGISTRY_LONGEST_TTL)
        return -1;
    /* Each entry gets its whole time to live: while the registry was away nobody could refresh. */
    return registry_table_put(table, &key, (uint32_t)number, ttl_ns, gee_time_add(now_ns, ttl_ns), REGISTRY_ENTRIES) ==
                   REGISTRY_DONE
               ? 0
               : -1;
}

static int read_title(const char *path, gee_str_t title, registry_table_t *table, gee_error_t *error) {
    if (!gee_str_starts_with(title, GEE_STR(TITLE)))
        return gee_error_set(error, GEE_DATA_LOSS, "%s:1: it does not begin with \"%s\"", path, TITLE);
    title.data += sizeof(TITLE) - 1;
    title.length -= sizeof(TITLE) - 1;
    if (gee_parse_uint64(title, &table->version) != 0 || table->version > MOST_VERSION)
        return gee_error_set(error, GEE_DATA_LOSS, "%s:1: there is no version behind \"%s\"", path, TITLE);
    return 0;
}

/* True for a complete last line with this count. */
static bool is_end(gee_str_t line, gee_str_t rest, size_t count) {
    uint64_t number;
    if (!gee_str_starts_with(line, GEE_STR(END)) || rest.length > 0)
        return false;
    line.data += sizeof(END) - 1;
    line.length -= sizeof(END) - 1;
    return gee_parse_uint64(line, &number) == 0 && number == count;
}

static int read_lines(const char *path, gee_str_t text, registry_table_t *table, int64_t now_ns, gee_error_t *error) {
    size_t number = 1;
    if (read_title(path, gee_str_cut(&text, '\n'), table, error) != 0)
        return -1;
    while (text.length > 0) {
        gee_str_t line = gee_str_cut(&text, '\n');
        number++;
        if (is_end(line, text, table->count))
            return 0;
        if (read_entry(line, table, now_ns) != 0)
            return gee_error_set(error, GEE_DATA_LOSS, "%s:%zu: expected ADDRESS WEIGHT TTL SERVICE, or \"end %zu\"",
                                 path, number, table->count);
    }
    return gee_error_set(error, GEE_DATA_LOSS, "%s:%zu: it is cut off: \"end %zu\" is missing", path, number + 1,
                         table->count);
}

int registry_file_read(const char *path, gee_str_t text, registry_table_t *table, int64_t now_ns, gee_error_t *error) {
    /* A line without a line feed may be cut off. */
    bool whole = text.length > 0 && text.data[text.length - 1] == '\n';
    int result = read_lines(path, text, table, now_ns, error);
    if (result == 0 && !whole)
        result = gee_error_set(error, GEE_DATA_LOSS, "%s: it is cut off: its last line has no end", path);
    if (result != 0)
        registry_table_clear(table);
    table->changed = true; /* for the watchers of the process before */
    return result;
}

/* Refuses a directory, a device and a pipe, whose opening or reading could take for ever. */
static int check_regular(int descriptor, const char *path, struct stat *about, gee_error_t *error) {
    if (fstat(descriptor, about) != 0)
        return gee_error_set(error, GEE_UNAVAILABLE, "%s: %s", path, strerror(errno));
    if (!S_ISREG(about->st_mode))
        return gee_error_set(error, GEE_FAILED_PRECONDITION, NOT_REGULAR, path);
    return 0;
}

static int read_descriptor(int descriptor, const char *path, registry_table_t *table, int64_t now_ns,
                           gee_error_t *error) {
    struct stat about;
    if (check_regular(descriptor, path, &about, error) != 0)
        return -1;
    if (about.st_size > (off_t)MOST_SIZE)
        return gee_error_set(error, GEE_DATA_LOSS, "%s: it has more than %zu bytes", path, (size_t)MOST_SIZE);
    char *text = malloc((size_t)about.st_size + 1);
    if (text == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", path);
    ssize_t length = read_all(descriptor, text, (size_t)about.st_size);
    int result = length >= 0 ? registry_file_read(path, (gee_str_t){ text, (size_t)length }, table, now_ns, error)
                             : gee_error_set(error, GEE_UNAVAILABLE, "%s: %s", path, strerror(errno));
    free(text);
    return result;
}

int registry_file_load(const char *path, registry_table_t *table, int64_t now_ns, gee_error_t *error) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0)
        return errno == ENOENT ? 0 : gee_error_set(error, GEE_UNAVAILABLE, "%s: %s", path, strerror(errno));
    int result = read_descriptor(descriptor, path, table, now_ns, error);
    (void)close(descriptor);
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
    fprintf(out, END "%zu\n", table->count);
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

/* Opens the file beside `path`, and empties a file that a dead process has left there. Any other object in that place
 * is neither touched nor waited for. */
static int open_beside(const char *path, gee_error_t *error) {
    struct stat about;
    int descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0644);
    if (descriptor < 0) {
        /* the kernel's errors for a pipe without a reader, a socket, and a link */
        if (errno == ENXIO || errno == ELOOP)
            return gee_error_set(error, GEE_FAILED_PRECONDITION, NOT_REGULAR, path);
        return gee_error_set(error, GEE_UNAVAILABLE, "%s: %s", path, strerror(errno));
    }
    if (check_regular(descriptor, path, &about, error) == 0) {
        if (ftruncate(descriptor, 0) == 0)
            return descriptor;
        gee_error_set(error, GEE_UNAVAILABLE, "%s: %s", path, strerror(errno));
    }
    (void)close(descriptor);
    return -1;
}

/* Writes path, then suffix. */
static int name_beside(char target[PATH_MAX], const char *path, const char *suffix, gee_error_t *error) {
    if (snprintf(target, PATH_MAX, "%s%s", path, suffix) < PATH_MAX)
        return 0;
    return gee_error_set(error, GEE_INVALID_ARGUMENT, "%s: the path is too long", path);
}

/* A rename would replace any object: a setting that names a device must not cost the device. */
static int check_replaceable(const char *path, gee_error_t *error) {
    struct stat about;
    if (stat(path, &about) != 0 || S_ISREG(about.st_mode))
        return 0; /* the rename reports the error */
    return gee_error_set(error, GEE_FAILED_PRECONDITION, NOT_REGULAR, path);
}

int registry_file_write(const char *path, const char *text, size_t length, gee_error_t *error) {
    char beside[PATH_MAX];
    if (name_beside(beside, path, ".new", error) != 0 || check_replaceable(path, error) != 0)
        return -1;
    int descriptor = open_beside(beside, error);
    if (descriptor < 0)
        return -1;
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

int registry_file_set_aside(const char *path, gee_error_t *error) {
    char aside[PATH_MAX];
    if (name_beside(aside, path, REGISTRY_ASIDE, error) != 0 || check_replaceable(path, error) != 0)
        return -1;
    return rename(path, aside) == 0 ? 0 : gee_error_set(error, GEE_UNAVAILABLE, "%s: %s", aside, strerror(errno));
}
