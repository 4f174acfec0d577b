/* forward_text.c: of calls that are forwarded: the words in which the caller hears of errors, the key for a balancer,
 * and what comes back beside a reply. */
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/gateway/forward_private.h"
#include "core/rpc/words.h"

/* "(2 tries, 3.1 ms)" behind the text that is there, however long. */
static void add_effort(const gee_call_t *call, unsigned tries, gee_error_t *error) {
    char effort[80];
    double milliseconds = (double)(gee_loop_now(call->engine->loop) - call->started_ns) / 1e6;
    if (tries > 0)
        snprintf(effort, sizeof(effort), " (%u %s, %.1f ms)", tries, tries == 1 ? "try" : "tries", milliseconds);
    else
        snprintf(effort, sizeof(effort), " (%.1f ms)", milliseconds);
    size_t length = strlen(error->text), room = sizeof(error->text) - 1 - strlen(effort);
    if (length > room)
        length = gee_utf8_cut(error->text, room);
    strcpy(error->text + length, effort);
}

/* GeeRPC's own words, followed by the server that did not answer. */
static void explain_timeout(const gee_call_t *call, const gee_upstream_result_t *result, gee_error_t *error) {
    char duration[GEE_DURATION_TEXT];
    gee_error_set(
        error, GEE_DEADLINE_EXCEEDED, "rpc server: request handle timeout: expect within %s (upstream %s: %s)",
        gee_format_duration_go(duration, gee_round_duration(call->timeout_ns)),
        gee_upstream_name(gee_forward_to(call)->upstream), result->address ? result->address : "no server was free");
}

void gee_forward_explain(const gee_call_t *call, const gee_upstream_result_t *result, gee_error_t *error) {
    if (result->status.code == GEE_DEADLINE_EXCEEDED && call->deadline_ns <= gee_loop_now(call->engine->loop)) {
        explain_timeout(call, result, error);
        return;
    }
    gee_upstream_error(result, error);
    gee_error_prefix(error, "rpc gateway: upstream %s: ", gee_upstream_name(gee_forward_to(call)->upstream));
    add_effort(call, result->address ? result->tries : 0, error);
}

GEE_APART gee_status_t gee_forward_status(const gee_call_t *call, const gee_status_t *status, gee_error_t *place) {
    gee_missing_t missing = gee_words_read(status->text, call->method_name);
    if (missing == GEE_MISSING_NOTHING)
        return *status;
    gee_words_say(missing, call->method_name, call->session != NULL && call->session->protocol->go_words, place);
    return (gee_status_t){ .code = place->code, .text = gee_str(place->text) };
}

GEE_APART void gee_forward_locate_request(const gee_call_t *call, gee_error_t *error) {
    if (error->code == GEE_UNIMPLEMENTED)
        gee_error_prefix(error, "rpc gateway: upstream %s: ", gee_upstream_name(gee_forward_to(call)->upstream));
    else
        gee_error_prefix(error, "rpc server: %.*s: ", GEE_STR_ARGUMENTS(gee_str_quoted(call->method_name)));
}

GEE_APART void gee_forward_locate_reply(const gee_call_t *call, const char *address, gee_error_t *error) {
    if (error->code == GEE_INVALID_ARGUMENT) /* the arguments of the caller are not invalid */
        error->code = GEE_INTERNAL;
    gee_error_prefix(
        error, "rpc gateway: upstream %s: %s: its reply: ", gee_upstream_name(gee_forward_to(call)->upstream), address);
}

/* ---- the rest ---- */

GEE_APART uint64_t gee_forward_key(const gee_call_t *call, const gee_payload_t *payload) {
    return gee_forward_key_of(&gee_forward_to(call)->key, call, payload, gee_forward_argument(call), call->pool);
}

GEE_APART void gee_forward_learn_name(const gee_call_t *call) {
    gee_service_table_learn(gee_dispatch_table(call->engine->dispatch), call);
}

GEE_APART void gee_forward_bring_back(gee_call_t *call, const gee_event_t *reply, gee_call_said_t *said) {
    *said = (gee_call_said_t){ .initial = reply->metadata };
    if (reply->more != NULL)
        said->more = *reply->more;
    call->said = said;
}
