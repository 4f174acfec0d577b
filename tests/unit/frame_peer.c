/* frame_peer.c: sockets, frames and the little protobuf that they need; see docs/geerpc.proto. */
#include "frame_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PREFIX           10
#define KIND_CALL        0
#define KIND_CANCEL      1
#define KIND_DRAIN       2
#define KIND_PING        3
#define KIND_PONG        4
#define INVALID_ARGUMENT 3

/* A test whose helper has no memory or no socket has nothing to tell. */
static void need(bool had, const char *what) {
    if (!had) {
        perror(what);
        abort();
    }
}

/* ---- bytes ---- */

static void append(uint8_t **bytes, size_t *length, size_t *room, const void *more, size_t count) {
    if (*room - *length < count) {
        *room = 2 * *room + count + 4096;
        *bytes = realloc(*bytes, *room);
        need(*bytes != NULL, "realloc");
    }
    memcpy(*bytes + *length, more, count);
    *length += count;
}

static size_t put_varint(uint8_t *to, uint64_t number) {
    size_t length = 0;
    for (; number > 127; number >>= 7)
        to[length++] = (uint8_t)(number | 128);
    to[length++] = (uint8_t)number;
    return length;
}

static uint64_t take_varint(const uint8_t **at, const uint8_t *end) {
    uint64_t number = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t byte = *(*at)++;
        number |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            break;
    }
    return number;
}

typedef struct message {
    uint64_t numbers[8]; /* of fields 1 to 7 */
    const uint8_t *text; /* of field 1 */
    size_t text_length;
} message_t;

static message_t take_message(const uint8_t *at, size_t length) {
    message_t message = { .text = at };
    const uint8_t *end = at + length;
    while (at < end) {
        uint64_t key = take_varint(&at, end), tag = key >> 3, number = take_varint(&at, end);
        if ((key & 7) == 2) {
            if (tag == 1) {
                message.text = at;
                message.text_length = (size_t)number;
            }
            at += number;
        } else if (tag < 8) {
            message.numbers[tag] = number;
        }
    }
    return message;
}

static size_t put_number(uint8_t *to, unsigned tag, uint64_t number) {
    size_t length = put_varint(to, tag << 3);
    return length + put_varint(to + length, number);
}

static size_t put_text(uint8_t *to, unsigned tag, const char *text) {
    size_t length = put_varint(to, tag << 3 | 2);
    length += put_varint(to + length, strlen(text));
    memcpy(to + length, text, strlen(text));
    return length + strlen(text);
}

static void send_frame(frame_peer_connection_t *connection, const uint8_t *header, size_t header_length,
                       const uint8_t *body, size_t body_length) {
    uint8_t prefix[PREFIX] = { 0 };
    prefix[5] = (uint8_t)header_length;
    prefix[9] = (uint8_t)body_length;
    append(&connection->out, &connection->out_length, &connection->out_room, prefix, PREFIX);
    append(&connection->out, &connection->out_length, &connection->out_room, header, header_length);
    append(&connection->out, &connection->out_length, &connection->out_room, body, body_length);
}

static void send_number(frame_peer_connection_t *connection, uint64_t seq, int64_t number) {
    uint8_t header[16], body[16];
    size_t header_length = put_number(header, 2, seq);
    send_frame(connection, header, header_length, body, put_number(body, 1, (uint64_t)number));
}

static void send_error(frame_peer_connection_t *connection, uint64_t seq) {
    uint8_t header[64];
    size_t length = put_number(header, 2, seq);
    length += put_text(header + length, 3, "refused by the peer");
    length += put_number(header + length, 7, INVALID_ARGUMENT);
    send_frame(connection, header, length, header, 0);
}

static void send_sign(frame_peer_connection_t *connection, uint64_t seq, unsigned kind) {
    uint8_t header[32];
    size_t length = put_number(header, 2, seq);
    length += put_number(header + length, 4, kind);
    send_frame(connection, header, length, header, 0);
}

/* ---- calls ---- */

static frame_peer_connection_t *find_connection(frame_peer_t *peer, unsigned number) {
    for (size_t i = 0; i < peer->connection_count; i++)
        if (peer->connections[i].number == number)
            return &peer->connections[i];
    return NULL;
}

static void release_all(frame_peer_t *peer) {
    while (peer->held_count > 0) {
        frame_peer_held_t *held = &peer->held[--peer->held_count];
        atomic_fetch_sub(&peer->kept, 1);
        frame_peer_connection_t *connection = find_connection(peer, held->connection);
        if (connection != NULL)
            send_number(connection, held->seq, held->reply);
    }
}

