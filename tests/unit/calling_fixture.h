/* calling_fixture.h: sessions in the calling role, over pairs of sockets, and a note of how each of their calls
 * ended. */
#ifndef TEST_CALLING_FIXTURE_H
#define TEST_CALLING_FIXTURE_H

#include "rpc_fixture.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/session_private.h"

typedef struct outcome {
    const gee_type_t *reply; /* as what a reply is read: int64_t or text_t; null: its bytes are the text */
    int count;
    gee_code_t code;
    bool answered;
    int64_t number;
    char text[8192]; /* the error's, or the reply's */
} outcome_t;

static inline void outcome_text(outcome_t *outcome, gee_str_t text) {
    snprintf(outcome->text, sizeof(outcome->text), "%.*s", GEE_STR_ARGUMENTS(text));
}

/* A request on its way. */
typedef struct question {
    gee_outgoing_t outgoing;
    gee_engine_t *engine;
    outcome_t *outcome;
} question_t;

static inline void read_reply(const question_t *question, const gee_payload_t *payload) {
    outcome_t *outcome = question->outcome;
    gee_error_t error = { 0 };
    union {
        int64_t number;
        text_t text;
    } value = { 0 };
    assert_int_equal(payload->kind, GEE_PAYLOAD_BYTES);
    if (outcome->reply == NULL) {
        outcome_text(outcome, (gee_str_t){ (const char *)payload->bytes, payload->length });
        return;
    }
    assert_int_equal(payload->codec->decode(payload->codec_state, outcome->reply, payload->bytes, payload->length,
                                            &question->engine->codec_limits, true, question->engine->answers, &value,
                                            &error),
                     0);
    if (outcome->reply == GEE_TYPE_OF(int64_t))
        outcome->number = value.number;
    else
        outcome_text(outcome, value.text.text);
    gee_pool_reset(question->engine->answers);
}

static inline void done(gee_outgoing_t *outgoing, const gee_event_t *reply) {
    const gee_status_t *status = &reply->status;
    const gee_payload_t *payload = &reply->payload;
    question_t *question = GEE_CONTAINER(outgoing, question_t, outgoing);
    outcome_t *outcome = question->outcome;
    outcome->count++;
    outcome->code = status->code;
    outcome->answered = outgoing->answered;
    if (status->code != GEE_OK)
        outcome_text(outcome, status->text);
    else
        read_reply(question, payload);
    free(question);
}

/* On our end of a connection. */
static inline gee_session_t *make_caller(fixture_t *fixture, const char *protocol, const char *codec, int descriptor) {
    gee_error_t error = { 0 };
    gee_stream_options_t options = { .high_water = 65536 };
    gee_session_setup_t setup = { .codec = gee_module_find(gee_modules, GEE_MODULE_CODEC, gee_str(codec)) };
    gee_stream_t *stream = gee_stream_create(fixture->loop, &pair_transport, descriptor, NULL, &options, &error);
    assert_non_null(stream);
    gee_session_t *session = gee_session_create(fixture->engine, &stream,
                                                gee_module_find(gee_modules, GEE_MODULE_PROTOCOL, gee_str(protocol)),
                                                GEE_CALLING, &setup, gee_loop_now(fixture->loop), NULL, NULL, &error);
    assert_non_null(session);
    assert_true(session->established);
    return session;
}

/* To a peer that the test plays. */
static inline gee_session_t *dial(fixture_t *fixture, const char *protocol, const char *codec, int *peer) {
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    *peer = ends[1];
    fixture->got_length = 0;
    fixture->got_end = false;
    return make_caller(fixture, protocol, codec, ends[0]);
}

/* Null: not sent, for the reason in `error`. */
static inline question_t *try_to_ask(gee_session_t *session, gee_event_t request, outcome_t *outcome,
                                     gee_error_t *error) {
    question_t *question = calloc(1, sizeof(*question));
    if (question == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    *question = (question_t){ .outgoing = { .done = done }, .engine = session->engine, .outcome = outcome };
    if (request.codec == NULL)
        request.codec = session->codec;
    if (gee_session_call(session, &question->outgoing, &request, error) == 0)
        return question;
    free(question);
    return NULL;
}

static inline question_t *ask(gee_session_t *session, gee_event_t request, outcome_t *outcome) {
    gee_error_t error = { 0 };
    question_t *question = try_to_ask(session, request, outcome, &error);
    assert_non_null(question);
    return question;
}

static inline question_t *begin(gee_session_t *session, const char *method, const gee_type_t *type,
                                const void *arguments, outcome_t *outcome) {
    return ask(session,
               (gee_event_t){ .method = gee_str(method),
                              .payload = { .kind = GEE_PAYLOAD_TYPED, .type = type, .typed = arguments } },
               outcome);
}

static inline void forget(gee_session_t *session, question_t *question) {
    gee_session_forget(session, &question->outgoing);
    free(question);
}

#endif
