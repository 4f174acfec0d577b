/* publish.c: keeps one entry in a registry: posted, posted again well before its time is over, deleted in the end.
 *
 *   POST --ok--> a third of its time -> POST ...          withdraw: the POST in flight is awaited, so that the
 *     '--failed-> a pause that grows -> POST ...               registry does not see it last -> DELETE -> done() */
#include "http.h"

#include <stdio.h>
#include <string.h>

#define TTL           (300 * GEE_SECOND)      /* GeeRPC's default */
#define LONGEST_PAUSE (10 * GEE_SECOND)       /* while posting fails */
#define LEAST_PAUSE   (100 * GEE_MILLISECOND) /* the least pause, whatever the registry says */
#define CHUNK         1024
#define SERVICE       "X-Geerpc-Service"

static gee_loop_t *loop_of(const gee_http_publish_t *publish) {
    return gee_engine_loop(publish->source.engine);
}

void gee_http_abandon(void *state) {
    gee_http_publish_t *publish = state;
    gee_http_cancel(&publish->call);
    gee_timer_stop(loop_of(publish), &publish->timer);
    gee_loop_undefer(&publish->leave_task);
    gee_http_source_close(&publish->source);
    gee_pool_destroy(&publish->pool);
}

/* ---- leaving ---- */

/* The state belongs to the caller again when done() is called. */
static void end_publish(gee_http_publish_t *publish, const gee_error_t *error) {
    void (*done)(void *, const gee_error_t *) = publish->done;
    void *data = publish->done_data;
    gee_http_abandon(publish);
    done(data, error);
}

/* Not every registry says whether there was an entry. */
static int check_was_there(const gee_http_publish_t *publish, const gee_http_message_t *response, gee_error_t *error) {
    gee_str_t address = publish->headers[0].value, service = GEE_STR("");
    if (!gee_str_equal(gee_http_header(response, "X-Geerpc-Removed"), GEE_STR("0")))
        return 0;
    if (publish->header_count > 1 && gee_str_equal(publish->headers[1].name, GEE_STR(SERVICE)))
        service = publish->headers[1].value;
    gee_error_set(error, GEE_NOT_FOUND, "%.*s: there is no entry %.*s %s%.*s", GEE_QUOTED(publish->source.url),
                  GEE_STR_ARGUMENTS(address), service.length > 0 ? "of service " : "without a service",
                  GEE_STR_ARGUMENTS(service));
    error->phase = GEE_PHASE_WAIT;
    return -1;
}

static void on_deleted(void *data, const gee_http_message_t *response, const gee_error_t *failure) {
    gee_http_publish_t *publish = data;
    gee_error_t error;
    publish->call = NULL;
    if (response != NULL && (response->status == 405 || response->status == 501)) {
        gee_error_set(&error, GEE_UNIMPLEMENTED,
                      "%.*s: the registry takes no DELETE: it forgets the server when its time is over",
                      GEE_QUOTED(publish->source.url));
        error.phase = GEE_PHASE_WAIT;
        end_publish(publish, &error);
        return;
    }
    bool left = gee_http_source_accepted(&publish->source, response, failure, &error) == 0 &&
                check_was_there(publish, response, &error) == 0;
    end_publish(publish, left ? NULL : &error);
}

static void run_leave(gee_task_t *task) {
    gee_http_publish_t *publish = GEE_CONTAINER(task, gee_http_publish_t, leave_task);
    gee_error_t error;
    gee_http_ask_t ask = { .method = "DELETE",
                           .headers = publish->headers,
                           .header_count = publish->header_count,
                           .timeout_ns = publish->leave_deadline_ns - gee_loop_now(loop_of(publish)) };
    if (ask.timeout_ns <= 0)
        ask.timeout_ns = 1;
    publish->call = gee_http_source_ask(&publish->source, &ask, on_deleted, publish, &error);
    if (publish->call == NULL)
        end_publish(publish, &error);
}

static void leave_in_vain(gee_http_publish_t *publish) {
    gee_error_t error;
    gee_error_set(&error, GEE_DEADLINE_EXCEEDED, "%.*s: the registry does not answer in time",
                  GEE_QUOTED(publish->source.url));
    end_publish(publish, &error);
}

void gee_http_withdraw(void *state, int64_t patience_ns, void (*done)(void *data, const gee_error_t *error),
                       void *data) {
    gee_http_publish_t *publish = state;
    publish->leaving = true;
    publish->done = done;
    publish->done_data = data;
    publish->leave_deadline_ns = gee_time_add(gee_loop_now(loop_of(publish)), patience_ns > 0 ? patience_ns : 0);
    if (gee_timer_start_at(loop_of(publish), &publish->timer, publish->leave_deadline_ns) != 0)
        gee_http_cancel(&publish->call); /* nothing else would end the wait for the answer */
    if (publish->call == NULL)
        gee_loop_defer(loop_of(publish), &publish->leave_task);
}

/* ---- posting ---- */

static void post_in(gee_http_publish_t *publish, int64_t delay_ns) {
    (void)gee_timer_start(loop_of(publish), &publish->timer, delay_ns);
}

/* The registry may give a shorter time than asked for. A longer time does not make the posts rarer: a wrong answer must
 * not end the refreshing. */
