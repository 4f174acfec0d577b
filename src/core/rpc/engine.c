/* engine.c: what the sessions of one loop share. */
#include "core/rpc/engine_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SCRATCH_SIZE 4096
#define ANSWERS_SIZE 1024

const gee_option_t gee_limits_options[] = {
    { .name = "message",
      .type = GEE_OPTION_SIZE,
      .offset = offsetof(gee_limits_t, message),
      .fallback = "4m",
      .flags = GEE_OPTION_RELOADABLE,
      .minimum = 1024,
      .maximum = 1LL << 31,
      .doc = "Largest message, header and body together; a larger one ends its call with code 8" },
    { .name = "method",
      .type = GEE_OPTION_SIZE,
      .offset = offsetof(gee_limits_t, method),
      .fallback = "1k",
      .flags = GEE_OPTION_RELOADABLE,
      .minimum = 64,
      .maximum = 65536,
      .doc = "Longest name of a method; a call with a longer one is refused, and forwarded nowhere" },
    { .name = "call_memory",
      .type = GEE_OPTION_SIZE,
      .offset = offsetof(gee_limits_t, call_memory),
      .fallback = "64m",
      .flags = GEE_OPTION_RELOADABLE,
      .minimum = 65536,
      .maximum = 1LL << 40,
      .doc = "Memory that the arguments and the handler of one call may take; past it the call fails" },
    { .name = "nesting",
      .type = GEE_OPTION_INT,
      .offset = offsetof(gee_limits_t, nesting),
      .fallback = "100",
      .flags = GEE_OPTION_RELOADABLE,
      .minimum = 1,
      .maximum = 1000,
      .doc = "Levels of structs, lists and maps in one value" },
    { .name = "calls",
      .type = GEE_OPTION_INT,
      .offset = offsetof(gee_limits_t, calls),
      .fallback = "1000",
      .flags = GEE_OPTION_RELOADABLE,
      .minimum = 1,
      .maximum = 1000000,
      .doc = "Calls in flight on one connection, streaming calls apart; further calls wait until one ends: on geerpc "
             "with bin "
             "they are read and held, so that cancels and pings pass them, else the connection is not read" },
    { .name = "streams",
      .type = GEE_OPTION_INT,
      .offset = offsetof(gee_limits_t, streams),
      .fallback = "1000",
      .flags = GEE_OPTION_RELOADABLE,
      .minimum = 1,
      .maximum = 1000000,
      .doc = "Streaming calls open on one connection, beside the calls in flight; a further one is refused" },
    { .name = "input",
      .type = GEE_OPTION_SIZE,
      .offset = offsetof(gee_limits_t, input),
      .fallback = "16m",
      .flags = GEE_OPTION_RELOADABLE,
      .minimum = 4096,
      .maximum = 1LL << 40,
      .doc = "Memory of the calls on one connection, in flight and held; past it the connection is not read until one "
             "ends" },
    { .name = "output",
      .type = GEE_OPTION_SIZE,
      .offset = offsetof(gee_limits_t, output),
      .fallback = "256k",
      .flags = GEE_OPTION_RELOADABLE,
      .minimum = 4096,
      .maximum = 1LL << 31,
      .doc = "Reply bytes waiting on one connection; past it the connection is not read until they have gone" },
    { .name = "memory",
      .type = GEE_OPTION_SIZE,
      .offset = offsetof(gee_limits_t, memory),
      .fallback = "1g",
      .flags = GEE_OPTION_RELOADABLE,
      .minimum = 0,
      .maximum = 1LL << 44,
      .doc = "Memory that requests, calls and replies of one worker take together; past it new calls are refused, and "
             "large "
             "requests wait before that; less than eight times message counts as that; 0 for no limit" },
    { .name = NULL }
};

#define TIMEOUT_ROW(member, text, documentation)                                                                       \
    {                                                                                                                  \
        .name = #member, .type = GEE_OPTION_DURATION, .offset = offsetof(gee_timeouts_t, member), .fallback = text,    \
        .flags = GEE_OPTION_RELOADABLE, .doc = documentation                                                           \
    }

const gee_option_t gee_timeouts_options[] = {
    TIMEOUT_ROW(handshake, "10s",
                "From accepting a connection until it has said what it speaks and its Option is whole"),
    TIMEOUT_ROW(read, "60s", "From the first byte of a message to its last"),
    TIMEOUT_ROW(write, "60s",
                "Without any progress in writing to a client that does not read; to a server of an upstream, also "
                "until its host acknowledges"),
    TIMEOUT_ROW(handle, "0", "For one call, where neither its service nor its caller says less; 0: none"),
    TIMEOUT_ROW(idle, "0", "Nothing received and no call in flight; 0: none"),
    TIMEOUT_ROW(keep_alive, "75s", "Between two requests of an HTTP connection; 0: none"),
    { .name = NULL }
};

