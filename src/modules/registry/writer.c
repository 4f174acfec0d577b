/* writer.c: the registry in the helper: applies the messages of workers, lets entries expire, publishes, keeps the
 * file.
 *
 *   message -> table, result noted -+-> end of the pass: publish -> results -> workers are woken
 *   the next entry's time is over  -'                       '-> SAVE_DELAY later: the file */
#include "registry.h"

#include <stdlib.h>

#define TEND_INTERVAL (500 * GEE_MILLISECOND) /* the precision of the measured time without a helper */
#define SAVE_DELAY    GEE_SECOND              /* changes come in bursts */
#define RESULTS       256                     /* of one pass; when there are more they are published in between */

typedef struct result {
    uint64_t request;
    uint32_t status;
} result_t;

typedef struct registry_writer {
    registry_conf_t *conf;
    gee_engine_t *engine;
    registry_table_t table;
    result_t results[RESULTS];
    size_t result_count;
    gee_task_t publish_task;
    gee_timer_t expire_timer, tend_timer, save_timer;
    uint64_t saved_version;
    bool save_failed; /* the failure is logged already */
} writer_t;

/* ---- the file ---- */

static bool unsaved(const writer_t *writer) {
    return writer->conf->file_path != NULL && writer->saved_version != writer->table.version;
}

static void save_later(writer_t *writer) {
    if (unsaved(writer) && !gee_timer_started(&writer->save_timer))
        (void)gee_timer_start(gee_engine_loop(writer->engine), &writer->save_timer, SAVE_DELAY);
}

static void say_save_failed(writer_t *writer, const gee_error_t *error) {
    if (!writer->save_failed)
        gee_log(
            gee_engine_log(writer->engine), GEE_LOG_ERROR,
            "registry: the list cannot be kept over a restart: %s; registry.file names the file, in a directory that "
            "the workers' user can write to",
            error->text);
    writer->save_failed = true;
}

