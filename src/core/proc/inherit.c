/* inherit.c: reads inherited descriptors from the environment, and writes the environment for the next master. */
#include "core/proc/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/str.h"
#include "core/proc/liaison.h"
#include "core/proc/listener.h"
#include "core/proc/shm.h"

#define VARIABLE         "GEERPC_INHERIT"
#define TITLE            "geerpc-inherit 1"
#define FIRST_ACTIVATED  3 /* SD_LISTEN_FDS_START */
#define MOST_ACTIVATED   1024
#define OWN              "own"
#define ACTIVATED        "activated"
#define OUT_OF_MEMORY(e) gee_error_set(e, GEE_RESOURCE_EXHAUSTED, "out of memory for what was inherited")

/* ---- sockets ---- */

static int option_of(int descriptor, int option) {
    int value = 0;
    socklen_t length = sizeof value;
    return getsockopt(descriptor, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

/* Checks that the descriptor is a listening socket, and makes the descriptor close-on-exec and non-blocking. */
static bool claim_socket(gee_inherited_socket_t *entry) {
    socklen_t length = sizeof entry->bound;
    int flags = fcntl(entry->descriptor, F_GETFL);
    return flags >= 0 && option_of(entry->descriptor, SO_TYPE) == SOCK_STREAM &&
           option_of(entry->descriptor, SO_ACCEPTCONN) == 1 &&
           getsockname(entry->descriptor, &entry->bound.any, &length) == 0 &&
           fcntl(entry->descriptor, F_SETFL, flags | O_NONBLOCK) == 0 &&
           fcntl(entry->descriptor, F_SETFD, FD_CLOEXEC) == 0;
}

static gee_inherited_socket_t *add_socket(gee_server_state_t *server, int descriptor, gee_error_t *error) {
    gee_inherited_socket_t *entry = gee_pool_zalloc(server->pool, sizeof *entry);
    if (!entry) {
        (void)OUT_OF_MEMORY(error);
        return NULL;
    }
    entry->descriptor = descriptor;
    if (!claim_socket(entry)) {
        (void)gee_error_set(error, GEE_INVALID_ARGUMENT, "descriptor %d is no listening stream socket", descriptor);
        return NULL;
    }
    gee_list_append(&server->inheritance->sockets, &entry->link);
    return entry;
}

static gee_inheritance_t *make(gee_server_state_t *server) {
    if (!server->inheritance && (server->inheritance = gee_pool_zalloc(server->pool, sizeof *server->inheritance))) {
        gee_list_init(&server->inheritance->sockets);
        gee_list_init(&server->inheritance->zones);
    }
    return server->inheritance;
}

/* ---- from another master ---- */

static bool cut_number(gee_str_t *rest, uint64_t *number) {
    return gee_parse_uint64(gee_str_cut(rest, ' '), number) == 0;
}

static bool claim(int descriptor) {
    return fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0;
}

/* Reads the rest of the line, behind its descriptor. -1: malformed. */
typedef int (*line_reader_t)(gee_server_state_t *server, int descriptor, gee_str_t rest, gee_error_t *error);

static int bad_line(const char *kind, gee_error_t *error) {
    return gee_error_set(error, GEE_INVALID_ARGUMENT, "the line \"%s\" makes no sense", kind);
}

static int read_master(gee_server_state_t *server, int descriptor, gee_str_t rest, gee_error_t *error) {
    uint64_t version, pid;
    if (!cut_number(&rest, &version) || !cut_number(&rest, &pid) || !claim(descriptor))
        return bad_line("master", error);
    server->parent_socket = descriptor;
    server->parent_version = (unsigned)version;
    server->parent = (pid_t)pid;
    return 0;
}

static int read_listen(gee_server_state_t *server, int descriptor, gee_str_t rest, gee_error_t *error) {
    uint64_t slot;
    gee_inherited_socket_t *entry = add_socket(server, descriptor, error);
    if (!entry)
        return -1;
    if (!cut_number(&rest, &slot))
        return bad_line("listen", error);
    entry->slot = (size_t)slot;
    entry->activated = gee_str_equal(gee_str_cut(&rest, ' '), GEE_STR(ACTIVATED));
    entry->address = gee_pool_strndup(server->pool, rest.data ? rest.data : "", rest.length);
    return entry->address ? 0 : OUT_OF_MEMORY(error);
}

static int read_helper(gee_server_state_t *server, int descriptor, gee_str_t rest, gee_error_t *error) {
    int *places[] = { &server->helper_requests[0], &server->helper_requests[1], &server->helper_lock };
    uint64_t place;
    if (!cut_number(&rest, &place) || place >= GEE_LENGTH(places) || !claim(descriptor))
        return bad_line("helper", error);
    *places[place] = descriptor;
    return 0;
}

static int read_zone(gee_server_state_t *server, int descriptor, gee_str_t rest, gee_error_t *error) {
    uint64_t size, version;
    gee_inherited_zone_t *zone = gee_pool_zalloc(server->pool, sizeof *zone);
    if (!zone)
        return OUT_OF_MEMORY(error);
    if (!cut_number(&rest, &size) || !cut_number(&rest, &version) || !claim(descriptor))
        return bad_line("zone", error);
    zone->descriptor = descriptor;
    zone->size = (size_t)size;
    zone->version = (uint32_t)version;
    zone->name = gee_pool_strndup(server->pool, rest.data ? rest.data : "", rest.length);
    if (!zone->name)
        return OUT_OF_MEMORY(error);
    gee_list_append(&server->inheritance->zones, &zone->link);
    return 0;
}

static int read_line(gee_server_state_t *server, gee_str_t line, bool known, gee_error_t *error) {
    static const struct {
        const char *kind;
        line_reader_t read;
    } kinds[] = {
        { "master", read_master }, { "listen", read_listen }, { "helper", read_helper }, { "zone", read_zone }
    };
    gee_str_t kind = gee_str_cut(&line, ' ');
    uint64_t descriptor;
    if (kind.length == 0)
        return 0;
    if (!cut_number(&line, &descriptor) || descriptor > INT32_MAX)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "a line without a descriptor");
    for (size_t i = 0; i < (known ? GEE_LENGTH(kinds) : 1); i++)
        if (gee_str_equal(kind, gee_str(kinds[i].kind)))
            return kinds[i].read(server, (int)descriptor, line, error);
    (void)close((int)descriptor); /* a kind of a later version */
    return 0;
}

/* Under an unknown title only the line "master" is read, so that the other master can be told of the failure. */
static int read_lines(gee_server_state_t *server, const char *text, gee_error_t *error) {
    gee_str_t rest = gee_str(text), title = gee_str_cut(&rest, '\n');
    bool known = gee_str_equal(title, GEE_STR(TITLE));
    while (rest.length > 0)
        if (read_line(server, gee_str_cut(&rest, '\n'), known, error) != 0)
            return gee_error_prefix(error, VARIABLE ": ");
    if (!known)
        return gee_error_set(error, GEE_UNIMPLEMENTED,
                             "the server that runs hands over as \"%.*s\", this binary knows \"%s\": stop it and start "
                             "this one",
                             GEE_STR_ARGUMENTS(title), TITLE);
    server->elsewhere = server->parent_socket >= 0;
    return 0;
}

/* A process that the variable was not meant for may have inherited the variable. */
static bool is_for_us(const char *text) {
    const char *line = strstr(text, "\nmaster ");
    unsigned liaison, version;
    long pid;
    return line && sscanf(line, "\nmaster %u %u %ld", &liaison, &version, &pid) == 3 && pid == (long)getppid();
}

static int read_from_master(gee_server_state_t *server, gee_error_t *error) {
    const char *variable = getenv(VARIABLE);
    if (!variable)
        return 0;
    bool ours = is_for_us(variable);
    char *text = ours ? gee_pool_strdup(server->pool, variable) : NULL;
    (void)unsetenv(VARIABLE);
    if (!ours)
        return 0;
    return text && make(server) ? read_lines(server, text, error) : OUT_OF_MEMORY(error);
}

/* ---- from systemd ---- */

static int read_from_systemd(gee_server_state_t *server, gee_error_t *error) {
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
    uint64_t for_pid, sockets;
    if (!pid || !count || gee_parse_uint64(gee_str(pid), &for_pid) != 0 || for_pid != (uint64_t)getpid())
        return 0;
    if (gee_parse_uint64(gee_str(count), &sockets) != 0 || sockets > MOST_ACTIVATED)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "socket activation: LISTEN_FDS is \"%s\"", count);
    char *copy = names ? gee_pool_strdup(server->pool, names) : NULL;
    gee_str_t rest = gee_str(copy);
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    if (!make(server) || (names && !copy))
        return OUT_OF_MEMORY(error);
    for (size_t i = 0; i < sockets; i++) {
        gee_str_t name = gee_str_cut(&rest, ':');
        gee_inherited_socket_t *entry = add_socket(server, FIRST_ACTIVATED + (int)i, error);
        if (!entry)
            return gee_error_prefix(error, "socket activation: %.*s%s(a socket unit says ListenStream=) ",
                                    GEE_STR_ARGUMENTS(name), name.length > 0 ? ": " : "");
        entry->activated = true;
        entry->slot = i;
        entry->name = gee_pool_strndup(server->pool, name.data ? name.data : "", name.length);
    }
    return 0;
}

