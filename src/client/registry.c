/* registry.c: looking into a registry and changing its entries, on a loop made for that. */
#include "client/geerpc_registry.h"

#include <stdlib.h>

#include "core/event/work.h"
#include "core/gateway/discovery.h"

#define REFRESH     (10 * GEE_SECOND) /* as in GeeRPC's clients */
#define CALL_MEMORY (64 * GEE_KIB)

typedef struct work_place {
    gee_loop_t *loop;
    gee_thread_pool_t *resolver;
    gee_engine_t *engine;
    const gee_registry_t *registry;
    const char *source;
    void *state; /* the registry module's */
    gee_timer_t timer;
    gee_watch_t stop;
    const gee_registry_look_t *look;
    bool ended;
    int result;
    gee_error_t *error;
} work_place_t;

/* ---- making and running the loop ---- */

static void end_place(work_place_t *place, int result) {
    place->ended = true;
    place->result = result;
}

static void end_with(work_place_t *place, const gee_error_t *error) {
    if (error != NULL && place->error != NULL)
        *place->error = *error;
    end_place(place, error ? -1 : 0);
}

static void place_on_timeout(gee_timer_t *timer) {
    work_place_t *place = GEE_CONTAINER(timer, work_place_t, timer);
    gee_error_set(place->error, GEE_DEADLINE_EXCEEDED, "%.*s: no answer in time", GEE_QUOTED(place->source));
    end_place(place, -1);
}

static void on_stop(gee_watch_t *watch, uint32_t events GEE_UNUSED) {
    end_place(GEE_CONTAINER(watch, work_place_t, stop), 0);
}

static int open_place(work_place_t *place, const char *source, gee_error_t *error) {
    gee_engine_options_t options = { .modules = gee_modules, .limits = { .call_memory = CALL_MEMORY } };
    *place = (work_place_t){ .source = source, .error = error, .stop = { .descriptor = -1, .ready = on_stop } };
    place->timer.fire = place_on_timeout;
    place->registry = gee_registry_for(gee_modules, source, error);
    if (place->registry == NULL || place->registry->check(source, error) != 0)
        return -1;
    options.loop = place->loop = gee_loop_create(NULL, error);
    if (place->loop == NULL)
        return -1;
    options.resolver = place->resolver = gee_work_threads(error);
    if (place->resolver == NULL)
        return -1;
    place->engine = gee_engine_create(&options, error);
    return place->engine ? 0 : -1;
}

static int allocate_state(work_place_t *place, size_t size) {
    place->state = calloc(1, size);
    return place->state ? 0 : gee_error_set(place->error, GEE_RESOURCE_EXHAUSTED, "out of memory");
}

static int set_timeout(work_place_t *place, int64_t timeout_ns) {
    if (timeout_ns <= 0 || gee_timer_start(place->loop, &place->timer, timeout_ns) == 0)
        return 0;
    return gee_error_set(place->error, GEE_RESOURCE_EXHAUSTED, "out of memory");
}

static int run_place(work_place_t *place) {
    while (!place->ended)
        if (gee_loop_once(place->loop, -1) != 0)
            return gee_error_set(place->error, GEE_INTERNAL, "the kernel refuses to wait for events");
    return place->result;
}

static void close_place(work_place_t *place) {
    if (place->loop != NULL) {
        gee_timer_stop(place->loop, &place->timer);
        gee_loop_unwatch(place->loop, &place->stop);
    }
    gee_engine_destroy(&place->engine);
    gee_thread_pool_abandon(&place->resolver);
    gee_loop_destroy(&place->loop);
    free(place->state);
}

/* ---- looking ---- */

static void on_snapshot(void *data, const gee_snapshot_t *snapshot) {
    work_place_t *place = data;
    gee_timer_stop(place->loop, &place->timer);
    if (!place->ended && !place->look->listed(place->look->data, snapshot->servers, snapshot->count, snapshot->version))
        end_place(place, 0);
}

static void on_failure(void *data, const gee_error_t *error) {
    work_place_t *place = data;
    if (!place->ended && !place->look->failed(place->look->data, error))
        end_place(place, 0);
}

static int begin_look(work_place_t *place, const char *source) {
    const gee_registry_look_t *look = place->look;
    gee_watch_options_t options = { .service = look->service,
                                    .refresh_ns = look->refresh_ns > 0 ? look->refresh_ns : REFRESH };
    place->stop.descriptor = look->stop;
    if (allocate_state(place, place->registry->watch_size) != 0 || set_timeout(place, look->timeout_ns) != 0 ||
        (look->stop >= 0 && gee_loop_watch(place->loop, &place->stop, EPOLLIN, place->error) != 0))
        return -1;
    return place->registry->watch(place->state, place->engine, source, &options, on_snapshot, on_failure, place,
                                  place->error);
}

int gee_registry_look(const char *source, const gee_registry_look_t *look, gee_error_t *error) {
    work_place_t place;
    int result = open_place(&place, source, error);
    place.look = look;
    if (result == 0 && (result = begin_look(&place, source)) == 0) {
        result = run_place(&place);
        place.registry->unwatch(place.state);
    }
    close_place(&place);
    return result;
}

/* ---- putting and taking out ---- */

static void on_told(void *data, const gee_error_t *error) {
    end_with(data, error);
}

static int publish_entry(work_place_t *place, const char *source, const gee_registry_server_t *server,
                         int64_t timeout_ns) {
    gee_entry_t entry = {
        .address = server->address, .service = server->service, .weight = server->weight, .ttl_ns = server->ttl_ns
    };
    if (place->registry->publish == NULL)
        return gee_error_set(place->error, GEE_UNIMPLEMENTED, "%.*s: nothing can be put there or taken out",
                             GEE_QUOTED(source));
    if (allocate_state(place, place->registry->publish_size) != 0 || set_timeout(place, timeout_ns) != 0)
        return -1;
    return place->registry->publish(place->state, place->engine, source, &entry, on_told, place, place->error);
}

int gee_registry_put(const char *source, const gee_registry_server_t *server, int64_t timeout_ns, gee_error_t *error) {
    work_place_t place;
    int result = open_place(&place, source, error);
    if (result == 0 && (result = publish_entry(&place, source, server, timeout_ns)) == 0) {
        result = run_place(&place);
        place.registry->abandon(place.state);
    }
    close_place(&place);
    return result;
}

int gee_registry_remove(const char *source, const gee_registry_server_t *server, int64_t timeout_ns,
                        gee_error_t *error) {
    work_place_t place;
    int result = open_place(&place, source, error);
    if (result == 0 && (result = publish_entry(&place, source, server, 0)) == 0) {
        place.registry->withdraw(place.state, timeout_ns > 0 ? timeout_ns : INT64_MAX, on_told, &place);
        result = run_place(&place);
    }
    close_place(&place);
    return result;
}
