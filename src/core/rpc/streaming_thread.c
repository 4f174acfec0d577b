/* streaming_thread.c: a GEE_BLOCKING handler of a streaming call, and the loop: messages go over in one buffer, under a
 * lock.
 *
 *   pool thread: GEE_SEND -> encoded -> [ lock: waiting ] -> task -> loop: gee_flow_send()
 *                   '-- waits while there is no room <-- signal -- room(), flush, over
 *
 * The buffers have a cache of their own, which the lock guards, too. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/dispatch_private.h"

#define KEPT_BYTES (64 * GEE_KIB)

struct gee_streaming_thread {
    gee_streaming_call_t *streaming;
    pthread_mutex_t lock;
    pthread_cond_t room;
    gee_buf_cache_t *cache;
    gee_inbox_t waiting; /* messages: 4 bytes of length, and the encoded body */
    bool posted;         /* send_task is on its way */
    bool full;           /* the loop has found no room */
    bool over;
    gee_code_t refusal; /* a message could not be sent; GEE_OK: none */
    gee_job_t job;
    void (*run)(gee_call_t *call);
    void (*ran)(gee_call_t *call);
    gee_task_t ran_task;
    void (*sent)(gee_call_t *call);
    gee_task_t send_task;
};

static gee_loop_t *loop_of(const gee_streaming_thread_t *thread) {
    return thread->streaming->call.engine->loop;
}

static void on_sent(gee_task_t *task) {
    gee_streaming_thread_t *thread = GEE_CONTAINER(task, gee_streaming_thread_t, send_task);
    gee_streaming_call_t *streaming = thread->streaming;
    pthread_mutex_lock(&thread->lock);
    thread->posted = false;
    pthread_mutex_unlock(&thread->lock);
    thread->sent(&streaming->call);
}

static void on_ran(gee_task_t *task) {
    gee_streaming_thread_t *thread = GEE_CONTAINER(task, gee_streaming_thread_t, ran_task);
    thread->ran(&thread->streaming->call);
}

static void run_job(gee_job_t *job) {
    gee_streaming_thread_t *thread = GEE_CONTAINER(job, gee_streaming_thread_t, job);
    gee_loop_t *loop = loop_of(thread);
    thread->run(&thread->streaming->call);
    gee_loop_post(loop, &thread->ran_task);
}

gee_streaming_thread_t *gee_streaming_thread_create(gee_streaming_call_t *streaming, void (*sent)(gee_call_t *call)) {
    gee_streaming_thread_t *thread = calloc(1, sizeof(*thread));
    if (thread == NULL || (thread->cache = gee_buf_cache_create(KEPT_BYTES)) == NULL) {
        free(thread);
        return NULL;
    }
    thread->streaming = streaming;
    thread->sent = sent;
    pthread_mutex_init(&thread->lock, NULL);
    pthread_cond_init(&thread->room, NULL);
    gee_inbox_init(&thread->waiting, thread->cache);
    thread->ran_task.run = on_ran;
    thread->send_task.run = on_sent;
    thread->job.run = run_job;
    return thread;
}

/* Precondition: no handler runs. */
void gee_streaming_thread_destroy(gee_streaming_thread_t **handle) {
    gee_streaming_thread_t *thread = *handle;
    if (thread == NULL)
        return;
    *handle = NULL;
    GEE_ASSERT(!thread->posted);
    gee_inbox_clear(&thread->waiting);
    gee_buf_cache_destroy(&thread->cache);
    pthread_cond_destroy(&thread->room);
    pthread_mutex_destroy(&thread->lock);
    free(thread);
}

int gee_streaming_thread_run(gee_streaming_thread_t *thread, void (*run)(gee_call_t *call),
                             void (*ran)(gee_call_t *call)) {
    thread->run = run;
    thread->ran = ran;
    return gee_thread_pool_submit(thread->streaming->call.engine->threads, &thread->job) ? 0 : -1;
}

bool gee_streaming_thread_cancel(gee_streaming_thread_t *thread) {
    return gee_thread_pool_cancel(thread->streaming->call.engine->threads, &thread->job);
}

bool gee_streaming_thread_is_posted(gee_streaming_thread_t *thread) {
    pthread_mutex_lock(&thread->lock);
    bool posted = thread->posted;
    pthread_mutex_unlock(&thread->lock);
    return posted;
}

