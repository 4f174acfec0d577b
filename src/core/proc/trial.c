/* trial.c: see trial.h. */
#include "core/proc/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/str.h"
#include "core/proc/control.h"
#include "core/proc/pidfile.h"

#define LISTENING "listening: " /* as status.c prints it */

/* The status of the running server; the caller frees the text. Null: no server runs. */
static char *ask_status(const char *control) {
    char *answer = NULL, *reason = NULL;
    size_t answer_length = 0, reason_length = 0;
    FILE *out = open_memstream(&answer, &answer_length), *trouble = open_memstream(&reason, &reason_length);
    bool answered = out && trouble && gee_control_ask(control, "status", out, trouble) == EXIT_SUCCESS;
    if (out)
        answered = fclose(out) == 0 && answered;
    if (trouble)
        (void)fclose(trouble);
    free(reason);
    if (answered)
        return answer;
    free(answer);
    return NULL;
}

/* The addresses of the running server, ending with null. Null: out of memory. */
static const char **list_served(const char *status, gee_pool_t *pool) {
    gee_str_t rest = gee_str(status ? status : "");
    size_t lines = 1, count = 0;
    for (size_t i = 0; i < rest.length; i++)
        lines += rest.data[i] == '\n';
    const char **served = gee_pool_array(pool, lines + 1, sizeof *served);
    while (served && rest.length > 0) {
        gee_str_t line = gee_str_cut(&rest, '\n');
        if (gee_str_starts_with(line, GEE_STR(LISTENING)))
            served[count++] = gee_pool_strndup(pool, line.data + strlen(LISTENING), line.length - strlen(LISTENING));
    }
    return served;
}

static void add(gee_cycle_t *cycle, const void *member, const char *name, const gee_error_t *error) {
    gee_conf_errors_add(&cycle->errors, "%s: %s: %s", gee_conf_place(cycle->places, member), name, error->text);
}

static void try_pidfile(gee_cycle_t *cycle) {
    const gee_settings_t *settings = gee_cycle_settings(cycle);
    const char *path = gee_server_path(cycle->server, settings->pid, cycle->pool);
    gee_pidfile_t pidfile;
    gee_error_t error;
    if (!path)
        return;
    gee_server_make_parent(cycle->server, path);
    if (gee_pidfile_take(&pidfile, path, &error) == 0)
        gee_pidfile_release(&pidfile);
    else
        add(cycle, &settings->pid, "pid", &error);
}

static void try_control(gee_cycle_t *cycle, const char *path) {
    gee_control_t control = { .watch.descriptor = -1 };
    gee_error_t error;
    gee_loop_t *loop = gee_loop_create(cycle->server->log, &error);
    gee_server_make_parent(cycle->server, path);
    if (loop && gee_control_open(&control, loop, cycle->server->log, path, &error) == 0)
        gee_control_close(&control);
    else
        add(cycle, &gee_cycle_settings(cycle)->control, "control", &error);
    gee_loop_destroy(&loop);
}

static void try_listeners(gee_cycle_t *cycle, const char *const *served) {
    const gee_settings_t *settings = gee_cycle_settings(cycle);
    for (size_t i = 0; i < settings->listen.count; i++) {
        const gee_listen_settings_t *listen = gee_settings_listen(settings, i);
        char name[40];
        gee_error_t error;
        (void)snprintf(name, sizeof name, "listen[%zu]", i);
        if (gee_listener_try(cycle->server, listen, served, &error) != 0)
            add(cycle, &listen->address, name, &error);
    }
}

bool gee_trial(gee_cycle_t *cycle) {
    gee_server_state_t *server = cycle->server;
    const char *control = gee_server_path(server, gee_cycle_settings(cycle)->control, cycle->pool);
    char *status = control ? ask_status(control) : NULL;
    const char **served = list_served(status, cycle->pool);
    server->trying = true;
    if (!control || !served) {
        gee_conf_errors_add(&cycle->errors, "out of memory");
    } else {
        if (!status) {
            try_pidfile(cycle);
            try_control(cycle, control);
        }
        try_listeners(cycle, served);
        gee_cycle_try(cycle);
    }
    gee_server_unmake(server);
    bool running = status != NULL;
    free(status);
    return running;
}