static void limit_memory(gee_engine_t *engine) {
    /* Less would leave no message of the chosen size the room that its inbox grows into. */
    uint64_t least = 4 * engine->limits.message, limit = engine->limits.memory;
    engine->memory.limit = limit == 0 ? 0 : (size_t)(limit > least ? limit : least);
    engine->arenas.limit = engine->memory.limit;
    gee_list_init(&engine->memory.starved);
}

/* ---- modules' states ---- */

static size_t count_modules(const gee_engine_t *engine) {
    size_t count = 0;
    while (engine->modules != NULL && engine->modules[count].module != NULL)
        count++;
    return count;
}

static void destroy_module_states(gee_engine_t *engine) {
    size_t count = count_modules(engine);
    for (size_t i = 0; engine->module_states != NULL && i < count; i++)
        free(engine->module_states[i]);
    free(engine->module_states);
}

static int create_module_states(gee_engine_t *engine, gee_error_t *error) {
    size_t count = count_modules(engine);
    engine->module_states = calloc(count + 1, sizeof(*engine->module_states));
    if (engine->module_states == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "engine: out of memory");
    for (size_t i = 0; i < count; i++) {
        const gee_module_t *module = engine->modules[i].module;
        if (module->worker_state_size == 0)
            continue;
        engine->module_states[i] = calloc(1, module->worker_state_size);
        if (engine->module_states[i] == NULL)
            return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: no memory for its state of %zu bytes",
                                 module->name, module->worker_state_size);
    }
    return 0;
}

void *gee_engine_state(const gee_engine_t *engine, const char *module) {
    for (size_t i = 0; engine->modules != NULL && engine->modules[i].module != NULL; i++)
        if (strcmp(engine->modules[i].module->name, module) == 0)
            return engine->module_states[i];
    return NULL;
}

gee_engine_t *gee_engine_create(const gee_engine_options_t *options, gee_error_t *error) {
    gee_engine_t *engine = calloc(1, sizeof(*engine));
    gee_pool_t *scratch = gee_pool_create(SCRATCH_SIZE), *answers = gee_pool_create(ANSWERS_SIZE);
    if (engine == NULL || scratch == NULL || answers == NULL) {
        free(engine);
        gee_pool_destroy(&scratch);
        gee_pool_destroy(&answers);
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "engine: out of memory");
        return NULL;
    }
    engine->loop = options->loop;
    engine->log = options->log;
    engine->buffers = gee_loop_buffers(options->loop);
    engine->modules = options->modules;
    engine->module_conf = options->module_conf;
    engine->limits = options->limits;
    engine->timeouts = options->timeouts;
    engine->codec_limits.message = (size_t)options->limits.message;
    engine->codec_limits.nesting = (unsigned)options->limits.nesting;
    engine->names.message = options->names.message ? options->names.message : "limits.message";
    engine->names.read = options->names.read ? options->names.read : "timeouts.read";
    engine->codec_limits.message_name = engine->names.message;
    engine->header_limits = engine->codec_limits;
    engine->header_limits.repair = true;
    engine->onward_limits = engine->codec_limits;
    if (engine->onward_limits.nesting > 2)
        engine->onward_limits.nesting -= 2;
    engine->threads = options->threads;
    engine->resolver = options->resolver ? options->resolver : options->threads;
    engine->worker_index = options->worker_index;
    engine->helper = options->helper;
    engine->listeners = options->listeners;
    engine->quitting = options->quitting;
    engine->scratch = scratch;
    engine->answers = answers;
    gee_pool_limit(scratch, (size_t)options->limits.call_memory);
    gee_pool_limit(answers, (size_t)options->limits.call_memory);
    gee_list_init(&engine->sessions);
    gee_list_init(&engine->doors);
    gee_list_init(&engine->free_calls);
    gee_list_init(&engine->free_flow_queues);
    gee_list_init(&engine->free_streaming_calls);
    for (size_t phase = 0; phase < GEE_CLOSE_PHASES; phase++)
        gee_list_init(&engine->closers[phase]);
    limit_memory(engine);
    if (create_module_states(engine, error) != 0)
        gee_engine_destroy(&engine);
    return engine;
}

/* ---- codecs' states ---- */

struct gee_codec_share {
    gee_codec_share_t *next;
    const gee_codec_t *codec;
    void *shared;
};

