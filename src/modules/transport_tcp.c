/* transport_tcp.c: tcp@host:port, tcp@[IPv6]:port, tcp@:port. The implementation is in core/event/tcp.c. */
#include <gee/transport.h>

static const gee_transport_t tcp = { .scheme = "tcp",
                                     .socket_per_worker = true,
                                     .check = gee_tcp_check,
                                     .resolve = gee_tcp_resolve,
                                     .numeric = gee_tcp_numeric,
                                     .listen = gee_tcp_listen,
                                     .accept = gee_tcp_accept,
                                     .connect = gee_tcp_connect,
                                     .connected = gee_tcp_connected,
                                     .limit_unacknowledged = gee_tcp_limit_unacknowledged,
                                     .receive = gee_socket_receive,
                                     .send = gee_socket_send };

const gee_module_t gee_transport_tcp_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_TRANSPORT, .name = "transport_tcp", .interface = &tcp
};