static void set_interval(gee_http_publish_t *publish, const gee_http_message_t *response) {
    int64_t ttl_ns = publish->ttl_ns > 0 ? publish->ttl_ns : TTL, given_ns;
    gee_str_t given = response ? gee_http_header(response, "X-Geerpc-Ttl") : GEE_STR("");
    if (gee_parse_duration(given, &given_ns) == 0 && given_ns > 0 && given_ns < ttl_ns)
        ttl_ns = given_ns;
    publish->interval_ns = ttl_ns / 3 > LEAST_PAUSE ? ttl_ns / 3 : LEAST_PAUSE;
}

/* The callback comes last: it may end the publishing. */
static void settle(gee_http_publish_t *publish, const gee_error_t *error) {
    int before = (int)publish->standing;
    publish->standing = error == NULL ? GEE_HTTP_PUBLISHED : GEE_HTTP_MISSING;
    if (error == NULL) {
        publish->back_off.last_ns = 0;
        post_in(publish, gee_jitter(publish->interval_ns, &publish->source.random));
    } else {
        post_in(publish,
                gee_back_off_next(&publish->back_off, GEE_HTTP_REGISTRY_RETRY, LONGEST_PAUSE, &publish->source.random));
    }
    if ((int)publish->standing != before)
        publish->told(publish->data, error);
}

static void on_posted(void *data, const gee_http_message_t *response, const gee_error_t *failure) {
    gee_http_publish_t *publish = data;
    gee_error_t error;
    publish->call = NULL;
    if (publish->leaving) {
        run_leave(&publish->leave_task);
        return;
    }
    bool accepted = gee_http_source_accepted(&publish->source, response, failure, &error) == 0;
    if (accepted)
        set_interval(publish, response);
    settle(publish, accepted ? NULL : &error);
}

/* A request that hangs leaves time for another one. */
static int64_t patience(const gee_http_publish_t *publish) {
    int64_t interval_ns = publish->interval_ns > GEE_SECOND ? publish->interval_ns : GEE_SECOND;
    return interval_ns < GEE_HTTP_REGISTRY_PATIENCE ? interval_ns : GEE_HTTP_REGISTRY_PATIENCE;
}

static void publish_on_timer(gee_timer_t *timer) {
    gee_http_publish_t *publish = GEE_CONTAINER(timer, gee_http_publish_t, timer);
    gee_error_t error;
    gee_http_ask_t ask = { .method = "POST",
                           .headers = publish->headers,
                           .header_count = publish->header_count,
                           .timeout_ns = patience(publish) };
    if (publish->leaving) {
        leave_in_vain(publish);
        return;
    }
    publish->call = gee_http_source_ask(&publish->source, &ask, on_posted, publish, &error);
    if (publish->call == NULL)
        settle(publish, &error);
}

/* ---- the entry ---- */

static int add_header(gee_http_publish_t *publish, gee_str_t name, const char *value, gee_error_t *error) {
    gee_str_t copy = gee_pool_str(publish->pool, gee_str(value));
    if (copy.data == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%.*s: out of memory", GEE_QUOTED(publish->source.url));
    for (size_t i = 0; i < copy.length; i++)
        if ((unsigned char)copy.data[i] <= ' ' || copy.data[i] == 0x7f || copy.data[i] == ',')
            return gee_error_set(error, GEE_INVALID_ARGUMENT, "\"%.*s\": a registry's %.*s has no spaces or commas",
                                 GEE_QUOTED(value), GEE_STR_ARGUMENTS(name));
    publish->headers[publish->header_count++] = (gee_http_header_t){ .name = name, .value = copy };
    return 0;
}

static int add_headers(gee_http_publish_t *publish, const gee_entry_t *entry, gee_error_t *error) {
    char text[GEE_DURATION_TEXT];
    if (add_header(publish, GEE_STR("X-Geerpc-Server"), entry->address, error) != 0)
        return -1;
    if (entry->service != NULL && add_header(publish, GEE_STR(SERVICE), entry->service, error) != 0)
        return -1;
    snprintf(text, sizeof(text), "%u", entry->weight);
    if (entry->weight > 0 && add_header(publish, GEE_STR("X-Geerpc-Weight"), text, error) != 0)
        return -1;
    if (entry->ttl_ns > 0 &&
        add_header(publish, GEE_STR("X-Geerpc-Ttl"), gee_format_duration(text, entry->ttl_ns), error) != 0)
        return -1;
    return 0;
}

int gee_http_publish(void *state, gee_engine_t *engine, const char *source, const gee_entry_t *entry,
                     void (*told)(void *data, const gee_error_t *error), void *data, gee_error_t *error) {
    gee_http_publish_t *publish = state;
    gee_addr_t addr;
    publish->told = told;
    publish->data = data;
    publish->ttl_ns = entry->ttl_ns;
    set_interval(publish, NULL);
    publish->timer.fire = publish_on_timer;
    publish->leave_task.run = run_leave;
    if (gee_http_source_open(&publish->source, engine, source, error) != 0 ||
        gee_addr_parse(entry->address, &addr, error) != 0)
        goto fail;
    publish->pool = gee_pool_create(CHUNK);
    if (publish->pool == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%.*s: out of memory", GEE_QUOTED(source));
        goto fail;
    }
    if (add_headers(publish, entry, error) != 0)
        goto fail;
    if (gee_timer_start(gee_engine_loop(engine), &publish->timer, 0) == 0)
        return 0;
    gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%.*s: out of memory", GEE_QUOTED(source));
fail:
    gee_http_abandon(publish);
    return -1;
}
