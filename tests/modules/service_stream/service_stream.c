/* service_stream.c: streaming methods of every kind, each on the loop and, where the name says so, on the pool.
 *
 *   List, ListBlocking        the numbers From to To, one message each
 *   Sum, SumBlocking          the sum of the caller's numbers
 *   Double, DoubleBlocking    twice each number, as the numbers come
 *   Echo                      each text, as the texts come
 *   Chat                      what one caller says every other caller of this worker hears
 *   Hold, Release             a call of Hold hears no second message until somebody calls Release
 *   Fail, FailUnary           After messages, then an error with details and metadata of the end
 *   Metadata, MetadataUnary   metadata of the reply: keys that repeat, bytes
 *   Flood                     sends on and on, whether there is room or not
 *   Count                     how many calls keep data, and how many have given their data back
 *
 * A worker is a process with one loop: what is static here is each worker's own. */
#include <gee/service.h>

#include <stdatomic.h>
#include <stdio.h>

typedef struct range {
    int64_t from, to;
} range_t;
GEE_STRUCT(range_t, "Range", GEE_INT64(range_t, from, "From", 1), GEE_INT64(range_t, to, "To", 2));

/* ---- calls that keep data are counted: a test sees whether all of it came back ---- */

typedef struct counts {
    int64_t open, released;
} counts_t;
GEE_STRUCT(counts_t, "Counts", GEE_INT64(counts_t, open, "Open", 1), GEE_INT64(counts_t, released, "Released", 2));

static atomic_llong set_count, released_count;

static void count_release(void *data GEE_UNUSED) {
    atomic_fetch_add(&released_count, 1);
}

/* Data must not be null to be released. */
static void keep_data(gee_call_t *call, void *data, void (*release)(void *data)) {
    atomic_fetch_add(&set_count, 1);
    gee_call_set_data(call, data, release);
}

static void count(gee_call_t *call, const int64_t *nothing GEE_UNUSED, counts_t *counts) {
    counts->released = atomic_load(&released_count);
    counts->open = atomic_load(&set_count) - counts->released;
    gee_reply(call);
}

/* ---- server streaming ---- */

/* Takes the first number off. False: none is left. */
static bool take_number(range_t *left, int64_t *number) {
    *number = left->from;
    if (left->from > left->to)
        return false;
    if (left->from == INT64_MAX)
        left->to = INT64_MIN;
    else
        left->from++;
    return true;
}

/* As far as there is room; the rest when there is room again. */
static void list_on(gee_call_t *call, void *data) {
    range_t *left = data;
    int64_t number;
    while (take_number(left, &number)) {
        gee_sent_t sent = GEE_SEND(call, int64_t, &number);
        if (sent == GEE_SENT_FULL) {
            gee_call_on_room(call, list_on, left);
            return;
        }
        if (sent == GEE_SEND_ENDED)
            return;
    }
    gee_end(call);
}

