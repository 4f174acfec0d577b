/* transport_contract.c: one suite that every transport passes that is compiled in; and what only tcp and unix promise.
 *
 * A transport that a new scheme brings needs a line in place_for(), which says where a test may listen. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gee.h>

static char directory[] = "/tmp/geerpc-transport-XXXXXX";

static const gee_transport_t *transport_of(const gee_module_entry_t *entry) {
    return entry->module->kind == GEE_MODULE_TRANSPORT ? entry->module->interface : NULL;
}

static const gee_transport_t *by_scheme(const char *scheme) {
    for (const gee_module_entry_t *entry = gee_modules; entry->module; entry++) {
        const gee_transport_t *transport = transport_of(entry);
        if (transport && strcmp(transport->scheme, scheme) == 0)
            return transport;
    }
    return NULL;
}

/* An address where a listener can be opened, or false when the suite knows none for the scheme. */
static bool place_for(const gee_transport_t *transport, gee_addr_t *addr) {
    char text[GEE_ADDR_TEXT];
    if (strcmp(transport->scheme, "tcp") == 0)
        snprintf(text, sizeof(text), "tcp@127.0.0.1:0");
    else if (strcmp(transport->scheme, "http") == 0)
        snprintf(text, sizeof(text), "http@127.0.0.1:0");
    else if (strcmp(transport->scheme, "unix") == 0)
        snprintf(text, sizeof(text), "unix@%s/socket", directory);
    else
        return false;
    assert_int_equal(gee_addr_parse(text, addr, NULL), 0);
    return true;
}

/* ---- steps ---- */

static void resolve(const gee_transport_t *transport, const gee_addr_t *addr, gee_sockaddr_t *address) {
    gee_error_t error;
    size_t count = 0;
    if (transport->check(addr, &error) != 0 || transport->resolve(addr, address, 1, &count, &error) != 0)
        fail_msg("%s", error.text);
    assert_int_equal(count, 1);
}

static int start_listening(const gee_transport_t *transport, const gee_sockaddr_t *address,
                           const gee_listen_options_t *options) {
    gee_error_t error;
    int listener = transport->listen(address, options, &error);
    if (listener < 0)
        fail_msg("%s", error.text);
    return listener;
}

/* Where the listener really is: port 0 was replaced. */
static gee_sockaddr_t bound_address(int listener) {
    gee_sockaddr_t address;
    socklen_t length = sizeof(address);
    memset(&address, 0, sizeof(address));
    assert_int_equal(getsockname(listener, &address.any, &length), 0);
    return address;
}

static void wait_until(int descriptor, short events) {
    struct pollfd poller = { .fd = descriptor, .events = events };
    assert_int_equal(poll(&poller, 1, 20000), 1);
}

static void connect_pair(const gee_transport_t *transport, int listener, int pair[2]) {
    gee_error_t error;
    gee_sockaddr_t address = bound_address(listener), peer;
    pair[0] = transport->connect(&address, &error);
    if (pair[0] < 0)
        fail_msg("%s", error.text);
    wait_until(listener, POLLIN);
    pair[1] = transport->accept(listener, &peer);
    assert_true(pair[1] >= 0);
    assert_int_equal(peer.any.sa_family, address.any.sa_family);
    wait_until(pair[0], POLLOUT);
    assert_int_equal(transport->connected(pair[0], &error), 0);
}

/* A listener and a connection through it. */
typedef struct scene {
    const gee_transport_t *transport;
    gee_sockaddr_t address;
    int listener, pair[2];
} scene_t;

static bool open_scene(scene_t *scene, const gee_transport_t *transport) {
    gee_addr_t addr;
    if (!place_for(transport, &addr))
        return false;
    scene->transport = transport;
    resolve(transport, &addr, &scene->address);
    scene->listener = start_listening(transport, &scene->address, NULL);
    connect_pair(transport, scene->listener, scene->pair);
    return true;
}

static void close_scene(scene_t *scene) {
    for (int i = 0; i < 2; i++)
        if (scene->pair[i] >= 0)
            close(scene->pair[i]);
    close(scene->listener);
    if (scene->transport->unlisten)
        scene->transport->unlisten(&scene->address);
}