int gee_inherit_read(gee_server_state_t *server, gee_error_t *error) {
    return read_from_master(server, error) == 0 ? read_from_systemd(server, error) : -1;
}

/* ---- taking ---- */

/* For a port on any host systemd opens an IPv6 socket that takes IPv4, too. */
static bool is_for(const gee_inherited_socket_t *entry, const gee_addr_t *addr, const gee_sockaddr_t *sockaddr) {
    if (entry->address && strcmp(entry->address, addr->text) == 0)
        return true;
    if (sockaddr->any.sa_family != AF_UNIX && gee_sockaddr_port(sockaddr) == 0)
        return false;
    return gee_sockaddr_equal(&entry->bound, sockaddr) ||
           (addr->place[0] == ':' && gee_sockaddr_any_host(&entry->bound) &&
            gee_sockaddr_port(&entry->bound) == gee_sockaddr_port(sockaddr));
}

bool gee_inherit_take_socket(gee_server_state_t *server, const gee_addr_t *addr, const gee_sockaddr_t *sockaddr,
                             gee_inherited_socket_t *taken) {
    gee_inherited_socket_t *first = NULL;
    if (!server->inheritance)
        return false;
    GEE_LIST_EACH(&server->inheritance->sockets, link) {
        gee_inherited_socket_t *entry = GEE_CONTAINER(link, gee_inherited_socket_t, link);
        if (is_for(entry, addr, sockaddr) && (!first || entry->slot < first->slot))
            first = entry;
    }
    if (!first)
        return false;
    gee_list_remove(&first->link);
    *taken = *first;
    return true;
}