static void list(gee_call_t *call, const range_t *range) {
    range_t *left = gee_call_alloc(call, sizeof *left); /* `range` lives until this returns */
    if (left == NULL) {
        gee_fail(call, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    *left = *range;
    keep_data(call, left, count_release);
    list_on(call, left);
}

/* On the pool GEE_SEND waits for room itself. */
static void list_blocking(gee_call_t *call, const range_t *range) {
    range_t left = *range;
    int64_t number;
    while (take_number(&left, &number))
        if (GEE_SEND(call, int64_t, &number) == GEE_SEND_ENDED)
            return;
    gee_end(call);
}

/* What no service should do: the library ends the call when limits.output is reached. */
static void flood(gee_call_t *call, const range_t *range) {
    range_t left = *range;
    int64_t number;
    while (take_number(&left, &number))
        if (GEE_SEND(call, int64_t, &number) == GEE_SEND_ENDED)
            return;
    gee_end(call);
}

/* ---- client streaming: the reply is the accumulator ---- */

static void add(gee_call_t *call GEE_UNUSED, const int64_t *number, int64_t *sum) {
    *sum = (int64_t)((uint64_t)*sum + (uint64_t)*number);
}

static void added(gee_call_t *call, int64_t *sum GEE_UNUSED) {
    gee_reply(call);
}

/* ---- bidirectional ---- */

static void twice(gee_call_t *call, const int64_t *number) {
    int64_t doubled = (int64_t)((uint64_t)*number * 2);
    (void)GEE_SEND(call, int64_t, &doubled);
}

static void echo(gee_call_t *call, const gee_str_t *text) {
    (void)GEE_SEND(call, gee_str_t, text);
}

/* ---- a chat ---- */

typedef struct guest {
    gee_link_t link;
    gee_call_t *call;
} guest_t;

static gee_list_t guests, held;

static int worker_start(void *conf GEE_UNUSED, gee_engine_t *engine GEE_UNUSED, gee_error_t *error GEE_UNUSED) {
    gee_list_init(&guests);
    gee_list_init(&held);
    return 0;
}

static void leave(void *data) {
    guest_t *guest = data;
    gee_list_remove(&guest->link);
    count_release(guest);
}

/* A guest is in that list from the first message until the call is over, however that comes about. Null: the call
 * failed. */
static guest_t *guest_of(gee_call_t *call, gee_list_t *list) {
    guest_t *guest = gee_call_data(call);
    if (guest != NULL || (guest = gee_call_alloc(call, sizeof *guest)) == NULL) {
        if (guest == NULL)
            gee_fail(call, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return guest;
    }
    *guest = (guest_t){ .call = call };
    gee_list_append(list, &guest->link);
    keep_data(call, guest, leave);
    return guest;
}

/* A guest who does not listen is sent away when limits.output is reached, so that the others need not wait. */
static void say(gee_call_t *call, const gee_str_t *text) {
    if (guest_of(call, &guests) == NULL)
        return;
    GEE_LIST_EACH(&guests, link) {
        const guest_t *other = GEE_CONTAINER(link, guest_t, link);
        if (other->call != call)
            (void)GEE_SEND(other->call, gee_str_t, text);
    }
}

/* ---- held until told ---- */

static void hold(gee_call_t *call, const int64_t *number) {
    bool first = gee_call_data(call) == NULL;
    if (first && guest_of(call, &held) == NULL)
        return;
    (void)GEE_SEND(call, int64_t, number);
    if (first)
        gee_call_pause(call);
}

static void release(gee_call_t *call, const int64_t *nothing GEE_UNUSED, int64_t *count_of_held) {
    gee_link_t *link;
    while ((link = gee_list_pop(&held)) != NULL) {
        ++*count_of_held;
        gee_call_resume(GEE_CONTAINER(link, guest_t, link)->call);
    }
    gee_reply(call);
}

/* ---- failing, metadata ---- */

typedef struct failure {
    int64_t after;
    int32_t code;
    gee_str_t text;
    gee_bytes_t details;
} failure_t;
GEE_STRUCT(failure_t, "Failure", GEE_INT64(failure_t, after, "After", 1), GEE_INT32(failure_t, code, "Code", 2),
           GEE_STRING(failure_t, text, "Text", 3), GEE_BYTES(failure_t, details, "Details", 4));

static void fail_with(gee_call_t *call, const failure_t *failure) {
    char text[256]; /* a gee_str_t need not end with a zero */
    (void)snprintf(text, sizeof text, "%.*s", GEE_STR_ARGUMENTS(failure->text));
    gee_call_end_metadata(call, GEE_STR("reason"), GEE_STR("asked for"));
    gee_fail_with(call, (gee_code_t)failure->code, text, failure->details);
}

static void fail_after(gee_call_t *call, const failure_t *failure) {
    for (int64_t number = 1; number <= failure->after; number++)
        if (GEE_SEND(call, int64_t, &number) == GEE_SEND_ENDED)
            return;
    fail_with(call, failure);
}

static void fail_unary(gee_call_t *call, const failure_t *failure, int64_t *nothing GEE_UNUSED) {
    fail_with(call, failure);
}

static void say_metadata(gee_call_t *call) {
    static const char bytes[] = { '\0', '\xff', '\n' };
    const gee_str_t binary = { .data = bytes, .length = sizeof bytes };
    gee_call_send_metadata(call, GEE_STR("color"), GEE_STR("red"));
    gee_call_send_metadata(call, GEE_STR("color"), GEE_STR("green"));
    gee_call_send_metadata(call, GEE_STR("trace-bin"), binary);
    gee_call_end_metadata(call, GEE_STR("cost"), GEE_STR("1"));
    gee_call_end_metadata(call, GEE_STR("cost"), GEE_STR("2"));
    gee_call_end_metadata(call, GEE_STR("digest-bin"), binary);
}

/* The caller's own value of that key is the reply. */
static gee_str_t value_of(gee_call_t *call, gee_str_t key) {
    gee_str_t value = gee_call_metadata(call, key);
    return value.data != NULL ? value : GEE_STR("");
}

static void metadata(gee_call_t *call, const gee_str_t *key) {
    gee_str_t value = value_of(call, *key);
    say_metadata(call);
    (void)GEE_SEND(call, gee_str_t, &value);
    gee_end(call);
}

static void metadata_unary(gee_call_t *call, const gee_str_t *key, gee_str_t *value) {
    *value = value_of(call, *key);
    say_metadata(call);
    gee_reply(call);
}

GEE_SERVICE_WITH(service_stream, "Stream", (.abi = GEE_MODULE_ABI, .worker_start = worker_start),
                 GEE_SERVER_STREAM("List", list, range_t, int64_t, 0),
                 GEE_SERVER_STREAM("ListBlocking", list_blocking, range_t, int64_t, GEE_BLOCKING),
                 GEE_SERVER_STREAM("Flood", flood, range_t, int64_t, 0),
                 GEE_CLIENT_STREAM("Sum", add, added, int64_t, int64_t, 0),
                 GEE_CLIENT_STREAM("SumBlocking", add, added, int64_t, int64_t, GEE_BLOCKING),
                 GEE_BIDI_STREAM("Double", twice, gee_end, int64_t, int64_t, 0),
                 GEE_BIDI_STREAM("DoubleBlocking", twice, gee_end, int64_t, int64_t, GEE_BLOCKING),
                 GEE_BIDI_STREAM("Echo", echo, gee_end, gee_str_t, gee_str_t, 0),
                 GEE_BIDI_STREAM("Chat", say, gee_end, gee_str_t, gee_str_t, 0),
                 GEE_BIDI_STREAM("Hold", hold, gee_end, int64_t, int64_t, 0),
                 GEE_METHOD("Release", release, int64_t, int64_t, 0),
                 GEE_SERVER_STREAM("Fail", fail_after, failure_t, int64_t, 0),
                 GEE_METHOD("FailUnary", fail_unary, failure_t, int64_t, 0),
                 GEE_SERVER_STREAM("Metadata", metadata, gee_str_t, gee_str_t, 0),
                 GEE_METHOD("MetadataUnary", metadata_unary, gee_str_t, gee_str_t, 0),
                 GEE_METHOD("Count", count, int64_t, counts_t, 0));
