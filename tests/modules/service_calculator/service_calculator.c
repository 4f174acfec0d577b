#include <gee/service.h>

#include "calculator.gee.h"

void CalculatorService_on_Multiply(gee_call_t *call, const MultiplyRequest *request, MultiplyResponse *reply) {
    reply->result = request->a * request->b;
    gee_reply(call);
}
CalculatorService_SERVICE(service_calculator, 0);
