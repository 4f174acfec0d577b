/* fake_stock.h: a fake of a stock GeeRPC server in JSON, on the test's loop. A body whose method it does not know
 * stays unread, and is taken for the next header. It also judges what comes: `broken` counts calls that break the
 * rule of docs/gateway.md, "Servers that leave bodies unread".
 *
 *   Foo.Add*   answers 42            Foo.Keep*   answers 42 when stock_release() says so
 *   Foo.Fail   answers an error      Foo.Drop    closes the connection without an answer at first; then as Foo.Add
 *   Foo.Poison closes all connections, and listens no more
 *   Admin.*    is executed, which nobody may reach
 */
#ifndef TEST_FAKE_STOCK_H
#define TEST_FAKE_STOCK_H

#include "rpc_fixture.h"

#define STOCK_OPTION      512 /* bytes of geerpc's Option, padded */
#define STOCK_CONNECTIONS 64
#define STOCK_NAMES       64

typedef struct stock stock_t;

typedef struct stock_connection {
    gee_watch_t watch;
    stock_t *stock;
    bool open, option_read;
    char text[16384];
    char out[16384]; /* replies */
    size_t length, out_length, replies;
    char method[128]; /* of the header that was read; empty: the next line is a header */
    unsigned long seq;
    size_t in_flight;
    bool alone; /* as a call of a method that was not answered here is in flight */
    char names[STOCK_NAMES][64];
    size_t name_count; /* answered here */
    struct {
        char method[128];
        unsigned long seq;
    } kept[STOCK_NAMES];
    size_t kept_count;
} stock_connection_t;

struct stock {
    gee_loop_t *loop;
    gee_watch_t watch;
    char address[GEE_ADDR_TEXT];
    stock_connection_t connections[STOCK_CONNECTIONS];
    size_t accepted, open;
    size_t requests; /* headers that came */
    size_t kept;     /* calls that wait for stock_release() */
    size_t most;     /* calls in flight on one connection at a time */
    size_t broken, executed;
    size_t dies_at; /* at so many requests; 0: not */
    bool keeps_all, dropped, dead;
};

static inline void stock_close(stock_connection_t *connection) {
    if (!connection->open)
        return;
    connection->open = false;
    connection->stock->open--;
    connection->stock->kept -= connection->kept_count;
    gee_loop_unwatch(connection->stock->loop, &connection->watch);
    close(connection->watch.descriptor);
}

static inline void stock_die(stock_t *stock) {
    if (stock->dead)
        return;
    stock->dead = true;
    gee_loop_unwatch(stock->loop, &stock->watch);
    close(stock->watch.descriptor);
    for (size_t i = 0; i < stock->accepted; i++)
        stock_close(&stock->connections[i]);
}

static inline bool stock_knows(const stock_connection_t *connection, const char *method) {
    for (size_t i = 0; i < connection->name_count; i++)
        if (strcmp(connection->names[i], method) == 0)
            return true;
    return false;
}

/* Written when all that has come is read: so what came behind a call is seen to have come before its reply. */
static inline void stock_reply(stock_connection_t *connection, const char *method, unsigned long seq,
                               const char *error) {
    size_t room = sizeof(connection->out) - connection->out_length;
    int length = snprintf(connection->out + connection->out_length, room,
                          "{\"ServiceMethod\":\"%s\",\"Seq\":%lu,\"Error\":\"%s\"}\n%s\n", method, seq, error,
                          *error ? "{}" : "42");
    assert_true(length > 0 && (size_t)length < room);
    connection->out_length += (size_t)length;
    connection->replies++;
    if (strstr(error, "can't find") == NULL && !stock_knows(connection, method)) {
        assert_true(connection->name_count < STOCK_NAMES);
        snprintf(connection->names[connection->name_count++], sizeof(connection->names[0]), "%s", method);
    }
}

static inline void stock_flush(stock_connection_t *connection) {
    if (!connection->open || connection->out_length == 0)
        return;
    assert_int_equal(write(connection->watch.descriptor, connection->out, connection->out_length),
                     connection->out_length);
    connection->in_flight -= connection->replies;
    connection->alone = false;
    connection->out_length = connection->replies = 0;
}

static inline void stock_keep(stock_connection_t *connection) {
    size_t at = connection->kept_count++;
    assert_true(at < STOCK_NAMES);
    snprintf(connection->kept[at].method, sizeof(connection->kept[at].method), "%s", connection->method);
    connection->kept[at].seq = connection->seq;
    connection->stock->kept++;
}

static inline void stock_release(stock_t *stock) {
    stock->keeps_all = false;
    for (size_t i = 0; i < stock->accepted; i++) {
        stock_connection_t *connection = &stock->connections[i];
        for (size_t j = 0; connection->open && j < connection->kept_count; j++)
            stock_reply(connection, connection->kept[j].method, connection->kept[j].seq, "");
        if (connection->open)
            stock->kept -= connection->kept_count;
        connection->kept_count = 0;
        stock_flush(connection);
    }
}

static inline void stock_judge(stock_connection_t *connection, const char *method) {
    stock_t *stock = connection->stock;
    bool first = !stock_knows(connection, method);
    stock->requests++;
    stock->broken += connection->alone || (first && connection->in_flight > 1);
    connection->alone |= first;
    if (connection->in_flight > stock->most)
        stock->most = connection->in_flight;
}