static void save(writer_t *writer) {
    size_t length = 0;
    gee_error_t error;
    char *text = registry_file_format(&writer->table, &length);
    int result = text != NULL ? registry_file_write(writer->conf->file_path, text, length, &error)
                              : gee_error_set(&error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    free(text);
    if (result != 0) {
        say_save_failed(writer, &error);
        return;
    }
    if (writer->save_failed)
        gee_log(gee_engine_log(writer->engine), GEE_LOG_NOTICE, "registry: %s is written again",
                writer->conf->file_path);
    writer->save_failed = false;
    writer->saved_version = writer->table.version;
}

static void on_save(gee_timer_t *timer) {
    writer_t *writer = GEE_CONTAINER(timer, writer_t, save_timer);
    save(writer);
    save_later(writer); /* the last try failed */
}

/* ---- publishing ---- */

static void tell_results(writer_t *writer) {
    registry_zone_t *zone = writer->conf->zone;
    uint64_t count = atomic_load_explicit(&zone->result_count, memory_order_relaxed);
    for (size_t i = 0; i < writer->result_count; i++, count++) {
        registry_result_t *result = &zone->results[count % REGISTRY_RESULTS];
        atomic_store_explicit(&result->request, writer->results[i].request, memory_order_relaxed);
        atomic_store_explicit(&result->status, writer->results[i].status, memory_order_relaxed);
        atomic_store_explicit(&zone->result_count, count + 1, memory_order_release);
    }
    writer->result_count = 0;
}

static void publish(writer_t *writer) {
    gee_loop_undefer(&writer->publish_task);
    registry_table_publish(&writer->table, &writer->conf->buffer);
    tell_results(writer);
    gee_engine_wake_workers(writer->engine);
    save_later(writer);
}

static void run_publish(gee_task_t *task) {
    publish(GEE_CONTAINER(task, writer_t, publish_task));
}

static void expire_at(writer_t *writer, int64_t deadline) {
    if (deadline != INT64_MAX &&
        (!gee_timer_started(&writer->expire_timer) || deadline < writer->expire_timer.deadline))
        (void)gee_timer_start_at(gee_engine_loop(writer->engine), &writer->expire_timer, deadline);
}

static void on_expire(gee_timer_t *timer) {
    writer_t *writer = GEE_CONTAINER(timer, writer_t, expire_timer);
    size_t before = writer->table.count;
    int64_t next = registry_table_expire(&writer->table, gee_loop_now(gee_engine_loop(writer->engine)));
    if (writer->table.count < before) {
        gee_log(gee_engine_log(writer->engine), GEE_LOG_INFO, "registry: the time of %zu entr%s is over",
                before - writer->table.count, before - writer->table.count == 1 ? "y" : "ies");
        publish(writer);
    }
    expire_at(writer, next);
}

static void on_tend(gee_timer_t *timer) {
    writer_t *writer = GEE_CONTAINER(timer, writer_t, tend_timer);
    atomic_store_explicit(&writer->conf->zone->tended_ns, gee_clock_monotonic(), memory_order_relaxed);
    (void)gee_timer_start(gee_engine_loop(writer->engine), timer, TEND_INTERVAL);
}

/* ---- messages ---- */

static uint32_t apply(writer_t *writer, const registry_message_t *message) {
    registry_key_t key = { .address = { message->texts, message->address_length },
                           .service = { message->texts + message->address_length, message->service_length } };
    int64_t now = gee_loop_now(gee_engine_loop(writer->engine)), expires_ns = gee_time_add(now, message->ttl_ns);
    if (message->verb == REGISTRY_REMOVE)
        return registry_table_remove(&writer->table, &key) ? 200 : 404;
    if (registry_table_put(&writer->table, &key, message->weight, message->ttl_ns, expires_ns,
                           (size_t)writer->conf->entries) != REGISTRY_DONE)
        return 503;
    expire_at(writer, expires_ns);
    return 200;
}

/* The worker has checked the message, but a worker reads bytes of strangers and may be compromised. */
static bool is_sound(const registry_message_t *message, size_t length) {
    size_t texts = offsetof(registry_message_t, texts);
    if (length < texts || message->address_length > REGISTRY_TEXT || message->service_length > REGISTRY_TEXT ||
        length != texts + message->address_length + message->service_length)
        return false;
    gee_str_t address = { message->texts, message->address_length };
    gee_str_t service = { message->texts + message->address_length, message->service_length };
    gee_addr_t addr;
    return (message->verb == REGISTRY_PUT || message->verb == REGISTRY_REMOVE) &&
           registry_address_parse(address, &addr, NULL) == 0 && (service.length == 0 || registry_text_valid(service)) &&
           message->ttl_ns >= REGISTRY_SHORTEST_TTL && message->ttl_ns <= REGISTRY_LONGEST_TTL &&
           message->weight <= UINT16_MAX;
}

void registry_writer_message(registry_conf_t *conf, const void *bytes, size_t length) {
    writer_t *writer = conf->writer;
    registry_message_t message;
    if (writer == NULL || length > sizeof(message))
        return;
    memcpy(&message, bytes, length);
    if (!is_sound(&message, length))
        return;
    if (writer->result_count == RESULTS)
        publish(writer);
    writer->results[writer->result_count++] =
        (result_t){ .request = message.request, .status = apply(writer, &message) };
    gee_loop_defer(gee_engine_loop(writer->engine), &writer->publish_task);
}

/* ---- from beginning to end ---- */

/* The time since a helper was last there, in which nobody could refresh. */
static int64_t absence(const registry_zone_t *zone, int64_t now) {
    int64_t gap = now - atomic_load_explicit(&zone->tended_ns, memory_order_relaxed);
    return gap > 0 ? gap : 0;
}

static void begin_empty(const writer_t *writer, const gee_error_t *reason) {
    gee_error_t error;
    if (registry_file_set_aside(writer->conf->file_path, &error) == 0)
        gee_log(gee_engine_log(writer->engine), GEE_LOG_ERROR,
                "registry: the list from before is not read: %s; it begins empty; the file is now %s" REGISTRY_ASIDE,
                reason->text, writer->conf->file_path);
    else
        gee_log(gee_engine_log(writer->engine), GEE_LOG_ERROR,
                "registry: the list from before is not read: %s; it begins empty; the file stays: %s", reason->text,
                error.text);
}

/* Takes the list that another helper has left, or else the file. */
static int take_over(writer_t *writer, gee_error_t *error) {
    const registry_conf_t *conf = writer->conf;
    int64_t now = gee_loop_now(gee_engine_loop(writer->engine));
    if (gee_double_buffer_count(&conf->buffer) > 0) {
        if (registry_table_take(&writer->table, &conf->buffer, absence(conf->zone, now)) != 0)
            return gee_error_set(error, GEE_RESOURCE_EXHAUSTED,
                                 "the registry's list cannot be taken over: out of memory");
        return 0;
    }
    if (conf->file_path == NULL)
        return 0;
    if (registry_file_load(conf->file_path, &writer->table, now, error) != 0)
        begin_empty(writer, error);
    else if (writer->table.count > 0)
        gee_log(gee_engine_log(writer->engine), GEE_LOG_NOTICE, "registry: %zu entr%s read from %s",
                writer->table.count, writer->table.count == 1 ? "y" : "ies", conf->file_path);
    return 0;
}

int registry_writer_start(registry_conf_t *conf, gee_engine_t *engine, gee_error_t *error) {
    writer_t *writer = calloc(1, sizeof(*writer));
    if (writer == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    writer->conf = conf;
    writer->engine = engine;
    writer->publish_task.run = run_publish;
    writer->expire_timer.fire = on_expire;
    writer->tend_timer.fire = on_tend;
    writer->save_timer.fire = on_save;
    conf->writer = writer;
    if (take_over(writer, error) != 0) {
        registry_writer_stop(conf);
        return -1;
    }
    on_tend(&writer->tend_timer);
    publish(writer);
    on_expire(&writer->expire_timer);
    return 0;
}

void registry_writer_stop(registry_conf_t *conf) {
    writer_t *writer = conf->writer;
    conf->writer = NULL;
    if (writer == NULL)
        return;
    if (writer->result_count > 0)
        publish(writer);
    gee_loop_undefer(&writer->publish_task);
    gee_timer_stop(gee_engine_loop(writer->engine), &writer->expire_timer);
    gee_timer_stop(gee_engine_loop(writer->engine), &writer->tend_timer);
    gee_timer_stop(gee_engine_loop(writer->engine), &writer->save_timer);
    if (unsaved(writer) && writer->table.version > 0)
        save(writer);
    registry_table_clear(&writer->table);
    free(writer);
}
