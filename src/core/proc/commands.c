/* commands.c: what the control socket is asked for, and the texts that describe the server. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/proc/master.h"
#include "core/proc/settings_check.h"

#define STATUS_PATIENCE GEE_SECOND

void gee_answer_waiting(gee_master_t *master, unsigned waiting, bool ok, const char *text) {
    GEE_LIST_EACH(&master->control.clients, link) {
        gee_control_client_t *client = GEE_CONTAINER(link, gee_control_client_t, link);
        if (client->waiting == waiting)
            gee_control_answer(client, ok, text);
    }
}

/* ---- ready ---- */

const char *gee_describe_cycle(const gee_cycle_t *cycle) {
    const char *text = "";
    for (size_t i = 0; i < cycle->listener_count && text; i++)
        text = gee_pool_printf(cycle->pool, "%s%s%s", text, i ? " " : "", cycle->listeners[i].listener->bound);
    if (text)
        text = gee_pool_printf(cycle->pool, "%s, %u worker%s", text, cycle->workers, cycle->workers == 1 ? "" : "s");
    return text ? text : "";
}

/* geectl beside this program, as one would type it here; else just its name. */
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

/* An address that can be dialled here: "any host" is no host. */
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

/* ---- status ---- */

static const char *state_of(const gee_worker_t *worker) {
    switch (worker->state) {
    case GEE_WORKER_STARTING:
        return "starting";
    case GEE_WORKER_SERVING:
        return "serving";
    case GEE_WORKER_LEAVING:
        break;
    }
    return "leaving";
}

static void print_worker(FILE *out, const gee_worker_t *worker) {
    char lived[GEE_DURATION_TEXT];
    int64_t age_ns = gee_clock_monotonic() - worker->started_ns;
    (void)gee_format_duration_go(lived, age_ns - age_ns % GEE_SECOND);
    (void)fprintf(out, "%s: pid %d, %s, generation %" PRIu64 ", up %s", gee_worker_name(worker->crew, worker->index),
                  (int)worker->pid, state_of(worker), worker->crew->cycle->generation, lived);
    if (worker->answered && worker->index == worker->crew->count) {
        (void)fputc('\n', out); /* the helper serves nobody */
        return;
    }
    if (worker->answered)
        (void)fprintf(out, ", connections %" PRIu64 ", calls %" PRIu64 ", in flight %" PRIu64 "\n", worker->connections,
                      worker->calls, worker->in_flight);
    else
        (void)fprintf(out, ", does not answer\n");
}

static void print_status(FILE *out, const gee_master_t *master) {
    static const char *const phases[] = { "starting", "running", "quitting", "stopping" };
    bool running = master->phase == GEE_MASTER_RUNNING;
    const gee_cycle_t *cycle = master->running ? master->running->cycle : NULL;
    char lived[GEE_DURATION_TEXT];
    int64_t age_ns = gee_clock_monotonic() - master->started_ns;
    (void)gee_format_duration_go(lived, age_ns - age_ns % GEE_SECOND);
    (void)fprintf(out, "geerpc %s: pid %d, %s, generation %" PRIu64 ", up %s\n", gee_version, (int)getpid(),
                  running && master->drained ? "drained" : phases[master->phase], cycle ? cycle->generation : 0, lived);
    if (gee_upgrade_describe(master))
        (void)fprintf(out, "upgrade: %s\n", gee_upgrade_describe(master));
    for (size_t i = 0; cycle && i < cycle->listener_count; i++)
        if (!cycle->listeners[i].listener->retired)
            (void)fprintf(out, "listening: %s\n", cycle->listeners[i].listener->bound);
    GEE_LIST_EACH(&master->crews, crew_link) {
        const gee_crew_t *crew = GEE_CONTAINER(crew_link, gee_crew_t, link);
        GEE_LIST_EACH(&crew->workers, link)
            print_worker(out, GEE_CONTAINER(link, gee_worker_t, link));
    }
}

static void answer_status(gee_master_t *master) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    gee_timer_stop(master->loop, &master->status_timer);
    if (!out) {
        gee_answer_waiting(master, GEE_WAITS_STATUS, false, "out of memory");
        return;
    }
    print_status(out, master);
    bool whole = fclose(out) == 0 && size > 0;
    if (whole)
        text[size - 1] = '\0';
    gee_answer_waiting(master, GEE_WAITS_STATUS, whole, whole ? text : "out of memory");
    free(text);
}

void gee_command_status_answered(gee_master_t *master) {
    if (!gee_timer_started(&master->status_timer))
        return;
    GEE_LIST_EACH(&master->crews, crew_link)
        GEE_LIST_EACH(&GEE_CONTAINER(crew_link, gee_crew_t, link)->workers, link) {
            const gee_worker_t *worker = GEE_CONTAINER(link, gee_worker_t, link);
            if (!worker->answered && worker->state != GEE_WORKER_STARTING)
                return;
        }
    answer_status(master);
}

static void on_status_patience_over(gee_timer_t *timer) {
    answer_status(GEE_CONTAINER(timer, gee_master_t, status_timer));
}

static void ask_status(gee_master_t *master, gee_control_client_t *client) {
    client->waiting = GEE_WAITS_STATUS;
    if (gee_timer_started(&master->status_timer))
        return; /* the answers that are on their way are for this one too */
    master->status_timer.fire = on_status_patience_over;
    if (gee_timer_start(master->loop, &master->status_timer, STATUS_PATIENCE) != 0) {
        gee_control_answer(client, false, "out of memory");
        return;
    }
    GEE_LIST_EACH(&master->crews, link)
        gee_crew_ask_status(GEE_CONTAINER(link, gee_crew_t, link));
    gee_command_status_answered(master);
}

/* ---- commands ---- */

void gee_command(gee_control_client_t *client, const char *command, void *data) {
    gee_master_t *master = data;
    if (strcmp(command, "reload") == 0) {
        gee_reload_ask(master, client);
    } else if (strcmp(command, "status") == 0) {
        ask_status(master, client);
    } else if (strcmp(command, "reopen") == 0) {
        gee_master_reopen_logs(master, client);
    } else if (strcmp(command, "upgrade") == 0) {
        gee_upgrade_ask(master, client);
    } else if (strcmp(command, "stop") == 0) {
        client->waiting = GEE_WAITS_END;
        gee_master_stop(master);
    } else if (strcmp(command, "quit") == 0) {
        client->waiting = GEE_WAITS_END;
        gee_master_quit(master);
    } else {
        gee_control_answer(client, false, "this server does not know that command");
    }
}