static void for_each(void (*test)(scene_t *scene)) {
    int tested = 0;
    for (const gee_module_entry_t *entry = gee_modules; entry->module; entry++) {
        const gee_transport_t *transport = transport_of(entry);
        scene_t scene;
        if (!transport || !open_scene(&scene, transport))
            continue;
        test(&scene);
        close_scene(&scene);
        tested++;
    }
    if (tested == 0)
        skip();
}

/* ---- every transport ---- */

static void test_members(void **state) {
    (void)state;
    for (const gee_module_entry_t *entry = gee_modules; entry->module; entry++) {
        const gee_transport_t *transport = transport_of(entry);
        if (!transport)
            continue;
        assert_int_equal(entry->module->abi, GEE_MODULE_ABI);
        size_t length = strlen(transport->scheme);
        assert_in_range(length, 1, 15);
        assert_int_equal(strspn(transport->scheme, "abcdefghijklmnopqrstuvwxyz"), length);
        assert_ptr_equal(by_scheme(transport->scheme), transport); /* the only one of its scheme */
        assert_true(transport->check && transport->resolve && transport->numeric && transport->connect &&
                    transport->connected && transport->receive && transport->send);
    }
}

static void descriptor_flags(scene_t *scene) {
    const int descriptors[] = { scene->listener, scene->pair[0], scene->pair[1] };
    for (size_t i = 0; i < GEE_LENGTH(descriptors); i++) {
        assert_true(fcntl(descriptors[i], F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(descriptors[i], F_GETFD) & FD_CLOEXEC);
    }
}
static void test_descriptors_do_not_block_and_are_not_inherited(void **state) {
    (void)state;
    for_each(descriptor_flags);
}

static void nothing_there(scene_t *scene) {
    gee_sockaddr_t peer;
    char byte;
    errno = 0;
    assert_int_equal(scene->transport->accept(scene->listener, &peer), -1);
    assert_int_equal(errno, EAGAIN);
    for (int i = 0; i < 2; i++) {
        errno = 0;
        assert_int_equal(scene->transport->receive(scene->pair[i], &byte, 1), -1);
        assert_int_equal(errno, EAGAIN);
    }
}
static void test_nothing_there_is_eagain(void **state) {
    (void)state;
    for_each(nothing_there);
}

/* Both directions at once, in vectors with odd cuts, more than the kernel holds. */
static void carry(const gee_transport_t *transport, int from, int to) {
    enum { SIZE = 1500000 };
    uint8_t *sent = malloc(SIZE), *got = malloc(SIZE);
    size_t out = 0, in = 0;
    assert_true(sent && got);
    for (size_t i = 0; i < SIZE; i++)
        sent[i] = (uint8_t)(i * 2654435761u >> 13);
    while (in < SIZE) {
        size_t left = SIZE - out, cut = left / 3;
        struct iovec vector[] = { { .iov_base = sent + out, .iov_len = cut },
                                  { .iov_base = sent + out + cut, .iov_len = left - cut } };
        ssize_t count = left > 0 ? transport->send(from, vector, 2) : 0;
        assert_true(count >= 0 || errno == EAGAIN);
        out += count > 0 ? (size_t)count : 0;
        wait_until(to, POLLIN);
        count = transport->receive(to, got + in, SIZE - in);
        assert_true(count > 0);
        in += (size_t)count;
    }
    assert_memory_equal(sent, got, SIZE);
    free(sent);
    free(got);
}
static void carries_bytes(scene_t *scene) {
    carry(scene->transport, scene->pair[0], scene->pair[1]);
    carry(scene->transport, scene->pair[1], scene->pair[0]);
}
static void test_bytes_arrive_as_they_were(void **state) {
    (void)state;
    for_each(carries_bytes);
}

static void half_close(scene_t *scene) {
    const gee_transport_t *transport = scene->transport;
    struct iovec last = { .iov_base = (char[]){ "bye" }, .iov_len = 3 };
    char bytes[8];
    assert_int_equal(transport->send(scene->pair[0], &last, 1), 3);
    assert_int_equal(shutdown(scene->pair[0], SHUT_WR), 0);
    wait_until(scene->pair[1], POLLIN);
    assert_int_equal(transport->receive(scene->pair[1], bytes, sizeof(bytes)), 3);
    wait_until(scene->pair[1], POLLIN);
    assert_int_equal(transport->receive(scene->pair[1], bytes, sizeof(bytes)), 0);
    assert_int_equal(transport->send(scene->pair[1], &last, 1), 3); /* the other way is still open */
    wait_until(scene->pair[0], POLLIN);
    assert_int_equal(transport->receive(scene->pair[0], bytes, sizeof(bytes)), 3);
}
static void test_each_side_ends_by_itself(void **state) {
    (void)state;
    for_each(half_close);
}

/* SIGPIPE has its default action here: raised, it would end the program. */
static void peer_is_gone(scene_t *scene) {
    struct iovec vector[] = { { .iov_base = (char[]){ "x" }, .iov_len = 1 },
                              { .iov_base = (char[]){ "y" }, .iov_len = 1 } };
    close(scene->pair[0]);
    scene->pair[0] = -1;
    ssize_t count = 0;
    for (int i = 0; i < 1000 && count >= 0; i++) {
        wait_until(scene->pair[1], POLLOUT);
        count = scene->transport->send(scene->pair[1], vector, 1 + i % 2);
    }
    assert_int_equal(count, -1);
    assert_true(errno == EPIPE || errno == ECONNRESET);
    assert_int_equal(scene->transport->send(scene->pair[1], vector, 1), -1);
    assert_int_equal(errno, EPIPE);
}
static void test_writing_to_nobody_raises_no_signal(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_DFL);
    for_each(peer_is_gone);
}