bool gee_inherit_has_port(const gee_server_state_t *server, in_port_t port) {
    if (!server->inheritance || port == 0)
        return false;
    GEE_LIST_EACH(&server->inheritance->sockets, link)
        if (gee_sockaddr_port(&GEE_CONTAINER(link, gee_inherited_socket_t, link)->bound) == port)
            return true;
    return false;
}

int gee_inherit_take_zone(gee_server_state_t *server, const char *name, size_t size, uint32_t version) {
    if (!server->inheritance)
        return -1;
    GEE_LIST_EACH(&server->inheritance->zones, link) {
        gee_inherited_zone_t *zone = GEE_CONTAINER(link, gee_inherited_zone_t, link);
        if (zone->size != size || zone->version != version || strcmp(zone->name, name) != 0)
            continue;
        gee_list_remove(&zone->link);
        return zone->descriptor;
    }
    return -1;
}

int gee_inherit_check(const gee_server_state_t *server, gee_error_t *error) {
    char text[GEE_ADDR_TEXT];
    if (!server->inheritance)
        return 0;
    GEE_LIST_EACH(&server->inheritance->sockets, link) {
        const gee_inherited_socket_t *entry = GEE_CONTAINER(link, gee_inherited_socket_t, link);
        if (!entry->activated || entry->address) /* the configuration of the master before named the address */
            continue;
        return gee_error_set(error, GEE_FAILED_PRECONDITION,
                             "socket activation: no listen[].address is that of descriptor %d%s%s%s, which listens on "
                             "%s: the addresses of socket unit and configuration must be the same",
                             entry->descriptor, entry->name && *entry->name ? " (" : "", entry->name ? entry->name : "",
                             entry->name && *entry->name ? ")" : "", gee_sockaddr_text(&entry->bound, text));
    }
    return 0;
}