static void keep(frame_peer_t *peer, frame_peer_connection_t *connection, uint64_t seq, int64_t reply) {
    if (peer->held_count == peer->held_room) {
        peer->held_room = 2 * peer->held_room + 64;
        peer->held = realloc(peer->held, peer->held_room * sizeof(*peer->held));
        need(peer->held != NULL, "realloc");
    }
    peer->held[peer->held_count++] =
        (frame_peer_held_t){ .connection = connection->number, .seq = seq, .reply = reply };
    if (atomic_fetch_add(&peer->kept, 1) + 1 == atomic_load(&peer->release_at))
        release_all(peer);
}

/* The calls of a connection; with a seq, that call only. */
static void forget(frame_peer_t *peer, unsigned connection, const uint64_t *seq) {
    size_t left = 0;
    for (size_t i = 0; i < peer->held_count; i++) {
        if (peer->held[i].connection != connection || (seq != NULL && peer->held[i].seq != *seq))
            peer->held[left++] = peer->held[i];
        else
            atomic_fetch_sub(&peer->kept, 1);
    }
    peer->held_count = left;
}

static bool is(const message_t *header, const char *method) {
    return header->text_length == strlen(method) && memcmp(header->text, method, strlen(method)) == 0;
}

/* False: the connection is to be closed. */
static bool handle(frame_peer_t *peer, frame_peer_connection_t *connection, const message_t *header,
                   const message_t *body) {
    uint64_t seq = header->numbers[2];
    int64_t sum = (int64_t)(body->numbers[1] + body->numbers[2]);
    if (header->numbers[4] == KIND_PING) {
        if (!atomic_load(&peer->ignores_pings))
            send_sign(connection, seq, KIND_PONG);
        atomic_fetch_add(&peer->pings, 1);
        return true;
    }
    if (header->numbers[4] == KIND_PONG)
        atomic_fetch_add(&peer->pongs, 1);
    if (header->numbers[4] == KIND_CANCEL) {
        if (!atomic_load(&peer->ignores_cancels))
            forget(peer, connection->number, &seq);
        atomic_fetch_add(&peer->cancels, 1);
        return true;
    }
    if (header->numbers[4] != KIND_CALL)
        return true;
    bool drains = is(header, "Peer.Drain"), keeps = drains || atomic_load(&peer->keeps_all) || is(header, "Peer.Keep");
    if (drains) {
        send_sign(connection, 0, KIND_DRAIN);
        send_sign(connection, 1, KIND_PING);
    }
    if (is(header, "Peer.Add"))
        send_number(connection, seq, sum);
    else if (keeps)
        keep(peer, connection, seq, is(header, "Peer.Who") ? peer->number : sum);
    else if (is(header, "Peer.Who"))
        send_number(connection, seq, peer->number);
    else if (!is(header, "Peer.Drop"))
        send_error(connection, seq);
    atomic_fetch_add(&peer->calls, 1);
    return !is(header, "Peer.Drop");
}

/* The Option: white space, one object, a line feed. Bytes of it, or 0 when it is not complete. */
static size_t measure_option(const frame_peer_connection_t *connection) {
    const uint8_t *end = memchr(connection->in, '}', connection->in_length);
    if (end == NULL)
        return 0;
    size_t length = (size_t)(end + 1 - connection->in);
    return length + (length < connection->in_length && connection->in[length] == '\n');
}