/* The header is there; the body is not looked at yet. */
static inline void stock_header(stock_connection_t *connection, const char *line) {
    const char *name = strstr(line, "\"ServiceMethod\":\""), *seq = strstr(line, "\"Seq\":");
    char method[128] = "";
    if (name != NULL)
        (void)sscanf(name + strlen("\"ServiceMethod\":\""), "%127[^\"]", method);
    connection->seq = seq != NULL ? strtoul(seq + strlen("\"Seq\":"), NULL, 10) : 0;
    connection->in_flight++;
    if (seq != NULL) /* else it was a body */
        stock_judge(connection, method);
    if (strncmp(method, "Foo.", 4) != 0 && strncmp(method, "Admin.", 6) != 0)
        stock_reply(connection, method, connection->seq, "rpc server: can't find service");
    else if (strncmp(method, "Foo.Nix", 7) == 0)
        stock_reply(connection, method, connection->seq, "rpc server: can't find method Nix");
    else
        snprintf(connection->method, sizeof(connection->method), "%s", method);
}

static inline void stock_run(stock_connection_t *connection) {
    stock_t *stock = connection->stock;
    char method[128];
    strcpy(method, connection->method);
    stock->executed += strncmp(method, "Admin.", 6) == 0;
    if ((strcmp(method, "Foo.Poison") == 0 && !stock->keeps_all) || stock->requests == stock->dies_at) {
        stock_die(stock);
    } else if (strcmp(method, "Foo.Drop") == 0 && !stock->dropped) {
        stock->dropped = true;
        stock_close(connection);
    } else if (strncmp(method, "Foo.Keep", 8) == 0 || stock->keeps_all) {
        stock_keep(connection);
    } else {
        stock_reply(connection, method, connection->seq, strcmp(method, "Foo.Fail") == 0 ? "it is broken" : "");
    }
    connection->method[0] = '\0';
}

static inline void stock_line(stock_connection_t *connection, const char *line) {
    if (connection->method[0] == '\0')
        stock_header(connection, line);
    else
        stock_run(connection);
}

static inline void stock_readable(gee_watch_t *watch, uint32_t events GEE_UNUSED) {
    stock_connection_t *connection = GEE_CONTAINER(watch, stock_connection_t, watch);
    ssize_t got = read(watch->descriptor, connection->text + connection->length,
                       sizeof(connection->text) - 1 - connection->length);
    if (got <= 0) {
        stock_close(connection);
        return;
    }
    connection->length += (size_t)got;
    connection->text[connection->length] = '\0';
    char *at = connection->text, *end;
    if (!connection->option_read && connection->length >= STOCK_OPTION) {
        connection->option_read = true;
        at += STOCK_OPTION;
    }
    while (connection->open && connection->option_read && (end = strchr(at, '\n')) != NULL) {
        *end = '\0';
        stock_line(connection, at);
        at = end + 1;
    }
    connection->length -= (size_t)(at - connection->text);
    memmove(connection->text, at, connection->length + 1);
    stock_flush(connection);
}

static inline void stock_accept(gee_watch_t *watch, uint32_t events GEE_UNUSED) {
    stock_t *stock = GEE_CONTAINER(watch, stock_t, watch);
    gee_error_t error = { 0 };
    int descriptor = accept4(watch->descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor < 0)
        return;
    assert_true(stock->accepted < STOCK_CONNECTIONS);
    stock_connection_t *connection = &stock->connections[stock->accepted++];
    *connection = (stock_connection_t){ .watch = { .descriptor = descriptor, .ready = stock_readable },
                                        .stock = stock,
                                        .open = true };
    stock->open++;
    assert_int_equal(gee_loop_watch(stock->loop, &connection->watch, EPOLLIN, &error), 0);
}

static inline stock_t *stock_start(gee_loop_t *loop) {
    gee_addr_t addr;
    gee_sockaddr_t bound;
    gee_error_t error = { 0 };
    size_t count;
    stock_t *stock = calloc(1, sizeof(*stock));
    const gee_transport_t *tcp = gee_module_find(gee_modules, GEE_MODULE_TRANSPORT, GEE_STR("tcp"));
    assert_non_null(stock);
    assert_int_equal(gee_addr_parse("tcp@127.0.0.1:0", &addr, &error), 0);
    assert_int_equal(tcp->resolve(&addr, &bound, 1, &count, &error), 0);
    stock->loop = loop;
    stock->watch.descriptor = tcp->listen(&bound, &(gee_listen_options_t){ 0 }, &error);
    assert_true(stock->watch.descriptor >= 0);
    stock->watch.ready = stock_accept;
    assert_int_equal(gee_loop_watch(loop, &stock->watch, EPOLLIN, &error), 0);
    socklen_t length = sizeof(bound.storage);
    assert_int_equal(getsockname(stock->watch.descriptor, &bound.any, &length), 0);
    gee_sockaddr_text(&bound, stock->address);
    return stock;
}

static inline void stock_stop(stock_t **stock) {
    stock_die(*stock);
    free(*stock);
    *stock = NULL;
}

#endif
