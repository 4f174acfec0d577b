/* load_stream.c: the load of geectl bench --stream: a stream on each connection.
 *
 *   both ways:       at most --depth messages wait for their replies, the n-th reply is that of the n-th message; timed
 *   from the client: messages one after another, as far as there is room; counted when taken
 *   from the server: counted when received; a stream that has ended well is opened anew
 *
 * All on the thread of the connection: its runtime is manual. */
#include "tools/load_private.h"

#define AT_ONCE 1000 /* messages of one stream, before the others have their turn */

static void end_stream(lane_t *lane, const gee_error_t *error, int64_t now) {
    worker_t *worker = lane->worker;
    bool ended_early = lane->waiting > 0;
    if (lane->finished && worker->load->who.client && !worker->load->who.server)
        worker->in_flight--; /* the wait for the reply */
    gee_load_stream_count_unanswered(lane, error, now);
    if (error->code != GEE_OK && !ended_early) {
        gee_load_count(worker, now, error, now);
        if (now >= worker->load->begin && worker->left > 0)
            worker->left--; /* so that --count ends a bench without any message */
    }
    gee_client_stream_release(&lane->stream);
    if (error->code != GEE_OK)
        gee_load_judge(lane, error);
}

void gee_load_stream_count_unanswered(lane_t *lane, const gee_error_t *error, int64_t now) {
    static const gee_error_t ended = { .code = GEE_UNKNOWN,
                                       .text = "the stream ended before the reply",
                                       .from_peer = true };
    for (; lane->waiting > 0; lane->waiting--, lane->worker->in_flight--) {
        gee_load_count(lane->worker, lane->slots[lane->oldest % lane->worker->load->depth].due,
                       error->code != GEE_OK ? error : &ended, now);
        lane->oldest++;
    }
}

/* A reply. */
static void count_received(lane_t *lane, int64_t now) {
    worker_t *worker = lane->worker;
    const load_t *load = worker->load;
    if (!load->who.client) {
        if (gee_load_may_begin(worker, now))
            gee_load_count_message(worker, now);
        return;
    }
    if (!load->who.server || lane->waiting == 0)
        return;
    lane->waiting--;
    worker->in_flight--;
    gee_load_count(worker, lane->slots[lane->oldest++ % load->depth].due, NULL, now);
}

/* False: the stream is over. */
static bool receive_all(lane_t *lane) {
    gee_error_t error = { .code = GEE_OK };
    const char *json;
    for (int i = 0; i < AT_ONCE; i++) {
        switch (gee_client_stream_receive(lane->stream, &json, 0, &error)) {
        case GEE_STREAM_DONE:
            count_received(lane, gee_now());
            break;
        case GEE_STREAM_LATER:
            return true;
        case GEE_STREAM_END:
            error.code = GEE_OK;
            end_stream(lane, &error, gee_now());
            return false;
        case GEE_STREAM_FAILED:
            end_stream(lane, &error, gee_now());
            return false;
        }
    }
    return true; /* the thread's loop goes on with this one */
}

static void count_sent(lane_t *lane, int64_t now) {
    worker_t *worker = lane->worker;
    const load_t *load = worker->load;
    if (!load->who.client) {
        lane->finished = true;
        (void)gee_client_stream_finish(lane->stream, NULL);
    } else if (!load->who.server) {
        gee_load_count_message(worker, now);
    } else {
        lane->slots[(lane->oldest + lane->waiting++) % load->depth].due = now;
        worker->in_flight++;
        if (now >= load->begin)
            worker->left--;
    }
}

static void send_on(lane_t *lane) {
    worker_t *worker = lane->worker;
    const load_t *load = worker->load;
    int64_t now = gee_now();
    for (int i = 0; i < AT_ONCE && !lane->finished && gee_load_may_begin(worker, now); i++, now = gee_now()) {
        if (load->who.client && load->who.server && lane->waiting == load->depth)
            return;
        gee_error_t error;
        gee_streamed_t sent = gee_client_stream_send(lane->stream, load->json, 0, &error);
        if (sent == GEE_STREAM_FAILED) { /* no JSON: of no use to try again */
            worker->refused = true;
            worker->error = error;
            atomic_store(&worker->load->stop, true);
        }
        if (sent != GEE_STREAM_DONE)
            return; /* the end is received, room is told */
        count_sent(lane, now);
    }
}

static void on_ready(gee_client_stream_t *stream, unsigned events, void *data) {
    lane_t *lane = data;
    (void)events;
    if (stream == lane->stream && !lane->worker->closing && receive_all(lane))
        send_on(lane);
}

static void open_stream(lane_t *lane) {
    const load_t *load = lane->worker->load;
    const gee_client_stream_options_t options = {
        .size = sizeof(options), .call = &load->options, .ready = on_ready, .data = lane
    };
    gee_error_t error;
    lane->finished = false;
    lane->stream = gee_client_stream_open(lane->client, load->arguments->items[1], &options, &error);
    if (lane->stream == NULL) {
        gee_load_count(lane->worker, gee_now(), &error, gee_now());
        gee_load_judge(lane, &error);
    }
}

void gee_load_stream_go(lane_t *lane) {
    if (lane->stream == NULL)
        open_stream(lane);
    if (lane->stream != NULL && receive_all(lane))
        send_on(lane);
}

void gee_load_stream_finish(lane_t *lane) {
    const load_t *load = lane->worker->load;
    if (lane->stream == NULL || lane->finished)
        return;
    lane->finished = true;
    if (load->who.client && !load->who.server)
        lane->worker->in_flight++;
    if (load->who.client)
        (void)gee_client_stream_finish(lane->stream, NULL);
}
