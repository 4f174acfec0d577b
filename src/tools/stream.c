/* stream.c: a streaming call of geectl call: a thread reads values and sends them, while this thread prints the
 * replies.
 *
 *   input -> values.c -> sender's thread -> stream -> this thread -> stdout, a line each
 *
 * The sender may sit in read() when the call is over, and is cancelled then. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tools.h"
#include "tools/values.h"

typedef struct sender {
    pthread_t thread;
    gee_client_stream_t *stream;
    values_t values;
    bool one; /* the method takes one message */
    int failed;
} sender_t;

static int send_one(sender_t *sender, const char *json) {
    gee_error_t error;
    switch (gee_client_stream_send(sender->stream, json, -1, &error)) {
    case GEE_STREAM_DONE:
        return 1;
    case GEE_STREAM_FAILED:
        gee_complain("%s: %s", sender->values.name, error.text);
        return -1;
    case GEE_STREAM_END:
    case GEE_STREAM_LATER:
        break;
    }
    return 0;
}

static int send_all(sender_t *sender) {
    const char *json;
    size_t count = 0;
    int result;
    while ((result = gee_values_next(&sender->values, &json)) > 0) {
        if (sender->one && count++ > 0) {
            gee_complain("%s: the method takes one message, and here are several", sender->values.name);
            return -1;
        }
        if ((result = send_one(sender, json)) <= 0)
            return result;
    }
    if (result == 0)
        (void)gee_client_stream_finish(sender->stream, NULL);
    return result;
}

static void *run_sender(void *data) {
    sender_t *sender = data;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL); /* but in read() */
    if (send_all(sender) < 0) {
        sender->failed = 1; /* the join makes this seen */
        gee_client_stream_cancel(sender->stream);
    }
    return NULL;
}

/* -1: standard output takes no more. */
static int print_message(const char *json) {
    char *text = strdup(json);
    if (text == NULL) {
        gee_complain("out of memory");
        return -1;
    }
    gee_print_json(text);
    free(text);
    return fflush(stdout) == 0 ? 0 : -1; /* gee_finish_output() complains */
}

/* Prints messages until the call is over. `verbose`: initial metadata first. */
static int print_all(gee_client_stream_t *stream, bool verbose, gee_error_t *error) {
    gee_streamed_t received;
    const char *json;
    bool first = true;
    while ((received = gee_client_stream_receive(stream, &json, -1, error)) == GEE_STREAM_DONE) {
        if (verbose && first)
            gee_print_metadata("initial", gee_client_stream_received(stream)->initial,
                               gee_client_stream_received(stream)->initial_count);
        first = false;
        if (print_message(json) != 0) {
            gee_client_stream_cancel(stream);
            return GEE_STREAM_FAILED;
        }
    }
    if (verbose)
        gee_print_received(gee_client_stream_received(stream), first);
    return received;
}

int gee_stream_run(gee_client_stream_t *stream, const char *argument, bool one, bool verbose) {
    sender_t sender = { .stream = stream, .one = one };
    gee_error_t error = { .code = GEE_UNAVAILABLE };
    if (gee_values_open(&sender.values, argument) != 0)
        return EXIT_USAGE;
    int failure = pthread_create(&sender.thread, NULL, run_sender, &sender);
    if (failure != 0) {
        gee_values_close(&sender.values);
        return gee_complain("cannot start a thread: %s", strerror(failure));
    }
    int received = print_all(stream, verbose, &error);
    (void)pthread_cancel(sender.thread);
    pthread_join(sender.thread, NULL);
    gee_values_close(&sender.values);
    if (sender.failed || ferror(stdout))
        return EXIT_USAGE;
    return received == GEE_STREAM_END ? EXIT_REPLY : gee_report_error(&error);
}