/* The listener is taken away: the outcome of the next attempt is a refusal, with a reason. */
static void refused(scene_t *scene) {
    gee_error_t error = { 0 };
    gee_sockaddr_t address = bound_address(scene->listener);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(null >= 0 && dup3(null, scene->listener, O_CLOEXEC) == scene->listener);
    close(null);
    int descriptor = scene->transport->connect(&address, &error);
    if (descriptor >= 0) {
        wait_until(descriptor, POLLOUT);
        assert_int_equal(scene->transport->connected(descriptor, &error), -1);
        close(descriptor);
    }
    assert_int_equal(error.code, GEE_UNAVAILABLE);
    assert_string_equal(error.text, "Connection refused");
}
static void test_a_refusal_has_a_reason(void **state) {
    (void)state;
    for_each(refused);
}

static void taken(scene_t *scene) {
    gee_error_t error = { 0 };
    char text[GEE_ADDR_TEXT];
    gee_sockaddr_t address = bound_address(scene->listener);
    assert_int_equal(scene->transport->listen(&address, NULL, &error), -1);
    assert_int_equal(error.code, GEE_ALREADY_EXISTS);
    assert_non_null(strstr(error.text, gee_sockaddr_text(&address, text)));
    assert_non_null(strstr(error.text, "already in use"));
    int again[2]; /* and the one that has it goes on */
    connect_pair(scene->transport, scene->listener, again);
    close(again[0]);
    close(again[1]);
}
static void test_an_address_that_is_taken(void **state) {
    (void)state;
    for_each(taken);
}

static void a_socket_each(scene_t *scene) {
    const gee_listen_options_t options = { .reuse_port = true };
    if (!scene->transport->socket_per_worker)
        return;
    int first = start_listening(scene->transport, &scene->address, &options);
    gee_sockaddr_t address = bound_address(first);
    int second = start_listening(scene->transport, &address, &options);
    for (int i = 0; i < 8; i++) { /* whichever the kernel chooses */
        int client = scene->transport->connect(&address, NULL);
        struct pollfd pollers[] = { { .fd = first, .events = POLLIN }, { .fd = second, .events = POLLIN } };
        assert_true(client >= 0);
        assert_true(poll(pollers, 2, 20000) > 0);
        int server = scene->transport->accept(pollers[0].revents ? first : second, NULL);
        assert_true(server >= 0);
        close(client);
        close(server);
    }
    close(first);
    close(second);
}
static void test_a_socket_for_each_worker(void **state) {
    (void)state;
    for_each(a_socket_each);
}

static void mended_by_dialling(scene_t *scene) {
    close(scene->listener);
    if (scene->transport->unlisten)
        scene->transport->unlisten(&scene->address);
    scene->listener = start_listening(scene->transport, &scene->address, NULL); /* at once, where it was */
    int again[2];
    connect_pair(scene->transport, scene->listener, again);
    close(again[0]);
    close(again[1]);
}
static void test_listens_again_at_once(void **state) {
    (void)state;
    for_each(mended_by_dialling);
}

/* ---- tcp ---- */

#define NEED(transport, name)                                                                                          \
    const gee_transport_t *transport = by_scheme(name);                                                                \
    if (!transport)                                                                                                    \
    skip()