void gee_inherit_finish(gee_server_state_t *server) {
    gee_inheritance_t *inheritance = server->inheritance;
    gee_link_t *link;
    server->inheritance = NULL;
    if (!inheritance)
        return;
    while ((link = gee_list_pop(&inheritance->sockets)) != NULL)
        (void)close(GEE_CONTAINER(link, gee_inherited_socket_t, link)->descriptor);
    while ((link = gee_list_pop(&inheritance->zones)) != NULL)
        (void)close(GEE_CONTAINER(link, gee_inherited_zone_t, link)->descriptor);
}

/* ---- handing on ---- */

/* Visits each descriptor that the next master inherits, with its line. */
typedef void (*visitor_t)(void *data, int descriptor, const char *format, ...) GEE_PRINTF(3, 4);

static void visit(const gee_server_state_t *server, int liaison, visitor_t each, void *data) {
    const int helper[] = { server->helper_requests[0], server->helper_requests[1], server->helper_lock };
    each(data, liaison, "master %d %u %ld", liaison, GEE_LIAISON_VERSION, (long)getpid());
    GEE_LIST_EACH(&server->listeners, node) {
        const gee_listener_t *listener = GEE_CONTAINER(node, gee_listener_t, link);
        for (size_t slot = 0; !listener->retired && slot < listener->slots; slot++)
            each(data, listener->sockets[slot], "listen %d %zu %s %s", listener->sockets[slot], slot,
                 listener->activated ? ACTIVATED : OWN, listener->addr.text);
    }
    for (size_t i = 0; i < GEE_LENGTH(helper); i++)
        if (helper[i] >= 0)
            each(data, helper[i], "helper %d %zu", helper[i], i);
    GEE_LIST_EACH(&server->zones, node) {
        const gee_zone_t *zone = GEE_CONTAINER(node, gee_zone_t, link);
        each(data, zone->descriptor, "zone %d %zu %" PRIu32 " %s", zone->descriptor, zone->size, zone->version,
             zone->name);
    }
}

static GEE_PRINTF(3, 4) void print_line(void *data, int descriptor GEE_UNUSED, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)fputc('\n', data);
    (void)vfprintf(data, format, arguments);
    va_end(arguments);
}

char *gee_inherit_describe(const gee_server_state_t *server, int liaison) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return NULL;
    (void)fputs(TITLE, out);
    visit(server, liaison, print_line, out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static void let_through(void *data, int descriptor, const char *format GEE_UNUSED, ...) {
    if (fcntl(descriptor, F_SETFD, 0) != 0)
        *(int *)data = -1;
}

int gee_inherit_hand_on(const gee_server_state_t *server, int liaison, const char *text) {
    int result = setenv(VARIABLE, text, 1);
    visit(server, liaison, let_through, &result);
    return result;
}
