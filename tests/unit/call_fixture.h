/* call_fixture.h: calls without a connection: an engine with given services and filters, and a record of how each call
 * ended. Arguments and replies are JSON texts. */
#ifndef TEST_CALL_FIXTURE_H
#define TEST_CALL_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gee.h>
#include "core/rpc/engine_private.h"
#include "core/rpc/session_private.h"

#define OUTCOMES 200

typedef struct outcome {
    gee_call_t *call; /* until it is released */
    bool ended, released;
    gee_code_t code, handler_code;
    char text[300], reply[300];
} outcome_t;

typedef struct fixture {
    gee_log_t *log;
    gee_loop_t *loop;
    gee_thread_pool_t *threads;
    gee_engine_t *engine;
    gee_dispatch_t *dispatch;
    const gee_codec_t *json;
    char log_text[4096];
    outcome_t outcomes[OUTCOMES];
    size_t count;
    size_t inner_ended; /* calls from handlers */
} fixture_t;

static fixture_t *recording; /* the recording filter's */

/* Calls from handlers are counted, and have no outcome of their own. */
static inline void record_end(void *state GEE_UNUSED, gee_call_t *call) {
    if (call->depth > 0) {
        recording->inner_ended++;
        return;
    }
    outcome_t *outcome = &recording->outcomes[call->token.number];
    assert_false(outcome->ended);
    outcome->ended = true;
    outcome->code = call->status.code;
    snprintf(outcome->text, sizeof outcome->text, "%.*s", GEE_STR_ARGUMENTS(call->status.text));
    if (call->status.code == GEE_OK) {
        gee_chain_t chain;
        gee_chain_init(&chain, recording->engine->buffers);
        assert_int_equal(recording->json->encode(NULL, call->method->reply, call->reply, &chain, NULL), 0);
        outcome->reply[gee_chain_copy(&chain, outcome->reply, sizeof outcome->reply - 1)] = '\0';
        gee_chain_clear(&chain);
    }
}
static inline void record_release(void *state GEE_UNUSED, gee_call_t *call) {
    if (call->depth > 0)
        return;
    outcome_t *outcome = &recording->outcomes[call->token.number];
    assert_true(outcome->ended && !outcome->released);
    outcome->released = true;
    outcome->handler_code = call->handler_status.code;
    outcome->call = NULL;
}
static const gee_filter_t recording_filter = { .on_end = record_end, .on_release = record_release };
static const gee_module_t recording_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_FILTER, .name = "filter_recording", .interface = &recording_filter
};

static inline void keep_log(void *data, gee_log_level_t level GEE_UNUSED, const char *text) {
    fixture_t *fixture = data;
    size_t length = strlen(fixture->log_text);
    snprintf(fixture->log_text + length, sizeof fixture->log_text - length, "%s\n", text);
}

/* `filter` may be null; the recording one comes before it. `confs` may be null. */
static inline fixture_t *fixture_create_with(const gee_module_entry_t *modules, void *const *confs,
                                             const gee_service_entry_t *services, size_t service_count,
                                             const gee_filter_entry_t *filter) {
    fixture_t *fixture = calloc(1, sizeof *fixture);
    gee_error_t error;
    assert_non_null(fixture);
    recording = fixture;
    fixture->log = gee_log_to_sink(keep_log, fixture, GEE_LOG_NOTICE);
    fixture->loop = gee_loop_create(fixture->log, &error);
    fixture->threads = gee_thread_pool_create(2, 10, &error);
    assert_true(fixture->log && fixture->loop && fixture->threads);
    gee_engine_options_t options = {
        .loop = fixture->loop,
        .log = fixture->log,
        .modules = modules,
        .module_conf = confs,
        .limits = { .message = 4 << 20, .call_memory = 64 << 20, .nesting = 100, .calls = 1000, .output = 256 << 10 },
        .threads = fixture->threads,
    };
    fixture->engine = gee_engine_create(&options, &error);
    assert_non_null(fixture->engine);
    fixture->json = gee_module_find(gee_modules, GEE_MODULE_CODEC, GEE_STR("json"));
    assert_non_null(fixture->json);
    gee_filter_entry_t filters[2] = { { .module = &recording_module } };
    if (filter != NULL)
        filters[1] = *filter;
    fixture->dispatch =
        gee_dispatch_create(fixture->engine, services, service_count, filters, filter ? 2 : 1, false, &error);
    assert_non_null(fixture->dispatch);
    return fixture;
}
static inline fixture_t *fixture_create(const gee_service_t *service, const gee_filter_entry_t *filter) {
    gee_service_entry_t entry = { .service = service };
    return fixture_create_with(gee_modules, NULL, &entry, 1, filter);
}

static inline void fixture_destroy(fixture_t *fixture) {
    assert_int_equal(fixture->engine->live_calls, 0);
    gee_dispatch_destroy(&fixture->dispatch);
    gee_engine_destroy(&fixture->engine);
    gee_thread_pool_destroy(&fixture->threads);
    gee_loop_destroy(&fixture->loop);
    gee_log_destroy(&fixture->log);
    free(fixture);
}

/* `peer`: the client's address; null: nobody's. */
static inline outcome_t *start_call_from(fixture_t *fixture, const char *peer, const char *method,
                                         const char *arguments) {
    gee_call_t *call = gee_call_create(fixture->engine);
    assert_non_null(call);
    if (peer != NULL)
        assert_true(call->peer_held = (call->peer = gee_peer_record_create(peer)) != NULL);
    assert_true(fixture->count < OUTCOMES);
    outcome_t *outcome = &fixture->outcomes[fixture->count];
    outcome->call = call;
    call->token.number = fixture->count++;
    call->method_name = gee_pool_str(call->pool, gee_str(method));
    call->codec = fixture->json;
    gee_payload_t payload = { .kind = GEE_PAYLOAD_BYTES,
                              .codec = fixture->json,
                              .bytes = (const uint8_t *)arguments,
                              .length = strlen(arguments) };
    gee_dispatch_request(call, call->method_name, &payload);
    return outcome;
}
static inline outcome_t *start_call(fixture_t *fixture, const char *method, const char *arguments) {
    return start_call_from(fixture, NULL, method, arguments);
}

static inline void pump(fixture_t *fixture) {
    assert_int_equal(gee_loop_once(fixture->loop, 0), 0);
}

/* Turns the loop until the call's memory is back, for at most ten seconds. */
static inline void wait_released(fixture_t *fixture, const outcome_t *outcome) {
    int64_t give_up = gee_clock_monotonic() + 10 * GEE_SECOND;
    while (!outcome->released && gee_clock_monotonic() < give_up)
        assert_int_equal(gee_loop_once(fixture->loop, 10 * GEE_MILLISECOND), 0);
    assert_true(outcome->released);
}

static inline void assert_reply(fixture_t *fixture, const char *method, const char *arguments, const char *reply) {
    const outcome_t *outcome = start_call(fixture, method, arguments);
    wait_released(fixture, outcome);
    if (outcome->code != GEE_OK)
        fail_msg("%s%s: %s", method, arguments, outcome->text);
    assert_string_equal(outcome->reply, reply);
}

static inline void assert_failure(fixture_t *fixture, const char *method, const char *arguments, gee_code_t code,
                                  const char *text) {
    const outcome_t *outcome = start_call(fixture, method, arguments);
    wait_released(fixture, outcome);
    assert_string_equal(outcome->text, text);
    assert_int_equal(outcome->code, code);
}

#endif
