/* operation.c: a dial or a call, from its start on the caller's thread to its outcome there.
 *
 *   create -> post -> (loop) begin -> types? -> send -> done, time over, or loss -> end -> wait returns
 *
 * It has two references: the caller's, given back when wait has returned, and the loop's, given back when it ends. So
 * nothing that the loop holds is on a caller's stack. */
#include "client/client.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"

/* ---- on the caller's thread ---- */

typedef __typeof__(*((gee_metadata_t *)0)->items) metadata_item_t;

/* What the strings behind the structure take; -1 when there are more than memory can hold. */
static int extra_size(size_t method, size_t arguments, const gee_call_options_t *options, size_t *extra) {
    size_t total = 0;
    bool overflow = __builtin_mul_overflow(options->metadata_count, sizeof(metadata_item_t), &total);
    overflow |= __builtin_add_overflow(total, method + 1, &total);
    overflow |= __builtin_add_overflow(total, arguments + 1, &total);
    for (size_t i = 0; i < options->metadata_count && !overflow; i++) {
        overflow |= __builtin_add_overflow(total, strlen(options->metadata[i].key) + 1, &total);
        overflow |= __builtin_add_overflow(total, strlen(options->metadata[i].value) + 1, &total);
    }
    overflow |= __builtin_add_overflow(total, sizeof(gee_operation_t), extra);
    return overflow ? -1 : 0;
}

static gee_str_t place(char **at, const char *text) {
    size_t length = strlen(text);
    gee_str_t copy = { .data = *at, .length = length };
    memcpy(*at, text, length + 1);
    *at += length + 1;
    return copy;
}

static void begin(gee_task_t *task);
static void expired(gee_timer_t *timer);

static int init_waiting(gee_operation_t *operation) {
    if (pthread_mutex_init(&operation->lock, NULL) != 0)
        return -1;
    if (pthread_cond_init(&operation->changed, NULL) != 0) {
        pthread_mutex_destroy(&operation->lock);
        return -1;
    }
    return 0;
}

gee_operation_t *gee_operation_create(gee_client_t *client, const char *method, const char *arguments,
                                      const gee_call_options_t *options, gee_error_t *error) {
    size_t size;
    if (extra_size(method ? strlen(method) : 0, strlen(arguments), options, &size) != 0)
        size = SIZE_MAX;
    gee_operation_t *operation = size < SIZE_MAX ? malloc(size) : NULL;
    if (operation == NULL)
        goto fail;
    memset(operation, 0, sizeof(*operation));
    if (init_waiting(operation) != 0)
        goto fail;
    operation->references = 1;
    operation->client = client;
    operation->begin.run = begin;
    operation->timer.fire = expired;
    operation->started_ns = gee_clock_monotonic();
    operation->timeout_ns = options->timeout_ns > 0 ? options->timeout_ns : 0;
    metadata_item_t *items = (void *)(operation + 1);
    char *at = (char *)(items + options->metadata_count);
    operation->metadata.count = options->metadata_count;
    if (options->metadata_count > 0)
        operation->metadata.items = (void *)items;
    for (size_t i = 0; i < options->metadata_count; i++) {
        items[i].key = place(&at, options->metadata[i].key);
        items[i].value = place(&at, options->metadata[i].value);
    }
    if (method != NULL)
        operation->method = place(&at, method);
    operation->arguments = place(&at, arguments);
    return operation;
fail:
    free(operation);
    gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    return NULL;
}

void gee_operation_release(gee_operation_t **handle) {
    gee_operation_t *operation = *handle;
    *handle = NULL;
    if (operation == NULL || atomic_fetch_sub_explicit(&operation->references, 1, memory_order_acq_rel) > 1)
        return;
    pthread_cond_destroy(&operation->changed);
    pthread_mutex_destroy(&operation->lock);
    free(operation->reply);
    free(operation);
}

void gee_operation_post(gee_operation_t *operation) {
    atomic_fetch_add_explicit(&operation->references, 1, memory_order_relaxed);
    gee_loop_post(operation->client->runtime->loop, &operation->begin);
}

int gee_operation_wait(gee_operation_t *operation, char **reply, gee_error_t *error) {
    int cancellable;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellable); /* a thread must not vanish with our lock */
    pthread_mutex_lock(&operation->lock);
    while (!operation->ended)
        pthread_cond_wait(&operation->changed, &operation->lock);
    pthread_mutex_unlock(&operation->lock);
    pthread_setcancelstate(cancellable, NULL);
    if (operation->failed) {
        if (error != NULL)
            *error = operation->error;
        return -1;
    }
    if (reply != NULL) {
        *reply = operation->reply;
        operation->reply = NULL;
    }
    return 0;
}

