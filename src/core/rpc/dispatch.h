/* dispatch.h: from a request to its handler: the service table, filters, decoding, threads, deadlines, the answer.
 *
 *   session -> find method -> filters -> decode arguments -> handler on the loop, or on the pool -> answer -> filters
 *                                   '--> gee_target_t: answered elsewhere --------------------------^ */
#ifndef GEE_RPC_DISPATCH_H
#define GEE_RPC_DISPATCH_H

#include "core/rpc/call.h"
#include "core/rpc/engine.h"
#include "core/rpc/filter.h"

/* Answers the calls of a method that has no handler in this process: part of what the gateway knows of a service. All
 * functions run on the loop's thread. */
typedef struct gee_target {
    /* Takes the call, whose method_slot and deadline are set; answers the call in the end by gee_dispatch_answer(). */
    void (*start)(gee_call_t *call, const gee_payload_t *payload);
    /* A streaming call begins, whose deadline is set: the target sets call->flow->events, and ends the call by
     * gee_dispatch_end_streaming(). -1: the call was answered and released. */
    int (*open)(gee_call_t *call);
    /* The answer is not wanted any more: gee_dispatch_answer() will not be called. Precondition: start() had the call,
     * which may have been answered. */
    void (*cancel)(gee_call_t *call);
    bool numbers; /* its servers may know the numbers of enums only, in bodies whose codec writes names */
} gee_target_t;

/* What the configuration says of one service. */
typedef struct gee_service_entry {
    const gee_service_t *service; /* null: it is forwarded, and no declaration of it is compiled in */
    const char *name;             /* null: the service's own */
    const gee_target_t *target;   /* where its calls go; null: to the service's handlers. Outlives the dispatch */
    gee_strings_t idempotent;     /* forwarded: its methods that may be tried again, beside those declared so */
    bool undeclared;              /* forwarded: methods that its declaration lacks are not refused */
    bool checked;                 /* its types were checked: gee_type_check_all() */
    int64_t timeout_ns;           /* 0: timeouts.handle */
} gee_service_entry_t;

/* A filter with its settings of this cycle. */
typedef struct gee_filter_entry {
    const gee_module_t *module;
    const void *conf;
} gee_filter_entry_t;

/* Sets engine->dispatch. Service and method names are checked here (unique, well-formed types); the built-in service
 * Gee (describe.h) is added unless `describe` is false. The entries are copied, what they point to is not. */
gee_dispatch_t *gee_dispatch_create(gee_engine_t *engine, const gee_service_entry_t *services, size_t service_count,
                                    const gee_filter_entry_t *filters, size_t filter_count, bool describe,
                                    gee_error_t *error);
/* After the last live call. */
void gee_dispatch_destroy(gee_dispatch_t **dispatch);

/* Number of methods and a stable number for each (0 …), for counters; the names. Of a service that is forwarded without
 * a declaration, the methods that nothing is known of yet are one, "Foo.*". */
size_t gee_dispatch_method_count(const gee_dispatch_t *dispatch);
size_t gee_dispatch_method_number(const gee_dispatch_t *dispatch,
                                  const gee_call_t *call); /* SIZE_MAX: unknown method */
gee_str_t gee_dispatch_method_name(const gee_dispatch_t *dispatch, const gee_call_t *call); /* empty: unknown method */
/* Is there a method of that name, here or, as far as is known, behind an upstream? */
bool gee_dispatch_knows(const gee_dispatch_t *dispatch, gee_str_t method);
/* The services, the built-in one too, each with its name; null after the last. */
const gee_service_entry_t *gee_dispatch_service(const gee_dispatch_t *dispatch, size_t n);

/* The call whose handler runs on this thread; null: none. For reports of crashes. (initial-exec: setting the variable
 * takes no call of a function, in a shared library either.) */
extern _Thread_local const gee_call_t *gee_dispatch_running __attribute__((tls_model("initial-exec")));

/* A call that no session has: its session is null; with depth above 0, apart->tell() is told of the answer. Takes the
 * call, whose token, codec, metadata and timeout are set. `method` need not stay. */
void gee_dispatch_request(gee_call_t *call, gee_str_t method, const gee_payload_t *payload);
/* Of a call that a target has, and whose target does not keep its deadline: the call ends then, by cancel(). */
void gee_dispatch_start_deadline(gee_call_t *call);
/* The end of a streaming call that a target has. `payload` null: without a message. What waits in the call's flow is
 * not sent: gee_flow_flushed(). */
void gee_dispatch_end_streaming(gee_call_t *call, gee_status_t status, const gee_payload_t *payload);
/* The answer of a call that was forwarded: it is written, the filters see it, the call is released. */
void gee_dispatch_answer(gee_call_t *call, gee_status_t status, const gee_payload_t *payload);

#endif
