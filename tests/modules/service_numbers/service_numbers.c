/* service_numbers: methods of all four kinds, declared in numbers.proto. */
#include <gee/service.h>

#include "numbers.gee.h"

static numbers_v1_Parity parity(int64_t value) {
    return value % 2 == 0 ? numbers_v1_Parity_EVEN : numbers_v1_Parity_ODD;
}

void numbers_v1_Numbers_on_Square(gee_call_t *call, const numbers_v1_Number *request, numbers_v1_Number *reply) {
    if (__builtin_mul_overflow(request->value, request->value, &reply->value)) {
        gee_fail(call, GEE_OUT_OF_RANGE, "too large");
        return;
    }
    reply->note = request->note;
    reply->parity = parity(reply->value);
    gee_reply(call);
}

void numbers_v1_Numbers_on_Nothing(gee_call_t *call, const google_protobuf_Empty *request GEE_UNUSED,
                                   google_protobuf_Empty *reply GEE_UNUSED) {
    gee_reply(call);
}

void numbers_v1_Numbers_on_CountDown(gee_call_t *call, const numbers_v1_Number *request) {
    for (int64_t value = request->value; value > 0; value--) {
        numbers_v1_Number number = { .value = value, .parity = parity(value) };
        if (GEE_SEND(call, numbers_v1_Number, &number) == GEE_SEND_ENDED)
            return;
    }
    gee_end(call);
}

void numbers_v1_Numbers_on_Sum(gee_call_t *call, const numbers_v1_Number *message, numbers_v1_Number *reply) {
    if (__builtin_add_overflow(reply->value, message->value, &reply->value))
        gee_fail(call, GEE_OUT_OF_RANGE, "too large");
}
void numbers_v1_Numbers_on_Sum_end(gee_call_t *call, numbers_v1_Number *reply) {
    reply->parity = parity(reply->value);
    gee_reply(call);
}

void numbers_v1_Numbers_on_Double(gee_call_t *call, const numbers_v1_Number *message) {
    numbers_v1_Number number = { .value = 2 * message->value };
    (void)GEE_SEND(call, numbers_v1_Number, &number);
}
void numbers_v1_Numbers_on_Double_end(gee_call_t *call) {
    gee_str_t note = GEE_STR("end");
    numbers_v1_Number number = { .note = &note };
    if (GEE_SEND(call, numbers_v1_Number, &number) != GEE_SEND_ENDED)
        gee_end(call);
}
numbers_v1_Numbers_SERVICE(service_numbers, 0);