void gee_streaming_thread_over(gee_streaming_thread_t *thread) {
    pthread_mutex_lock(&thread->lock);
    thread->over = true;
    pthread_cond_broadcast(&thread->room);
    pthread_mutex_unlock(&thread->lock);
}

void gee_streaming_thread_room(gee_streaming_thread_t *thread) {
    pthread_mutex_lock(&thread->lock);
    thread->full = false;
    pthread_mutex_unlock(&thread->lock);
    (void)gee_streaming_thread_flush(thread);
}

/* ---- sending ---- */

/* The first message that waits; under the lock, as its bytes lie in the shared buffer. */
static gee_sent_t send_first(gee_streaming_thread_t *thread, gee_error_t *error) {
    gee_flow_t *flow = &thread->streaming->flow;
    uint32_t length;
    memcpy(&length, gee_inbox_bytes(&thread->waiting), sizeof(length));
    const gee_payload_t payload = { .kind = GEE_PAYLOAD_BYTES,
                                    .codec = flow->codec,
                                    .bytes = gee_inbox_bytes(&thread->waiting) + sizeof(length),
                                    .length = length };
    gee_sent_t sent = gee_flow_send(flow, &payload, error);
    gee_inbox_consume(&thread->waiting, sizeof(length) + length);
    return sent;
}

static gee_error_t send_waiting(gee_streaming_thread_t *thread) {
    gee_error_t error = { .code = GEE_OK };
    while (!thread->full && !thread->over && gee_inbox_length(&thread->waiting) > 0) {
        gee_sent_t sent = send_first(thread, &error);
        thread->full = sent == GEE_SENT_FULL;
        thread->over = sent == GEE_SEND_ENDED;
    }
    if (!thread->full || thread->over)
        pthread_cond_broadcast(&thread->room);
    return error;
}

bool gee_streaming_thread_flush(gee_streaming_thread_t *thread) {
    gee_call_t *call = &thread->streaming->call;
    if (call->said != NULL && !call->said->initial_sent && call->session != NULL)
        gee_call_write_metadata(call);
    pthread_mutex_lock(&thread->lock);
    gee_error_t error = send_waiting(thread);
    bool flushed = gee_inbox_length(&thread->waiting) == 0 || thread->over;
    pthread_mutex_unlock(&thread->lock);
    if (error.code != GEE_OK && !call->answered)
        gee_fail(call, error.code, error.text);
    return flushed;
}

static int encode(gee_streaming_thread_t *thread, const gee_type_t *type, const void *message) {
    gee_error_t error;
    gee_chain_t chain;
    size_t space;
    int result = -1;
    gee_chain_init(&chain, thread->cache);
    if (thread->streaming->flow.codec->encode(NULL, type, message, &chain, &error) == 0 && chain.length <= UINT32_MAX) {
        uint32_t length = (uint32_t)chain.length;
        uint8_t *place = gee_inbox_space(&thread->waiting, sizeof(length) + chain.length, &space);
        if (place != NULL) {
            memcpy(place, &length, sizeof(length));
            gee_chain_copy(&chain, place + sizeof(length), chain.length);
            gee_inbox_filled(&thread->waiting, sizeof(length) + chain.length);
            result = 0;
        }
    }
    gee_chain_clear(&chain);
    if (result != 0)
        gee_fail(&thread->streaming->call, GEE_INTERNAL, "rpc server: a message could not be written");
    return result;
}

gee_sent_t gee_streaming_thread_send(gee_streaming_thread_t *thread, const gee_type_t *type, const void *message) {
    bool post = false, sent = false;
    pthread_mutex_lock(&thread->lock);
    while (!thread->over && (thread->full || gee_inbox_length(&thread->waiting) >= GEE_FLOW_WINDOW))
        pthread_cond_wait(&thread->room, &thread->lock);
    if (!thread->over && !gee_call_has_finished(&thread->streaming->call))
        sent = encode(thread, type, message) == 0;
    if (sent && !thread->posted)
        post = thread->posted = true;
    pthread_mutex_unlock(&thread->lock);
    if (post)
        gee_loop_post(loop_of(thread), &thread->send_task);
    return sent ? GEE_SENT : GEE_SEND_ENDED;
}
