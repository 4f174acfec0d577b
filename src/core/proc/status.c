/* status.c: the status that geerpc -s status prints: the workers are asked, and the answer waits for theirs. */
#include "core/proc/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/proc/master.h"
#include "core/proc/waiters.h"

#define PATIENCE GEE_SECOND /* with workers that do not answer */

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
        (void)fputc('\n', out); /* the helper serves no connections */
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
        gee_waiters_answer(&master->control, GEE_WAITS_STATUS, false, "out of memory");
        return;
    }
    print_status(out, master);
    bool whole = fclose(out) == 0 && size > 0;
    if (whole)
        text[size - 1] = '\0';
    gee_waiters_answer(&master->control, GEE_WAITS_STATUS, whole, whole ? text : "out of memory");
    free(text);
}

void gee_status_answered(gee_master_t *master) {
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

void gee_status_ask(gee_master_t *master, gee_control_client_t *client) {
    client->waiting = GEE_WAITS_STATUS;
    if (gee_timer_started(&master->status_timer))
        return; /* the answers under way are for this client, too */
    master->status_timer.fire = on_status_patience_over;
    if (gee_timer_start(master->loop, &master->status_timer, PATIENCE) != 0) {
        gee_control_answer(client, false, "out of memory");
        return;
    }
    GEE_LIST_EACH(&master->crews, link)
        gee_crew_ask_status(GEE_CONTAINER(link, gee_crew_t, link));
    gee_status_answered(master);
}