static size_t be32(const uint8_t *bytes) {
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

/* All that is complete. False: the connection is to be closed. */
static bool handle_input(frame_peer_t *peer, frame_peer_connection_t *connection) {
    size_t at = 0;
    bool open = true;
    if (!connection->option_read && (at = measure_option(connection)) > 0)
        connection->option_read = true;
    while (connection->option_read && open && connection->in_length - at >= PREFIX) {
        const uint8_t *prefix = connection->in + at;
        size_t header_length = be32(prefix + 2), body_length = be32(prefix + 6);
        if (connection->in_length - at - PREFIX < header_length + body_length)
            break;
        message_t header = take_message(prefix + PREFIX, header_length);
        message_t body = take_message(prefix + PREFIX + header_length, body_length);
        open = handle(peer, connection, &header, &body);
        at += PREFIX + header_length + body_length;
    }
    connection->in_length -= at;
    memmove(connection->in, connection->in + at, connection->in_length);
    return open;
}

/* ---- connections ---- */

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void close_connection(frame_peer_t *peer, size_t index) {
    frame_peer_connection_t *connection = &peer->connections[index];
    forget(peer, connection->number, NULL);
    close(connection->descriptor);
    free(connection->in);
    free(connection->out);
    *connection = peer->connections[--peer->connection_count];
    atomic_fetch_sub(&peer->open, 1);
}

static void accept_one(frame_peer_t *peer) {
    int descriptor = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
    if (descriptor < 0)
        return;
    unsigned number = atomic_load(&peer->accepted);
    need(peer->connection_count < FRAME_PEER_CONNECTIONS, "more connections than this peer has room for");
    peer->connections[peer->connection_count++] =
        (frame_peer_connection_t){ .descriptor = descriptor, .number = number };
    if (number < FRAME_PEER_TIMES)
        peer->accepted_at[number] = now_ns();
    atomic_fetch_add(&peer->open, 1);
    atomic_fetch_add(&peer->accepted, 1);
}

/* False: it has ended. */
static bool receive(frame_peer_t *peer, frame_peer_connection_t *connection) {
    uint8_t bytes[65536];
    ssize_t n = recv(connection->descriptor, bytes, sizeof(bytes), 0);
    if (n <= 0)
        return n < 0 && errno == EINTR;
    if (atomic_load(&peer->manner) != FRAME_PEER_SERVES || connection->number < atomic_load(&peer->deaf))
        return true;
    append(&connection->in, &connection->in_length, &connection->in_room, bytes, (size_t)n);
    return handle_input(peer, connection);
}

/* False: it is broken. */
static bool flush(frame_peer_connection_t *connection) {
    size_t at = 0;
    while (at < connection->out_length) {
        ssize_t n = send(connection->descriptor, connection->out + at, connection->out_length - at, MSG_NOSIGNAL);
        if (n < 0)
            return false;
        at += (size_t)n;
    }
    connection->out_length = 0;
    return true;
}

static void wait_and_read(frame_peer_t *peer) {
    struct pollfd watched[FRAME_PEER_CONNECTIONS + 2];
    size_t count = peer->connection_count;
    for (size_t i = 0; i < count; i++)
        watched[i] = (struct pollfd){ .fd = peer->connections[i].descriptor, .events = POLLIN };
    watched[count] = (struct pollfd){ .fd = peer->listener, .events = POLLIN };
    watched[count + 1] = (struct pollfd){ .fd = peer->wake, .events = POLLIN };
    uint64_t woken;
    if (poll(watched, count + 2, -1) < 0)
        return;
    if (watched[count + 1].revents != 0)
        (void)!read(peer->wake, &woken, sizeof(woken));
    for (size_t i = count; i-- > 0;) /* from the end: a closed one's place is taken by the last */
        if (watched[i].revents != 0 && !receive(peer, &peer->connections[i]))
            close_connection(peer, i);
    if (watched[count].revents != 0)
        accept_one(peer);
}

static void *run(void *data) {
    frame_peer_t *peer = data;
    while (!atomic_load(&peer->stop)) {
        wait_and_read(peer);
        if (atomic_exchange(&peer->release, false))
            release_all(peer);
        bool closes = atomic_load(&peer->manner) == FRAME_PEER_CLOSES;
        for (size_t i = peer->connection_count; i-- > 0;)
            if (closes || !flush(&peer->connections[i]))
                close_connection(peer, i);
    }
    return NULL;
}

static void wake(frame_peer_t *peer) {
    uint64_t one = 1;
    need(write(peer->wake, &one, sizeof(one)) == sizeof(one), "eventfd");
}

frame_peer_t *frame_peer_start(int64_t number) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr *any = (struct sockaddr *)&address;
    socklen_t length = sizeof(address);
    frame_peer_t *peer = calloc(1, sizeof(*peer));
    need(peer != NULL, "calloc");
    peer->number = number;
    peer->wake = eventfd(0, EFD_CLOEXEC);
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(peer->wake >= 0 && peer->listener >= 0 && bind(peer->listener, any, length) == 0 &&
             listen(peer->listener, FRAME_PEER_CONNECTIONS) == 0 && getsockname(peer->listener, any, &length) == 0,
         "socket");
    snprintf(peer->address, sizeof(peer->address), "tcp@127.0.0.1:%u", ntohs(address.sin_port));
    snprintf(peer->http_address, sizeof(peer->http_address), "http@127.0.0.1:%u", ntohs(address.sin_port));
    need(pthread_create(&peer->thread, NULL, run, peer) == 0, "pthread_create");
    return peer;
}

void frame_peer_stop(frame_peer_t **slot) {
    frame_peer_t *peer = *slot;
    *slot = NULL;
    if (peer == NULL)
        return;
    atomic_store(&peer->stop, true);
    wake(peer);
    pthread_join(peer->thread, NULL);
    while (peer->connection_count > 0)
        close_connection(peer, 0);
    close(peer->listener);
    close(peer->wake);
    free(peer->held);
    free(peer);
}

void frame_peer_behave(frame_peer_t *peer, frame_peer_manner_t manner) {
    atomic_store(&peer->manner, (int)manner);
    wake(peer);
}

void frame_peer_release(frame_peer_t *peer) {
    atomic_store(&peer->release, true);
    wake(peer);
}
