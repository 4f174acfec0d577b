/* service.h: writing a service: the macros, and what a handler may ask of its call.
 *
 * A handler finishes its call exactly once, now or later, from any thread, with gee_reply() or gee_fail(); a second
 * finish is an error in the log and has no effect. Arguments, reply (zeroed before the handler starts) and everything
 * from gee_call_alloc() live until the handler has finished, even when the call timed out or its peer is gone. */
#ifndef GEE_RPC_SERVICE_H
#define GEE_RPC_SERVICE_H

#include "core/conf/module.h"
#include "core/event/addr.h"
#include "core/event/loop.h"
#include "core/rpc/status.h"
#include "core/type/type.h"

typedef struct gee_call gee_call_t;

typedef enum gee_sent {
    GEE_SENT,      /* taken */
    GEE_SENT_FULL, /* taken; the sender is asked to wait until there is room */
    GEE_SEND_ENDED /* not taken: the call is over, or this half is closed */
} gee_sent_t;

/* ---- in a handler; each function may be called from any thread until the call is finished ---- */
void gee_reply(gee_call_t *call);
/* `text` is data, copied; gee_failf formats. GEE_OK is taken as GEE_UNKNOWN. */
void gee_fail(gee_call_t *call, gee_code_t code, const char *text);
void gee_failf(gee_call_t *call, gee_code_t code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Memory of the call, freed with it. Null when out of memory or past limits.call_memory. One thread at a time. */
void *gee_call_alloc(gee_call_t *call, size_t size);
gee_pool_t *gee_call_pool(gee_call_t *call);
/* This worker's loop, for timers, watches and tasks of a handler. Precondition: the loop's thread, but for
 * gee_loop_post(). */
gee_loop_t *gee_call_loop(const gee_call_t *call);
/* On gee_clock_monotonic()'s clock; INT64_MAX when there is none. */
int64_t gee_call_deadline(const gee_call_t *call);
gee_str_t gee_call_metadata(const gee_call_t *call, gee_str_t key); /* data null when absent */
gee_str_t gee_call_method(const gee_call_t *call);                  /* "Arith.Multiply" */

typedef struct gee_peer {
    const char *address; /* "tcp@127.0.0.1:40312" */
    const char *name;    /* the authenticated name; null when there is none */
} gee_peer_t;
gee_peer_t gee_call_peer(const gee_call_t *call);

/* The answer is not wanted any more: deadline over, peer gone, cancelled. */
bool gee_call_cancelled(const gee_call_t *call);
/* Calls `cancelled(data)` once, on the loop's thread, when the answer is not wanted any more; at once, on this thread,
 * when that is so already. `cancelled` is not called after gee_reply() or gee_fail() has returned. A call has one such
 * callback; a second replaces the first. */
void gee_call_on_cancel(gee_call_t *call, void (*cancelled)(void *data), void *data);

/* ---- the handler's module; from any thread ---- */
/* The settings of the module that declares the method, of the cycle that the worker runs; null when it has none. */
const void *gee_call_conf(const gee_call_t *call);
/* The module's state in this worker (worker_state_size); null when it has none. The loop and the threads of the pool
 * share it. */
void *gee_call_state(const gee_call_t *call);

/* ---- going on later: timers, other calls ----
 *
 * Preconditions: the loop's thread, so not in a method that is GEE_BLOCKING; the call is not finished. The callbacks
 * run on the loop's thread, never from inside these functions, and not any more when the call is finished or over
 * (deadline, cancelled, peer gone). A call that is over early while its handler waits for such a callback is finished
 * by the core. A handler that has to clean up, or that goes on elsewhere too, sets gee_call_on_cancel() and finishes
 * the call itself. */
/* Runs callback(call, data) once. -1: out of memory, or the call is over: the callback will not run. */
int gee_call_after(gee_call_t *call, int64_t nanoseconds, void (*callback)(gee_call_t *call, void *data), void *data);

/* Calls a method of this server by its name, handled here or forwarded, on behalf of this call's peer: with its
 * identity and metadata, within its deadline. `argument` is copied. done(call, status, reply, data) runs once; `reply`
 * is null unless the code is GEE_OK, and lives as long as `call`; where `call` is streaming, until `done` returns.
 * When `call` is finished or over before, the other call is cancelled. -1: `done` will not run; `error` (may be null)
 * says why. The types are checked:
 *
 *   static void summed(gee_call_t *call, const gee_status_t *status, const int64_t *sum, void *data);
 *   GEE_CALL_OTHER(call, GEE_STR("Foo.Sum"), args_t, &args, int64_t, summed, data, &error) */
#define GEE_CALL_OTHER(call, method, A, argument, R, done, data, error)                                                \
    gee_call_other((call), (method), &gee_type_of_##A + GEE_CHECKED_ARGUMENT(argument, A), (argument),                 \
                   &gee_type_of_##R + GEE_CHECKED_DONE(done, R), (gee_any_function_t)(done), (data), (error))
#define GEE_CALL_DEPTH 16 /* most calls that are within each other, as methods may call each other in a circle */
int gee_call_other(gee_call_t *call, gee_str_t method, const gee_type_t *argument_type, const void *argument,
                   const gee_type_t *reply_type, void (*done)(void), void *data, gee_error_t *error);
#define GEE_CHECKED_ARGUMENT(argument, A)                                                                              \
    (0 * sizeof(struct {                                                                                               \
         _Static_assert(__builtin_types_compatible_p(__typeof__(*(argument)), A),                                      \
                        "argument " #argument " must be a pointer to " #A);                                            \
         char unused;                                                                                                  \
     }))
#define GEE_CHECKED_DONE(done, R)                                                                                      \
    (0 * sizeof(struct {                                                                                               \
         _Static_assert(__builtin_types_compatible_p(__typeof__(&done),                                                \
                                                     void (*)(gee_call_t *, const gee_status_t *, const R *, void *)), \
                        #done " must be void (gee_call_t *, const gee_status_t *, const " #R " *, void *)");           \
         char unused;                                                                                                  \
     }))

/* ---- metadata and details of the answer; from any thread, until the call is finished ---- */
/* A pair of the reply's metadata. `initial`: with the first message, or with the answer; has no effect once a message
 * was sent. `end`: with the end. Both are copied; keys may repeat; the value of a key that ends in "-bin" may be any
 * bytes. Over limits.call_memory the pair is left out. On wires without a place for metadata nothing arrives:
 * docs/protocol.md. */
void gee_call_send_metadata(gee_call_t *call, gee_str_t key, gee_str_t value);
void gee_call_end_metadata(gee_call_t *call, gee_str_t key, gee_str_t value);
/* As gee_fail(), with details of the status: bytes, copied. */
void gee_fail_with(gee_call_t *call, gee_code_t code, const char *text, gee_bytes_t details);

/* ---- streaming methods ----
 *
 * Server streaming: the handler gets one message and sends many. Client streaming: `handler` gets each message and, as
 * its accumulator, the reply; `last` finishes the call. Bidirectional: `handler` gets each message, `last` is told that
 * no further one comes. Messages of one call never run at once, GEE_BLOCKING or not. Each message lives until its
 * handler returns. What gee_call_alloc() gives, the accumulator and call data live as long as the call. */

/* Sends one message, encoded before this returns. A handler on the loop that is told GEE_SENT_FULL waits for
 * gee_call_on_room(); a handler that goes on sending past limits.output ends the call with GEE_RESOURCE_EXHAUSTED. A
 * bidirectional handler hears no further message before there is room again. On the pool GEE_SEND waits for room, at
 * most until the call is over. GEE_SEND(call, T, pointer) checks the pointer's type. A
 * type that is not the row's ends the call with GEE_INTERNAL. */
gee_sent_t gee_send(gee_call_t *call, const gee_type_t *type, const void *message);
#define GEE_SEND(call, T, pointer)                                                                                     \
    ((void)sizeof(struct {                                                                                             \
         _Static_assert(__builtin_types_compatible_p(__typeof__(*(pointer)), T), "GEE_SEND: not a " #T);               \
         char unused;                                                                                                  \
     }),                                                                                                               \
     gee_send((call), &gee_type_of_##T, (pointer)))
/* Finishes a server streaming or bidirectional call: GEE_OK, behind all messages sent. */
void gee_end(gee_call_t *call);
/* room(call, data) runs once, on the loop's thread, when there is room after GEE_SENT_FULL. Loop thread. */
void gee_call_on_room(gee_call_t *call, void (*room)(gee_call_t *call, void *data), void *data);
/* No further message is heard until gee_call_resume(); the caller is held back. Loop thread. */
void gee_call_pause(gee_call_t *call);
void gee_call_resume(gee_call_t *call);
/* Inside the handler of a message: the message lives as long as the call. */
void gee_message_keep(gee_call_t *call);
/* Data of the handler's own, for a streaming call: release(data) runs once, however the call ends, on the loop's
 * thread, after the last handler has returned. A second call releases the data of the first. `release` may be null. */
void gee_call_set_data(gee_call_t *call, void *data, void (*release)(void *data));
void *gee_call_data(const gee_call_t *call);

/* ---- declaring ---- */
typedef void (*gee_any_function_t)(void);

#define GEE_IDEMPOTENT 1u /* may be tried again elsewhere when its fate is unknown */
#define GEE_BLOCKING   2u /* runs on the thread pool */

#define GEE_SERVER_STREAMING 4u /* the macros below set these two; both: bidirectional */
#define GEE_CLIENT_STREAMING 8u
#define GEE_STREAMING        (GEE_SERVER_STREAMING | GEE_CLIENT_STREAMING)

typedef struct gee_method {
    const char *name;
    const gee_type_t *argument, *reply; /* of each message */
    unsigned flags;
    gee_any_function_t handler; /* void (*)(gee_call_t *, const A *, R *), checked by GEE_METHOD */
    gee_any_function_t last;    /* client streaming and bidirectional */
} gee_method_t;

typedef struct gee_service {
    const char *name;
    const gee_method_t *methods;
    size_t method_count;
} gee_service_t;

#define GEE_METHOD(method_name, function, A, R, method_flags)                                                          \
    {                                                                                                                  \
        .name = method_name, .argument = &gee_type_of_##A, .reply = &gee_type_of_##R,                                  \
        .flags = (method_flags) + GEE_CHECKED_HANDLER(function, A, R), .handler = (gee_any_function_t)(function)       \
    }
#define GEE_CHECKED_HANDLER(function, A, R)                                                                            \
    (0 * sizeof(struct {                                                                                               \
         _Static_assert(__builtin_types_compatible_p(__typeof__(&function), void (*)(gee_call_t *, const A *, R *)),   \
                        "handler " #function " must be void (gee_call_t *, const " #A " *, " #R " *)");                \
         char unused;                                                                                                  \
     }))

/* void list(gee_call_t *call, const A *argument): sends R, finishes by gee_end() or gee_fail(), now or later. */
#define GEE_SERVER_STREAM(method_name, function, A, R, method_flags)                                                   \
    {                                                                                                                  \
        .name = method_name, .argument = &gee_type_of_##A, .reply = &gee_type_of_##R,                                  \
        .flags = (method_flags) + GEE_SERVER_STREAMING +                                                               \
                 GEE_CHECKED_FUNCTION(function, "(gee_call_t *, const " #A " *)", gee_call_t *, const A *),            \
        .handler = (gee_any_function_t)(function)                                                                      \
    }
/* void add(gee_call_t *call, const A *message, R *reply); void done(gee_call_t *call, R *reply): finishes by
 * gee_reply(). */
#define GEE_CLIENT_STREAM(method_name, function, last_function, A, R, method_flags)                                    \
    {                                                                                                                  \
        .name = method_name, .argument = &gee_type_of_##A, .reply = &gee_type_of_##R,                                  \
        .flags = (method_flags) + GEE_CLIENT_STREAMING + GEE_CHECKED_HANDLER(function, A, R) +                         \
                 GEE_CHECKED_FUNCTION(last_function, "(gee_call_t *, " #R " *)", gee_call_t *, R *),                   \
        .handler = (gee_any_function_t)(function), .last = (gee_any_function_t)(last_function)                         \
    }
/* void heard(gee_call_t *call, const A *message); void half_closed(gee_call_t *call): the call goes on to gee_end(). */
#define GEE_BIDI_STREAM(method_name, function, last_function, A, R, method_flags)                                      \
    {                                                                                                                  \
        .name = method_name, .argument = &gee_type_of_##A, .reply = &gee_type_of_##R,                                  \
        .flags = (method_flags) + GEE_STREAMING +                                                                      \
                 GEE_CHECKED_FUNCTION(function, "(gee_call_t *, const " #A " *)", gee_call_t *, const A *) +           \
                 GEE_CHECKED_FUNCTION(last_function, "(gee_call_t *)", gee_call_t *),                                  \
        .handler = (gee_any_function_t)(function), .last = (gee_any_function_t)(last_function)                         \
    }
#define GEE_CHECKED_FUNCTION(function, shape, ...)                                                                     \
    (0 * sizeof(struct {                                                                                               \
         _Static_assert(__builtin_types_compatible_p(__typeof__(&function), void (*)(__VA_ARGS__)),                    \
                        "handler " #function " must be void " shape);                                                  \
         char unused;                                                                                                  \
     }))

/* A whole service module: GEE_SERVICE(service_arith, "Arith", GEE_METHOD(…), …); exports gee_service_arith_module. */
#define GEE_SERVICE(module_name, service_name, ...)                                                                    \
    GEE_SERVICE_WITH(module_name, service_name, (.abi = GEE_MODULE_ABI), __VA_ARGS__)
/* The same with further members of gee_module_t (settings, hooks), in parentheses:
 * GEE_SERVICE_WITH(service_x, "X", (.worker_start = start, .worker_stop = stop), GEE_METHOD(…)). */
#define GEE_SERVICE_WITH(module_name, service_name, members, ...)                                                      \
    static const gee_method_t gee_methods_of_##module_name[] = { __VA_ARGS__ };                                        \
    static const gee_service_t gee_service_of_##module_name = {                                                        \
        .name = service_name,                                                                                          \
        .methods = gee_methods_of_##module_name,                                                                       \
        .method_count = sizeof(gee_methods_of_##module_name) / sizeof(gee_method_t),                                   \
    };                                                                                                                 \
    extern const gee_module_t gee_##module_name##_module;                                                              \
    const gee_module_t gee_##module_name##_module = { .kind = GEE_MODULE_SERVICE,                                      \
                                                      .name = #module_name,                                            \
                                                      .interface = &gee_service_of_##module_name,                      \
                                                      GEE_UNWRAP members }
#define GEE_UNWRAP(...) __VA_ARGS__

#endif