/* ---- on the loop's thread: the end ---- */

static void end(gee_operation_t *operation) {
    gee_timer_stop(operation->client->runtime->loop, &operation->timer);
    gee_types_let_go(operation);
    gee_list_remove(&operation->link);
    pthread_mutex_lock(&operation->lock);
    operation->ended = true;
    pthread_cond_signal(&operation->changed);
    pthread_mutex_unlock(&operation->lock);
    gee_operation_release(&operation);
}

void gee_operation_succeed(gee_operation_t *operation, char *reply) {
    operation->reply = reply;
    end(operation);
}

/* "tcp@127.0.0.1:1: connect: Connection refused (0.2 ms)"; the event loop's causes have all but the time already. */
void gee_operation_error(const gee_operation_t *operation, gee_phase_t phase, const gee_error_t *cause,
                         gee_error_t *error) {
    const char *address = operation->client->addr.text;
    int64_t elapsed = gee_clock_monotonic() - operation->started_ns;
    double milliseconds = (double)elapsed / (double)GEE_MILLISECOND;
    if (cause->phase != GEE_PHASE_NONE)
        phase = cause->phase;
    if (cause->from_peer || phase == GEE_PHASE_NONE)
        *error = *cause;
    else if (gee_str_starts_with(gee_str(cause->text), gee_str(address)))
        gee_error_set(error, cause->code, "%s (%.1f ms)", cause->text, milliseconds);
    else
        gee_error_set(error, cause->code, "%s: %s: %s (%.1f ms)", address, gee_phase_name(phase), cause->text,
                      milliseconds);
    error->phase = cause->from_peer ? GEE_PHASE_NONE : phase;
    error->elapsed_ns = elapsed;
}

void gee_operation_fail(gee_operation_t *operation, gee_phase_t phase, const gee_error_t *cause) {
    if (operation->call != NULL) {
        gee_session_forget(operation->client->session, operation->call);
        gee_call_release(operation->call);
        operation->call = NULL;
    }
    gee_operation_error(operation, phase, cause, &operation->error);
    operation->failed = true;
    end(operation);
}

void gee_operation_fail_all(gee_client_t *client, gee_phase_t phase, const gee_error_t *cause) {
    gee_link_t *link;
    while ((link = gee_list_first(&client->operations)) != NULL)
        gee_operation_fail(GEE_CONTAINER(link, gee_operation_t, link), phase, cause);
}

/* ---- on the loop's thread: on its way ---- */

/* To three digits: a caller that gives what is left of a time gives nanoseconds that nobody wants to read. */
static int64_t rounded(int64_t duration) {
    int64_t scale = 1;
    while (duration / scale >= 1000)
        scale *= 10;
    return gee_time_add(duration, scale / 2) / scale * scale;
}

static void time_is_over(gee_operation_t *operation, gee_phase_t phase) {
    gee_error_t error;
    char text[GEE_DURATION_TEXT];
    gee_error_set(&error, GEE_DEADLINE_EXCEEDED, phase == GEE_PHASE_SEND ? "not sent within %s" : "no reply within %s",
                  gee_format_duration(text, rounded(operation->timeout_ns)));
    gee_operation_fail(operation, phase, &error);
}

static void expired(gee_timer_t *timer) {
    gee_operation_t *operation = GEE_CONTAINER(timer, gee_operation_t, timer);
    time_is_over(operation, GEE_PHASE_WAIT);
}

static void fail_done(gee_operation_t *operation, const gee_call_t *call, const gee_status_t *status) {
    gee_error_t error;
    gee_error_set(&error, status->code, "%.*s", GEE_STR_ARGUMENTS(status->text));
    if (gee_from_peer(call)) {
        error.from_peer = true;
        gee_operation_fail(operation, GEE_PHASE_NONE, &error);
        return;
    }
    gee_phase_t phase = gee_connection_phase(operation->client, operation->request_end);
    if (status->code == GEE_DEADLINE_EXCEEDED)
        time_is_over(operation, phase);
    else
        gee_operation_fail(operation, phase, &error);
}

