/* watch.c: the registry itself: reads the file when it has changed, and every `refresh`.
 *
 *   inotify on its directory ---+--> open, read on a thread -> lines -> snapshot, or an error with FILE:LINE
 *   every `refresh` ------------+
 *
 * The directory is watched, so that a file which is renamed over the old one is noticed. A file that is being written
 * is read when it is closed; but `refresh` may come in between: so the documentation says to write a new file and
 * rename it. Changes that inotify does not see (network file systems, links to files elsewhere) are found by
 * `refresh`. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define RETRY        (250 * GEE_MILLISECOND) /* the first pause */
#define SIZE_LIMIT   GEE_SNAPSHOT_BYTES
#define MEMORY_LIMIT (32 * GEE_MIB)
#define CHUNK        4096
#define SETTLING     (20 * GEE_MILLISECOND) /* from a change to the reading of the file: changes come in bursts */

typedef struct watch {
    gee_engine_t *engine;
    char *source;
    const char *path; /* points into source */
    char *directory;
    const char *name; /* points into path: the name without directory */
    int64_t refresh_ns;
    void (*changed)(void *data, const gee_snapshot_t *snapshot);
    void (*failed)(void *data, const gee_error_t *error);
    void *data;

    gee_watch_t events; /* inotify; -1: none */
    gee_work_t *work;
    bool again; /* the file has changed while it was being read */
    gee_timer_t timer;
    gee_back_off_t back_off;
    uint64_t random;
} watch_t;

static const char *path_of(const char *source) {
    const char *at = strchr(source, '@');
    return at ? at + 1 : "";
}

static int file_check(const char *source, gee_error_t *error) {
    const char *path = path_of(source);
    size_t length = strlen(path);
    if (length == 0 || length >= 4096 || path[length - 1] == '/')
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "registry \"%.*s\": expected file@/path/of/a/file",
                             GEE_QUOTED(source));
    return 0;
}

/* ---- reading, on a thread ---- */

/* IN_CREATE is left out: a new file is empty; its writer closes it later. */
#define INTERESTING (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF)

typedef struct reading {
    char *path, *directory;
    int events; /* inotify; -1: none */
    char *bytes;
    size_t length;
    int reason; /* an errno; 0: the file was read */
    const char *failure;
} reading_t;

static void reading_failed(reading_t *reading, const char *failure) {
    reading->reason = errno ? errno : EIO;
    reading->failure = failure;
}

/* Reads to the end of the file, or until the file is too large. */
static void read_descriptor(reading_t *reading, int descriptor) {
    ssize_t n;
    reading->bytes = malloc(SIZE_LIMIT + 1);
    if (reading->bytes == NULL) {
        reading_failed(reading, "read");
        return;
    }
    while ((n = read(descriptor, reading->bytes + reading->length, SIZE_LIMIT + 1 - reading->length)) > 0)
        reading->length += (size_t)n;
    if (n < 0)
        reading_failed(reading, "read");
    else if (reading->length > SIZE_LIMIT) {
        errno = EFBIG;
        reading_failed(reading, "read");
    }
}

static void run_read(void *memory) {
    reading_t *reading = memory;
    struct stat status;
    /* The watch is set each time, as the path may name another directory by now; and before the reading, so that no
     * change between is missed. */
    if (reading->events >= 0)
        (void)inotify_add_watch(reading->events, reading->directory, INTERESTING);
    int descriptor = open(reading->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* the file may be a pipe */
    if (descriptor < 0) {
        reading_failed(reading, "open");
        return;
    }
    if (fstat(descriptor, &status) != 0) {
        reading_failed(reading, "stat");
    } else if (!S_ISREG(status.st_mode)) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
        reading_failed(reading, "this is no regular file");
    } else {
        read_descriptor(reading, descriptor);
    }
    close(descriptor);
}

static void clear_reading(void *memory) {
    reading_t *reading = memory;
    if (reading->events >= 0)
        close(reading->events);
    free(reading->path);
    free(reading->directory);
    free(reading->bytes);
}

/* ---- one reading ---- */

static void look_in(watch_t *watch, int64_t delay_ns) {
    (void)gee_timer_start(gee_engine_loop(watch->engine), &watch->timer, watch->again ? SETTLING : delay_ns);
}

/* Callbacks come last: a callback may end the watch. */
static void file_fail(watch_t *watch, const gee_error_t *error) {
    look_in(watch, gee_back_off_next(&watch->back_off, RETRY, watch->refresh_ns, &watch->random));
    watch->failed(watch->data, error);
}

static void succeed(watch_t *watch, const gee_snapshot_t *snapshot) {
    watch->back_off.last_ns = 0;
    look_in(watch, gee_jitter(watch->refresh_ns, &watch->random));
    watch->changed(watch->data, snapshot);
}

