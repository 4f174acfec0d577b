/* service_crash.c: a service that fails on demand, for the tests of master and workers. */
#include <gee.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const char *directory;
    int64_t *starts; /* shared by master and workers */
    int log;
} conf_t;

static const gee_option_t options[] = {
    { .name = "directory",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(conf_t, directory),
      .fallback = "/nonexistent",
      .flags = GEE_OPTION_RELOADABLE,
      .doc =
          "Workers abort at start while there is a file \"abort\", and refuse to start while there is one \"refuse\"" },
    { 0 },
};

static bool exists(const conf_t *conf, const char *name) {
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", conf->directory, name);
    return access(path, F_OK) == 0;
}

static int prepare(void *conf_pointer, const gee_prepare_t *prepare_pointer, gee_error_t *error) {
    conf_t *conf = conf_pointer;
    conf->starts = prepare_pointer->shared(prepare_pointer, "crash", sizeof(int64_t), 1, error);
    conf->log = prepare_pointer->open_log(prepare_pointer, "logs/crash.log", error);
    if (conf->starts == NULL || conf->log < 0)
        return -1;
    if (exists(conf, "refuse-prepare"))
        return gee_error_set(error, GEE_FAILED_PRECONDITION, "there is a file \"refuse-prepare\"");
    return 0;
}

static int worker_start(void *conf_pointer, gee_engine_t *engine, gee_error_t *error) {
    const conf_t *conf = conf_pointer;
    char line[64];
    int64_t starts = __atomic_add_fetch(conf->starts, 1, __ATOMIC_SEQ_CST);
    int length =
        snprintf(line, sizeof(line), "start %lld of worker %u\n", (long long)starts, gee_engine_worker_index(engine));
    (void)gee_write_lines(conf->log, line, (size_t)length); /* a log that takes no more keeps nobody from serving */
    if (exists(conf, "refuse"))
        return gee_error_set(error, GEE_FAILED_PRECONDITION, "there is a file \"refuse\"");
    if (exists(conf, "abort"))
        abort();
    return 0;
}

static void do_abort(gee_call_t *call GEE_UNUSED, const gee_str_t *why GEE_UNUSED, int64_t *reply GEE_UNUSED) {
    abort();
}

/* Not of the null pointer: UBSan would end the process before the fault. */
static void fault(gee_call_t *call, const gee_str_t *why GEE_UNUSED, int64_t *reply) {
    volatile uintptr_t address = 16;
    *reply = *(const int64_t *)address;
    gee_reply(call);
}

static int64_t recurse(volatile int64_t *before) {
    volatile int64_t place[512];
    place[0] = *before + 1;
    if (place[0] == INT64_MAX)
        return 0; /* not reached: compilers warn of a recursion without an end */
    return recurse(place) + place[0];
}

static void overflow(gee_call_t *call, const gee_str_t *why GEE_UNUSED, int64_t *reply) {
    volatile int64_t start = 0;
    *reply = recurse(&start);
    gee_reply(call);
}

GEE_SERVICE_WITH(service_crash, "Crash",
                 (.abi = GEE_MODULE_ABI, .block = "crash", .options = options, .conf_size = sizeof(conf_t),
                  .prepare = prepare, .worker_start = worker_start),
                 GEE_METHOD("Abort", do_abort, gee_str_t, int64_t, 0),
                 GEE_METHOD("Fault", fault, gee_str_t, int64_t, 0),
                 GEE_METHOD("FaultInPool", fault, gee_str_t, int64_t, GEE_BLOCKING),
                 GEE_METHOD("Overflow", overflow, gee_str_t, int64_t, 0),
                 GEE_METHOD("OverflowInPool", overflow, gee_str_t, int64_t, GEE_BLOCKING));
