/* describe.c: the texts that describe a cycle to people: what is served, and how to try it. */
#include "core/proc/describe.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *gee_describe_cycle(const gee_cycle_t *cycle) {
    const char *text = "";
    for (size_t i = 0; i < cycle->listener_count && text; i++)
        text = gee_pool_printf(cycle->pool, "%s%s%s", text, i ? " " : "", cycle->listeners[i].listener->bound);
    if (text)
        text = gee_pool_printf(cycle->pool, "%s, %u worker%s", text, cycle->workers, cycle->workers == 1 ? "" : "s");
    return text ? text : "";
}

/* The path of geectl beside this program, relative if below the current directory; else "geectl". */
static void find_geectl(char *text, size_t capacity) {
    char path[PATH_MAX], current[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - sizeof "geectl");
    (void)snprintf(text, capacity, "geectl");
    if (length <= 0)
        return;
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash)
        return;
    strcpy(slash + 1, "geectl");
    if (access(path, X_OK) != 0)
        return;
    size_t here = getcwd(current, sizeof current) ? strlen(current) : 0;
    bool under = here > 1 && strncmp(path, current, here) == 0 && path[here] == '/';
    (void)snprintf(text, capacity, "%s", under ? path + here + 1 : path);
}

static bool serves_arith(const gee_cycle_t *cycle) {
    const gee_settings_t *settings = gee_cycle_settings(cycle);
    for (size_t i = 0; i < settings->services.count; i++)
        if (strcmp(gee_settings_service(settings, i)->name, "Arith") == 0)
            return true;
    return false;
}

/* The first listener's address for a client on this host: "any host" cannot be dialled. */
static const char *dialled(const gee_cycle_t *cycle) {
    const gee_listener_t *listener = cycle->listeners[0].listener;
    const gee_sockaddr_t *address = &listener->sockaddr;
    if (address->any.sa_family == AF_INET && address->v4.sin_addr.s_addr == htonl(INADDR_ANY))
        return gee_pool_printf(cycle->pool, "%s@127.0.0.1:%u", listener->addr.scheme, ntohs(address->v4.sin_port));
    if (address->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr))
        return gee_pool_printf(cycle->pool, "%s@[::1]:%u", listener->addr.scheme, ntohs(address->v6.sin6_port));
    return listener->bound;
}

const char *gee_describe_ready(const gee_cycle_t *cycle) {
    const char *text = gee_pool_printf(cycle->pool, "geerpc %s ready: %s", gee_version, gee_describe_cycle(cycle));
    return text ? text : "ready";
}

const char *gee_describe_try(const gee_cycle_t *cycle) {
    char geectl[PATH_MAX];
    const char *address = cycle->listener_count > 0 && serves_arith(cycle) ? dialled(cycle) : NULL;
    if (!address)
        return NULL;
    find_geectl(geectl, sizeof geectl);
    return gee_pool_printf(cycle->pool, "try: %s call %s Arith.Multiply '{\"A\":7,\"B\":8}'", geectl, address);
}