static void done(gee_call_t *call, const gee_status_t *status, const gee_payload_t *payload, void *data) {
    gee_operation_t *operation = data;
    operation->call = NULL;
    if (status->code != GEE_OK) {
        fail_done(operation, call, status);
    } else {
        gee_error_t error;
        char *reply = gee_text_write(operation->client, payload, operation->types ? operation->types->reply : NULL,
                                     call->pool, &error);
        if (reply != NULL) {
            gee_operation_succeed(operation, reply);
        } else {
            gee_error_prefix(&error, operation->types ? "the reply is not what was described: "
                                                      : "the reply has no form in JSON: ");
            gee_operation_fail(operation, GEE_PHASE_WAIT, &error);
        }
    }
    gee_call_release(call);
}

/* What to send; -1 when the text does not fit the type. */
static int make_payload(const gee_operation_t *operation, gee_pool_t *pool, gee_payload_t *payload,
                        gee_error_t *error) {
    const gee_client_t *client = operation->client;
    if (client->codec->types_on_wire) {
        *payload = (gee_payload_t){ .kind = GEE_PAYLOAD_VALUE };
        payload->value = gee_text_read_value(client, operation->arguments, pool, error);
        return payload->value ? 0 : -1;
    }
    if (operation->types == NULL) {
        *payload = (gee_payload_t){ .kind = GEE_PAYLOAD_BYTES,
                                    .codec = client->json,
                                    .bytes = (const uint8_t *)operation->arguments.data,
                                    .length = operation->arguments.length };
        return 0;
    }
    const gee_type_t *type = operation->types->argument;
    *payload = (gee_payload_t){ .kind = GEE_PAYLOAD_TYPED, .type = type };
    payload->typed = gee_text_read(client, operation->arguments, type, pool, error);
    return payload->typed ? 0 : -1;
}

/* What remains of the operation's time goes to the call. False: nothing does. */
static bool hand_over_timeout(gee_operation_t *operation, gee_call_t *call) {
    gee_loop_t *loop = operation->client->runtime->loop;
    gee_timer_stop(loop, &operation->timer);
    if (operation->timeout_ns == 0)
        return true;
    call->timeout_ns = gee_time_add(operation->started_ns, operation->timeout_ns) - gee_loop_now(loop);
    return call->timeout_ns > 0;
}

void gee_operation_send(gee_operation_t *operation) {
    gee_client_t *client = operation->client;
    gee_payload_t payload;
    gee_error_t error;
    gee_phase_t phase = GEE_PHASE_NONE;
    gee_call_t *call = gee_call_create(client->runtime->engine);
    if (call == NULL) {
        gee_error_set(&error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        gee_operation_fail(operation, GEE_PHASE_SEND, &error);
        return;
    }
    if (!hand_over_timeout(operation, call)) {
        gee_call_release(call);
        time_is_over(operation, GEE_PHASE_SEND);
        return;
    }
    call->method_name = operation->method;
    call->metadata = operation->metadata;
    call->codec = client->codec;
    call->done = done;
    call->done_data = operation;
    if (make_payload(operation, call->pool, &payload, &error) != 0)
        goto fail;
    if (gee_session_call(client->session, call, &payload, &error) != 0) {
        if (error.code == GEE_UNAVAILABLE)
            phase = GEE_PHASE_SEND;
        else
            gee_error_prefix(&error, "arguments: "); /* which the codec refuses */
        goto fail;
    }
    operation->call = call;
    gee_stream_t *stream = client->session->stream;
    operation->request_end = gee_stream_bytes_sent(stream) + gee_stream_queued(stream);
    return;
fail:
    gee_call_release(call);
    gee_operation_fail(operation, phase, &error);
}

static void begin(gee_task_t *task) {
    gee_operation_t *operation = GEE_CONTAINER(task, gee_operation_t, begin);
    gee_client_t *client = operation->client;
    gee_list_append(&client->operations, &operation->link);
    if (operation->method.data == NULL) {
        gee_connection_open(client, operation);
        return;
    }
    if (client->state != GEE_CONNECTION_READY) {
        gee_operation_fail(operation, GEE_PHASE_SEND, &client->close_reason);
        return;
    }
    if (client->codec == client->json || client->codec->types_on_wire) {
        gee_operation_send(operation);
        return;
    }
    if (operation->timeout_ns > 0 &&
        gee_timer_start_at(client->runtime->loop, &operation->timer,
                           gee_time_add(operation->started_ns, operation->timeout_ns)) != 0) {
        gee_error_t error;
        gee_error_set(&error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        gee_operation_fail(operation, GEE_PHASE_SEND, &error);
        return;
    }
    gee_types_want(operation);
}