static int take_list(const watch_t *watch, const reading_t *reading, gee_pool_t *pool, gee_snapshot_t *snapshot,
                     gee_error_t *error) {
    static const uint64_t key[2] = { 1, 2 };
    *snapshot = (gee_snapshot_t){ 0 };
    if (reading->reason != 0)
        return gee_error_set(error, GEE_UNAVAILABLE, "%s: %s: %s", watch->source, reading->failure,
                             strerror(reading->reason));
    if (pool == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", watch->source);
    gee_pool_limit(pool, MEMORY_LIMIT);
    snapshot->version = gee_siphash(key, reading->bytes, reading->length);
    return gee_file_read_lines(watch->source, (gee_str_t){ reading->bytes, reading->length }, pool, snapshot, error);
}

static void was_read(void *memory, void *data) {
    watch_t *watch = data;
    gee_snapshot_t snapshot;
    gee_error_t error;
    gee_pool_t *pool = gee_pool_create(CHUNK);
    watch->work = NULL;
    if (take_list(watch, memory, pool, &snapshot, &error) != 0)
        file_fail(watch, &error);
    else
        succeed(watch, &snapshot);
    gee_pool_destroy(&pool);
}

static int look(watch_t *watch, gee_error_t *error) {
    static const gee_work_calls_t calls = { .run = run_read, .done = was_read, .clear = clear_reading };
    watch->again = false;
    watch->work = gee_work_create(gee_engine_loop(watch->engine), gee_engine_resolver(watch->engine), &calls,
                                  sizeof(reading_t), NULL, error);
    if (watch->work == NULL)
        return -1;
    reading_t *reading = gee_work_memory(watch->work);
    reading->path = strdup(watch->path);
    reading->directory = strdup(watch->directory);
    /* A descriptor of its own: the watch's may be closed while the thread works. */
    reading->events = watch->events.descriptor < 0 ? -1 : fcntl(watch->events.descriptor, F_DUPFD_CLOEXEC, 0);
    if (reading->path == NULL || reading->directory == NULL)
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    else if (gee_work_start(watch->work, watch, error) == 0)
        return 0;
    gee_work_cancel(&watch->work);
    return -1;
}

/* ---- inotify ---- */

static bool concerns(const watch_t *watch, const struct inotify_event *event) {
    const uint32_t all = IN_DELETE_SELF | IN_MOVE_SELF | IN_Q_OVERFLOW;
    return (event->mask & all) != 0 || (event->len > 0 && strcmp(event->name, watch->name) == 0);
}

static void on_change(watch_t *watch) {
    bool soon = gee_timer_started(&watch->timer) &&
                watch->timer.deadline - gee_loop_now(gee_engine_loop(watch->engine)) <= SETTLING;
    watch->again = true;
    if (watch->work == NULL && !soon)
        look_in(watch, SETTLING);
}

static void on_events(gee_watch_t *base, uint32_t events GEE_UNUSED) {
    watch_t *watch = GEE_CONTAINER(base, watch_t, events);
    _Alignas(struct inotify_event) char bytes[8 * GEE_KIB];
    bool concerned = false;
    ssize_t n = read(base->descriptor, bytes, sizeof(bytes));
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *event = (const void *)(bytes + at);
        concerned = concerns(watch, event) || concerned;
        at += (ssize_t)(sizeof(*event) + event->len);
    }
    if (concerned)
        on_change(watch);
}

static void file_on_timer(gee_timer_t *timer) {
    watch_t *watch = GEE_CONTAINER(timer, watch_t, timer);
    gee_error_t error;
    if (look(watch, &error) == 0)
        return;
    gee_error_prefix(&error, "%s: ", watch->source);
    file_fail(watch, &error);
}

/* Without inotify (too many instances) `refresh` finds changes. */
static int open_events(watch_t *watch, gee_error_t *error) {
    watch->events.ready = on_events;
    watch->events.descriptor = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch->events.descriptor < 0) {
        gee_log(gee_engine_log(watch->engine), GEE_LOG_WARN,
                "%s: inotify: %s: changes are noticed at each refresh only", watch->source, strerror(errno));
        return 0;
    }
    return gee_loop_watch(gee_engine_loop(watch->engine), &watch->events, EPOLLIN, error);
}

/* ---- beginning and end ---- */

static void unwatch(void *state) {
    watch_t *watch = state;
    gee_work_cancel(&watch->work);
    gee_timer_stop(gee_engine_loop(watch->engine), &watch->timer);
    if (watch->events.descriptor >= 0) {
        gee_loop_unwatch(gee_engine_loop(watch->engine), &watch->events);
        close(watch->events.descriptor);
    }
    free(watch->source);
    free(watch->directory);
}

static char *directory_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static int watch(void *state, gee_engine_t *engine, const char *source, const gee_watch_options_t *options,
                 void (*changed)(void *data, const gee_snapshot_t *snapshot),
                 void (*failed)(void *data, const gee_error_t *error), void *data, gee_error_t *error) {
    watch_t *watch = state;
    *watch = (watch_t){ .engine = engine, .refresh_ns = options->refresh_ns, .changed = changed, .failed = failed };
    watch->data = data;
    watch->timer.fire = file_on_timer;
    watch->random = (uint64_t)gee_clock_wall() ^ (uint64_t)(uintptr_t)watch;
    watch->events.descriptor = -1;
    if (file_check(source, error) != 0)
        return -1;
    if (gee_engine_resolver(engine) == NULL)
        return gee_error_set(error, GEE_FAILED_PRECONDITION, "%s: files cannot be read here (there are no threads)",
                             source);
    watch->source = strdup(source);
    watch->directory = directory_of(path_of(source));
    if (watch->source != NULL && watch->directory != NULL) {
        watch->path = path_of(watch->source);
        watch->name = strrchr(watch->path, '/') ? strrchr(watch->path, '/') + 1 : watch->path;
        if (open_events(watch, error) != 0)
            goto fail;
        if (gee_timer_start(gee_engine_loop(engine), &watch->timer, 0) == 0)
            return 0;
    }
    gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", source);
fail:
    unwatch(watch);
    return -1;
}

static const gee_registry_t registry = {
    .scheme = "file",
    .watch_size = sizeof(watch_t),
    .check = file_check,
    .watch = watch,
    .unwatch = unwatch,
};

extern const gee_module_t gee_registry_file_module;
const gee_module_t gee_registry_file_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_REGISTRY, .name = "registry_file", .interface = &registry
};
