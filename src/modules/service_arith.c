/* service_arith: the example of Go's net/rpc documentation: Arith.Multiply and Arith.Divide. */
#include <gee/service.h>

#include <inttypes.h>

typedef struct args {
    int64_t a, b;
} args_t;
GEE_STRUCT(args_t, "Args", GEE_INT64(args_t, a, "A", 1), GEE_INT64(args_t, b, "B", 2));

typedef struct quotient {
    int64_t quo, rem;
} quotient_t;
GEE_STRUCT(quotient_t, "Quotient", GEE_INT64(quotient_t, quo, "Quo", 1), GEE_INT64(quotient_t, rem, "Rem", 2));

static void multiply(gee_call_t *call, const args_t *args, int64_t *product) {
    if (__builtin_mul_overflow(args->a, args->b, product)) {
        gee_failf(call, GEE_OUT_OF_RANGE, "%" PRId64 " * %" PRId64 " overflows int64", args->a, args->b);
        return;
    }
    gee_reply(call);
}

static void divide(gee_call_t *call, const args_t *args, quotient_t *quotient) {
    if (args->b == 0) {
        gee_fail(call, GEE_INVALID_ARGUMENT, "divide by zero");
        return;
    }
    if (args->a == INT64_MIN && args->b == -1) { /* the one quotient that has no int64 */
        gee_failf(call, GEE_OUT_OF_RANGE, "%" PRId64 " / -1 overflows int64", args->a);
        return;
    }
    *quotient = (quotient_t){ .quo = args->a / args->b, .rem = args->a % args->b };
    gee_reply(call);
}

GEE_SERVICE_WITH(service_arith, "Arith", (.abi = GEE_MODULE_ABI, .example = true),
                 GEE_METHOD("Multiply", multiply, args_t, int64_t, GEE_IDEMPOTENT),
                 GEE_METHOD("Divide", divide, args_t, quotient_t, GEE_IDEMPOTENT));