static bool check(const gee_transport_t *transport, const char *text, gee_error_t *error) {
    gee_addr_t addr;
    assert_int_equal(gee_addr_parse(text, &addr, error), 0);
    return transport->check(&addr, error) == 0;
}
static bool numeric(const gee_transport_t *transport, const char *text) {
    gee_addr_t addr;
    assert_int_equal(gee_addr_parse(text, &addr, NULL), 0);
    return transport->numeric(&addr);
}

static void test_tcp_places(void **state) {
    (void)state;
    NEED(tcp, "tcp");
    assert_true(check(tcp, "tcp@127.0.0.1:9999", NULL));
    assert_true(check(tcp, "tcp@[::1]:0", NULL));
    assert_true(check(tcp, "tcp@:80", NULL));
    assert_true(check(tcp, "tcp@example.org:80", NULL));
    assert_false(check(tcp, "tcp@example.org", NULL));
    assert_false(check(tcp, "tcp@/run/socket", NULL));
    assert_true(numeric(tcp, "tcp@127.0.0.1:1"));
    assert_true(numeric(tcp, "tcp@[::1]:1"));
    assert_true(numeric(tcp, "tcp@:1"));
    assert_false(numeric(tcp, "tcp@localhost:1"));
    assert_false(numeric(tcp, "tcp@127.1:1"));
}

static void test_tcp_resolves(void **state) {
    (void)state;
    NEED(tcp, "tcp");
    gee_addr_t addr;
    gee_sockaddr_t found[4];
    char text[GEE_ADDR_TEXT];
    size_t count = 0;
    gee_error_t error = { 0 };
    assert_int_equal(gee_addr_parse("tcp@[::1]:77", &addr, NULL), 0);
    assert_int_equal(tcp->resolve(&addr, found, 4, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_string_equal(gee_sockaddr_text(&found[0], text), "tcp@[::1]:77");
    assert_int_equal(gee_addr_parse("tcp@:77", &addr, NULL), 0);
    assert_int_equal(tcp->resolve(&addr, found, 4, &count, NULL), 0);
    assert_string_equal(gee_sockaddr_text(&found[0], text), "tcp@0.0.0.0:77");
    assert_int_equal(gee_addr_parse("tcp@localhost:77", &addr, NULL), 0);
    assert_int_equal(tcp->resolve(&addr, found, 4, &count, NULL), 0);
    assert_true(count >= 1 && gee_sockaddr_loopback(&found[0]));
    /* A label of more than 63 bytes is refused before anybody is asked. */
    snprintf(text, sizeof(text), "tcp@%070d.invalid:77", 0);
    assert_int_equal(gee_addr_parse(text, &addr, NULL), 0);
    assert_int_equal(tcp->resolve(&addr, found, 4, &count, &error), -1);
    assert_int_equal(strncmp(error.text, text, strlen(text)), 0);
    assert_non_null(strstr(error.text, ":77: resolve: "));
}

static int option_of(int descriptor, int level, int option) {
    int value = 0;
    socklen_t length = sizeof(value);
    assert_int_equal(getsockopt(descriptor, level, option, &value, &length), 0);
    return value;
}

static void test_tcp_options(void **state) {
    (void)state;
    NEED(tcp, "tcp");
    scene_t scene;
    assert_true(open_scene(&scene, tcp));
    for (int i = 0; i < 2; i++) {
        assert_true(option_of(scene.pair[i], IPPROTO_TCP, TCP_NODELAY) != 0);
        assert_true(option_of(scene.pair[i], SOL_SOCKET, SO_KEEPALIVE) != 0);
        assert_in_range(option_of(scene.pair[i], IPPROTO_TCP, TCP_KEEPIDLE), 1, 300);
    }
    assert_true(option_of(scene.listener, SOL_SOCKET, SO_REUSEADDR) != 0);
    assert_int_equal(option_of(scene.listener, SOL_SOCKET, SO_REUSEPORT), 0); /* was not asked for */
    close_scene(&scene);
}

/* [::] leaves 0.0.0.0 to others. */
static void test_tcp_v6_listeners_are_v6_only(void **state) {
    (void)state;
    NEED(tcp, "tcp");
    gee_addr_t addr;
    gee_sockaddr_t any;
    assert_int_equal(gee_addr_parse("tcp@[::]:0", &addr, NULL), 0);
    resolve(tcp, &addr, &any);
    int v6 = tcp->listen(&any, NULL, NULL);
    if (v6 < 0)
        skip(); /* a machine without IPv6 */
    assert_int_equal(option_of(v6, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    char text[GEE_ADDR_TEXT];
    snprintf(text, sizeof(text), "tcp@0.0.0.0:%u", (unsigned)ntohs(bound_address(v6).v6.sin6_port));
    assert_int_equal(gee_addr_parse(text, &addr, NULL), 0);
    resolve(tcp, &addr, &any);
    int v4 = tcp->listen(&any, NULL, NULL);
    if (v4 >= 0) /* else another program has that very port */
        close(v4);
    close(v6);
}

/* A connection to oneself is made by binding the socket to the port that it dials. */
static void test_tcp_dialling_oneself_is_a_refusal(void **state) {
    (void)state;
    NEED(tcp, "tcp");
    gee_error_t error = { 0 };
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof(here);
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(descriptor >= 0);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&here, length), 0);
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&here, &length), 0);
    assert_int_equal(connect(descriptor, (struct sockaddr *)&here, length), 0);
    assert_int_equal(tcp->connected(descriptor, &error), -1);
    assert_string_equal(error.text, "Connection refused");
    close(descriptor);
}

