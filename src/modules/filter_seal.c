/* filter_seal: refuses calls that a sealed client may not make: calls outside the services of the client's line in
 * seal.clients, and all calls once that line is gone. A client that is not sealed has no such list: whether the client
 * may connect is seal.mode's matter. */
#include <gee/filter.h>

/* True when the list names the service of the method, or the method itself. */
static bool allowed(const gee_identity_t *identity, gee_str_t method) {
    ptrdiff_t dot = gee_str_find_last(method, '.');
    gee_str_t service = { method.data, dot > 0 ? (size_t)dot : 0 };
    return gee_identity_lists(identity, service) || gee_identity_lists(identity, method);
}

/* `text` null: out of memory. */
static gee_verdict_t refuse(gee_status_t *status, const char *text) {
    status->code = GEE_PERMISSION_DENIED;
    status->text = gee_str(text != NULL ? text : "rpc server: this client may not make this call");
    return GEE_FILTER_REFUSE;
}

static gee_verdict_t on_call(void *data GEE_UNUSED, gee_call_t *call, gee_status_t *status) {
    const gee_identity_t *identity = gee_call_identity(call);
    const char *name = gee_identity_name(identity);
    if (gee_identity_revoked(identity))
        return refuse(status,
                      gee_pool_printf(gee_call_pool(call), "rpc server: client %s may not call here any more", name));
    if (!allowed(identity, gee_call_method(call)))
        return refuse(status, gee_pool_printf(gee_call_pool(call), "rpc server: client %s may not call %.*s", name,
                                              GEE_STR_ARGUMENTS(gee_call_method(call))));
    return GEE_FILTER_PASS;
}

static const gee_filter_t filter = { .on_call = on_call, .for_identified = true };

extern const gee_module_t gee_filter_seal_module;
const gee_module_t gee_filter_seal_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_FILTER, .name = "filter_seal", .interface = &filter
};