static void destroy_codec_shares(gee_engine_t *engine) {
    for (gee_codec_share_t *share = engine->codec_shares, *next; share != NULL; share = next) {
        next = share->next;
        share->codec->shared_destroy(share->shared);
        free(share);
    }
    engine->codec_shares = NULL;
}

static void *shared_of(gee_engine_t *engine, const gee_codec_t *codec, gee_error_t *error) {
    for (const gee_codec_share_t *share = engine->codec_shares; share != NULL; share = share->next)
        if (share->codec == codec)
            return share->shared;
    gee_codec_share_t *share = calloc(1, sizeof(*share));
    if (share == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "codec %s: out of memory", codec->name);
        return NULL;
    }
    share->codec = codec;
    share->shared = codec->shared_create(error);
    if (share->shared == NULL) {
        free(share);
        return NULL;
    }
    share->next = engine->codec_shares;
    engine->codec_shares = share;
    gee_engine_at_close(engine, GEE_CLOSE_STORES, &engine->shares_closer, destroy_codec_shares);
    return share->shared;
}

int gee_codec_state_create(gee_engine_t *engine, const gee_codec_t *codec, void **state, gee_error_t *error) {
    void *shared = NULL;
    *state = NULL;
    if (codec->state_size == 0)
        return 0;
    if (codec->shared_create != NULL && (shared = shared_of(engine, codec, error)) == NULL)
        return -1;
    void *made = calloc(1, codec->state_size);
    if (made == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "codec %s: out of memory", codec->name);
    if (shared != NULL)
        codec->attach(made, shared);
    if (codec->start != NULL && codec->start(made, error) != 0) {
        free(made);
        return -1;
    }
    *state = made;
    return 0;
}

void gee_codec_state_destroy(const gee_codec_t *codec, void **state) {
    if (*state == NULL)
        return;
    if (codec->stop != NULL)
        codec->stop(*state);
    free(*state);
    *state = NULL;
}

void gee_engine_destroy(gee_engine_t **handle) {
    gee_engine_t *engine = *handle;
    if (engine == NULL)
        return;
    *handle = NULL;
    for (size_t phase = 0; phase < GEE_CLOSE_PHASES; phase++)
        GEE_LIST_EACH(&engine->closers[phase], link)
            GEE_CONTAINER(link, gee_engine_closer_t, link)->close(engine);
    gee_pool_destroy(&engine->scratch);
    gee_pool_destroy(&engine->message_pool);
    gee_pool_destroy(&engine->answers);
    destroy_module_states(engine);
    free(engine);
}

/* ---- reading ---- */

gee_loop_t *gee_engine_loop(const gee_engine_t *engine) {
    return engine->loop;
}

gee_log_t *gee_engine_log(const gee_engine_t *engine) {
    return engine->log;
}

gee_buf_cache_t *gee_engine_buffers(const gee_engine_t *engine) {
    return engine->buffers;
}

const gee_module_entry_t *gee_engine_modules(const gee_engine_t *engine) {
    return engine->modules;
}

const gee_limits_t *gee_engine_limits(const gee_engine_t *engine) {
    return &engine->limits;
}

const gee_timeouts_t *gee_engine_timeouts(const gee_engine_t *engine) {
    return &engine->timeouts;
}

const gee_codec_limits_t *gee_engine_codec_limits(const gee_engine_t *engine) {
    return &engine->codec_limits;
}

const gee_codec_limits_t *gee_engine_header_limits(const gee_engine_t *engine) {
    return &engine->header_limits;
}

gee_thread_pool_t *gee_engine_resolver(const gee_engine_t *engine) {
    return engine->resolver;
}

gee_dispatch_t *gee_engine_dispatch(const gee_engine_t *engine) {
    return engine->dispatch;
}

gee_pool_t *gee_engine_scratch(const gee_engine_t *engine) {
    return engine->scratch;
}

const char *const *gee_engine_listeners(const gee_engine_t *engine) {
    return engine->listeners;
}

unsigned gee_engine_worker_index(const gee_engine_t *engine) {
    return engine->worker_index;
}

bool gee_engine_quitting(const gee_engine_t *engine) {
    return engine->quitting != NULL && atomic_load(engine->quitting);
}

void *gee_engine_conf(const gee_engine_t *engine, size_t n) {
    return engine->module_conf ? engine->module_conf[n] : NULL;
}

int gee_engine_tell_helper(gee_engine_t *engine, const char *module, const void *bytes, size_t length) {
    if (engine->helper != NULL)
        return engine->helper->tell(engine->helper, module, bytes, length);
    errno = ENOTCONN;
    return -1;
}

void gee_engine_wake_workers(gee_engine_t *engine) {
    if (engine->helper != NULL)
        engine->helper->wake(engine->helper);
}