static void test_tcp_an_address_that_is_not_ours(void **state) {
    (void)state;
    NEED(tcp, "tcp");
    gee_addr_t addr;
    gee_sockaddr_t address;
    gee_error_t error = { 0 };
    assert_int_equal(gee_addr_parse("tcp@192.0.2.1:9999", &addr, NULL), 0);
    resolve(tcp, &addr, &address);
    assert_int_equal(tcp->listen(&address, NULL, &error), -1);
    assert_string_equal(error.text, "tcp@192.0.2.1:9999: bind: Cannot assign requested address");
}

/* ---- unix ---- */

static void path_in_directory(char *text, const char *name) {
    snprintf(text, GEE_ADDR_TEXT, "unix@%s/%s", directory, name);
}

static int listen_at(const gee_transport_t *transport, const char *name, unsigned mode, gee_sockaddr_t *address,
                     gee_error_t *error) {
    char text[GEE_ADDR_TEXT];
    gee_addr_t addr;
    const gee_listen_options_t options = { .mode = mode };
    path_in_directory(text, name);
    assert_int_equal(gee_addr_parse(text, &addr, NULL), 0);
    resolve(transport, &addr, address);
    return transport->listen(address, &options, error);
}

static void test_unix_places(void **state) {
    (void)state;
    NEED(local, "unix");
    gee_error_t error = { 0 };
    char text[GEE_ADDR_TEXT];
    assert_true(check(local, "unix@/run/x", NULL));
    assert_true(check(local, "unix@x", NULL));
    assert_false(check(local, "unix@@abstract", &error));
    assert_non_null(strstr(error.text, "abstract"));
    for (size_t length = 107; length <= 108; length++) {
        snprintf(text, sizeof(text), "unix@/%0*d", (int)length - 1, 0);
        assert_int_equal(check(local, text, &error), length == 107);
    }
    assert_non_null(strstr(error.text, "too long"));
    assert_non_null(strstr(error.text, "108 bytes, at most 107"));
}

static void test_unix_mode(void **state) {
    (void)state;
    NEED(local, "unix");
    static const unsigned modes[] = { 0600, 0660, 0666, 0777 };
    mode_t before = umask(077);
    for (size_t i = 0; i < GEE_LENGTH(modes); i++) {
        gee_sockaddr_t address;
        struct stat found;
        int listener = listen_at(local, "moded", modes[i], &address, NULL);
        assert_true(listener >= 0);
        assert_int_equal(stat(address.local.sun_path, &found), 0);
        assert_int_equal(found.st_mode & 07777, modes[i]);
        close(listener);
        local->unlisten(&address);
        assert_int_equal(stat(address.local.sun_path, &found), -1);
        local->unlisten(&address); /* nothing there: harmless */
    }
    umask(before);
}

