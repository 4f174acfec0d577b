/* broadcast.c: one operation, a call to every server of the list: the first reply is kept, the first failure ends all
 * calls.
 *
 *   operation -- a call to each server --> replied: the first reply is kept; the last one ends the operation
 *                                      '-> failed:  the other calls are given up, the operation fails */
#include "client/client.h"

#include <stdlib.h>

typedef struct branch {
    gee_upstream_call_t call;
    gee_pending_t *operation;
} branch_t;

struct gee_broadcast {
    size_t left; /* calls without an answer */
    size_t count;
    bool kept; /* a reply is kept */
    branch_t branches[];
};

void gee_broadcast_cancel(gee_pending_t *operation) {
    struct gee_broadcast *broadcast = operation->to_all ? operation->broadcast : NULL;
    if (broadcast == NULL)
        return;
    operation->broadcast = NULL;
    for (size_t i = 0; i < broadcast->count; i++)
        gee_upstream_cancel(&broadcast->branches[i].call);
    free(broadcast);
}

/* The text of an error reply does not name its server; here the program needs the name. */
static void name_server(const gee_upstream_result_t *result, gee_error_t *error) {
    gee_upstream_error(result, error);
    if (result->from_peer && result->address != NULL)
        gee_error_prefix(error, "%s: ", result->address);
}

static void branch_ended(gee_upstream_call_t *call, const gee_upstream_result_t *result) {
    branch_t *branch = GEE_CONTAINER(call, branch_t, call);
    gee_pending_t *operation = branch->operation;
    struct gee_broadcast *broadcast = operation->broadcast;
    gee_error_t error;
    if (result->status.code != GEE_OK) {
        name_server(result, &error);
        gee_broadcast_cancel(operation);
        gee_operation_fail(operation, &error, 1);
    } else if (!broadcast->kept && gee_reply_take(operation, result, &error) != 0) {
        gee_broadcast_cancel(operation);
        gee_operation_fail_result(operation, result, &error);
    } else {
        broadcast->kept = true;
        if (--broadcast->left > 0)
            return;
        gee_broadcast_cancel(operation); /* frees the broadcast; no call is left to cancel */
        gee_operation_succeed(operation);
    }
}

void gee_broadcast_send(gee_pending_t *operation) {
    gee_upstream_t *upstream = operation->caller->upstream;
    size_t count = gee_upstream_backend_count(upstream);
    gee_error_t error;
    struct gee_broadcast *broadcast = calloc(1, sizeof(*broadcast) + count * sizeof(broadcast->branches[0]));
    if (broadcast == NULL || count == 0) {
        free(broadcast);
        gee_error_set(&error, broadcast ? GEE_UNAVAILABLE : GEE_RESOURCE_EXHAUSTED,
                      broadcast ? "there are no servers to broadcast to" : "out of memory");
        gee_operation_fail(operation, &error, 1);
        return;
    }
    broadcast->left = broadcast->count = count;
    operation->broadcast = broadcast;
    for (size_t i = 0; i < count; i++) {
        branch_t *branch = &broadcast->branches[i];
        branch->operation = operation;
        branch->call = operation->call;
        branch->call.done = branch_ended;
        gee_upstream_call_backend(upstream, gee_upstream_backend(upstream, i), &branch->call);
    }
}
