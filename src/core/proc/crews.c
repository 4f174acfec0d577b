/* crews.c: see crews.h. */
#include "core/proc/crews.h"

#include "core/base/assert.h"
#include "core/proc/pairs.h"

void gee_crews_hand_over(gee_master_t *master) {
    GEE_LIST_EACH(&master->crews, link) {
        gee_crew_t *crew = GEE_CONTAINER(link, gee_crew_t, link);
        if (crew != master->starting)
            gee_crew_hand_over(crew, master->running);
    }
}

int gee_crews_start(gee_master_t *master, gee_cycle_t **cycle, gee_error_t *error) {
    GEE_ASSERT(!master->starting);
    if (gee_cycle_open(*cycle, error) != 0) {
        gee_cycle_close(cycle);
        return -1;
    }
    if (!master->running && (*cycle)->error_log >= 0)
        (void)gee_log_set_descriptor(master->log, (*cycle)->error_log);
    master->starting = gee_crew_create(master->loop, cycle, master->crew_events, master, error);
    if (!master->starting)
        return -1;
    gee_list_append(&master->crews, &master->starting->link);
    gee_crew_start(master->starting);
    return 0;
}

bool gee_crews_gone(const gee_master_t *master) {
    GEE_LIST_EACH(&master->crews, link)
        if (!gee_crew_empty(GEE_CONTAINER(link, gee_crew_t, link)))
            return false;
    return true;
}

bool gee_crews_reap(const gee_master_t *master, pid_t pid, int status) {
    GEE_LIST_EACH(&master->crews, link)
        if (gee_crew_reap(GEE_CONTAINER(link, gee_crew_t, link), pid, status))
            return true;
    return false;
}

void gee_crews_stop(gee_master_t *master, int signal) {
    GEE_LIST_EACH(&master->crews, link)
        gee_crew_stop(GEE_CONTAINER(link, gee_crew_t, link), signal);
}

void gee_crews_forget(const gee_master_t *master) {
    GEE_LIST_EACH(&master->crews, link)
        gee_crew_forget(GEE_CONTAINER(link, gee_crew_t, link));
}

void gee_crews_destroy(gee_master_t *master) {
    GEE_LIST_EACH(&master->crews, link) {
        gee_crew_t *crew = GEE_CONTAINER(link, gee_crew_t, link);
        gee_crew_destroy(&crew);
    }
}

/* ---- logs ---- */

typedef struct reopening {
    gee_crew_t *crew;
} reopening_t;

static void on_reopened(int descriptor, void *data) {
    gee_crew_reopen_log(((const reopening_t *)data)->crew, descriptor);
}

void gee_crews_reopen_logs(gee_master_t *master, gee_control_client_t *asker) {
    gee_error_t error = { .code = GEE_OK }, first = { .code = GEE_OK };
    GEE_LIST_EACH(&master->crews, link) {
        reopening_t reopening = { .crew = GEE_CONTAINER(link, gee_crew_t, link) };
        if (gee_log_files_reopen(&reopening.crew->cycle->log_files, on_reopened, &reopening, &error) != 0 &&
            first.code == GEE_OK)
            first = error;
    }
    bool ok = first.code == GEE_OK;
    gee_log(master->log, ok ? GEE_LOG_NOTICE : GEE_LOG_ERROR, "%s", ok ? "log files reopened" : first.text);
    if (asker)
        gee_control_answer(asker, ok, ok ? "log files reopened" : first.text);
}