static void test_unix_a_stale_file_is_replaced(void **state) {
    (void)state;
    NEED(local, "unix");
    gee_sockaddr_t address;
    int pair[2], first = listen_at(local, "stale", 0600, &address, NULL);
    assert_true(first >= 0);
    close(first); /* as a server does that was killed: the file stays */
    int second = listen_at(local, "stale", 0600, &address, NULL);
    assert_true(second >= 0);
    connect_pair(local, second, pair);
    char text[GEE_ADDR_TEXT];
    gee_sockaddr_t peer;
    socklen_t length = sizeof(peer);
    memset(&peer, 0, sizeof(peer));
    assert_int_equal(getpeername(pair[1], &peer.any, &length), 0);
    assert_string_equal(gee_sockaddr_text(&peer, text), "unix@");
    close(pair[0]);
    close(pair[1]);
    close(second);
    local->unlisten(&address);
}

/* Nobody accepts and the queue is full: somebody lives there all the same, and a client hears why it cannot connect. */
static void test_unix_a_full_queue(void **state) {
    (void)state;
    NEED(local, "unix");
    char text[GEE_ADDR_TEXT];
    gee_addr_t addr;
    gee_sockaddr_t address;
    gee_error_t error = { 0 };
    int clients[8], count = 0;
    path_in_directory(text, "full");
    assert_int_equal(gee_addr_parse(text, &addr, NULL), 0);
    resolve(local, &addr, &address);
    int listener = start_listening(local, &address, &(gee_listen_options_t){ .backlog = 1 });
    while (count < 8 && (clients[count] = local->connect(&address, &error)) >= 0)
        count++;
    assert_in_range(count, 1, 7);
    assert_string_equal(error.text, "the listener's queue is full");
    assert_int_equal(local->listen(&address, NULL, &error), -1);
    assert_int_equal(error.code, GEE_ALREADY_EXISTS);
    while (count > 0)
        close(clients[--count]);
    close(listener);
    local->unlisten(&address);
}

static void test_unix_what_is_no_socket_is_left_alone(void **state) {
    (void)state;
    NEED(local, "unix");
    char path[GEE_ADDR_TEXT], text[GEE_ADDR_TEXT], content[8] = "";
    gee_sockaddr_t address;
    gee_error_t error = { 0 };
    path_in_directory(text, "precious");
    snprintf(path, sizeof(path), "%s", text + strlen("unix@"));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("data", file);
    fclose(file);
    assert_int_equal(listen_at(local, "precious", 0600, &address, &error), -1);
    assert_non_null(strstr(error.text, path));
    assert_non_null(strstr(error.text, "not a socket"));
    local->unlisten(&address);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(content, sizeof(content), file));
    assert_string_equal(content, "data");
    fclose(file);
    unlink(path);
}

static void test_unix_a_directory_that_is_not_there(void **state) {
    (void)state;
    NEED(local, "unix");
    gee_sockaddr_t address;
    gee_error_t error = { 0 };
    assert_int_equal(listen_at(local, "no/such", 0600, &address, &error), -1);
    assert_non_null(strstr(error.text, "/no/such: bind: No such file or directory"));
}

static int make_directory(void **state) {
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}
static int remove_directory(void **state) {
    (void)state;
    return rmdir(directory); /* empty: every test has cleaned up */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_descriptors_do_not_block_and_are_not_inherited),
        cmocka_unit_test(test_nothing_there_is_eagain),
        cmocka_unit_test(test_bytes_arrive_as_they_were),
        cmocka_unit_test(test_each_side_ends_by_itself),
        cmocka_unit_test(test_writing_to_nobody_raises_no_signal),
        cmocka_unit_test(test_a_refusal_has_a_reason),
        cmocka_unit_test(test_an_address_that_is_taken),
        cmocka_unit_test(test_a_socket_for_each_worker),
        cmocka_unit_test(test_listens_again_at_once),
        cmocka_unit_test(test_tcp_places),
        cmocka_unit_test(test_tcp_resolves),
        cmocka_unit_test(test_tcp_options),
        cmocka_unit_test(test_tcp_v6_listeners_are_v6_only),
        cmocka_unit_test(test_tcp_dialling_oneself_is_a_refusal),
        cmocka_unit_test(test_tcp_an_address_that_is_not_ours),
        cmocka_unit_test(test_unix_places),
        cmocka_unit_test(test_unix_mode),
        cmocka_unit_test(test_unix_a_stale_file_is_replaced),
        cmocka_unit_test(test_unix_a_full_queue),
        cmocka_unit_test(test_unix_what_is_no_socket_is_left_alone),
        cmocka_unit_test(test_unix_a_directory_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
