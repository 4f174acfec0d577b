/* main.c: the geerpc program: does what the command line asks for.
 *
 *   read the command line -> load the configuration -> -t, -T, -s: done
 *                                                   -> go into the background (but with -F, or there already) -> master
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/standard.h"
#include "core/proc/command_line.h"
#include "core/proc/control.h"
#include "core/proc/cycle.h"
#include "core/proc/daemon.h"
#include "core/proc/inherit.h"
#include "core/proc/master.h"
#include "core/proc/trial.h"
#include "core/proc/upgrade.h"
#include "core/gateway/modules.h"

static int complain(const char *text) {
    (void)fprintf(stderr, "geerpc: %s\n", text);
    return EXIT_FAILURE;
}

/* ---- without a configuration ---- */

static int print_version(bool all) {
    (void)printf("geerpc %s\n", gee_version);
    if (!all)
        return EXIT_SUCCESS;
    (void)printf("compiler: %s\nconfigured with: %s\nprefix: %s\nmodules:\n", gee_compiler,
                 *gee_configure_arguments ? gee_configure_arguments : "(no arguments)", gee_default_prefix);
    for (const gee_module_entry_t *entry = gee_modules; entry->module; entry++)
        (void)printf("  %-10s %-24s %s\n", gee_module_kind_name(entry->module->kind), entry->module->name, entry->doc);
    return EXIT_SUCCESS;
}

static int print_documentation(void) {
    gee_pool_t *pool = gee_pool_create(16 * GEE_KIB);
    gee_sections_t *sections = pool ? gee_pool_zalloc(pool, sizeof *sections) : NULL;
    int outcome = -1;
    if (sections && gee_sections_create(sections, gee_modules, pool) == 0)
        outcome = gee_conf_document(stdout, sections->items, sections->count);
    gee_pool_destroy(&pool);
    return outcome == 0 && fflush(stdout) == 0 ? EXIT_SUCCESS : complain("the documentation could not be written");
}

/* ---- with one ---- */

static int print_errors(const gee_cycle_t *cycle) {
    for (size_t i = 0; i < cycle->errors.count; i++)
        (void)fprintf(stderr, "%s\n", cycle->errors.items[i]);
    return EXIT_FAILURE;
}

static int dump(gee_cycle_t *cycle) {
    if (gee_conf_dump(stdout, cycle->sections.items, cycle->sections.count, false) != 0 || fflush(stdout) != 0)
        return complain("the configuration could not be written");
    return EXIT_SUCCESS;
}

/* The configuration is read for the path of the control socket only, so its errors do not matter. */
static int ask(const gee_server_state_t *server, const gee_cycle_t *cycle, const char *command) {
    const char *control = gee_cycle_settings(cycle)->control;
    const char *path = gee_server_path(server, control ? control : GEE_DEFAULT_CONTROL, cycle->pool);
    return path ? gee_control_ask(path, command, stdout, stderr) : complain("out of memory");
}

/* Each connection is a descriptor: take as many as the administrator allows. */
static void raise_descriptor_limit(gee_log_t *log) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        gee_log(log, GEE_LOG_INFO, "the limit of open files cannot be raised");
}

static int serve(gee_server_state_t *server, gee_cycle_t **cycle) {
    gee_starter_t starter = { .pipe = -1 };
    int status = EXIT_FAILURE;
    if (server->parent != 0 && !server->foreground)
        (void)setsid(); /* systemd or a master has put the server into the background */
    else if (!server->foreground && !gee_daemonize(&starter, &status))
        return status;
    (void)signal(SIGPIPE, SIG_IGN); /* the reader of a log may be gone */
    raise_descriptor_limit(server->log);
    return gee_master_run(server, cycle, &starter);
}

static int try_to_open(gee_cycle_t *cycle) {
    bool running = gee_trial(cycle);
    if (cycle->errors.count > 0)
        return print_errors(cycle);
    (void)printf("geerpc: the configuration %s is good, and what it names can be opened%s\n", cycle->server->conf_path,
                 running ? "; what the running server has was left alone" : "");
    return EXIT_SUCCESS;
}

static int run_with_cycle(gee_server_state_t *server, const gee_command_line_t *line, gee_cycle_t **cycle) {
    if (line->action == GEE_ACTION_SIGNAL)
        return ask(server, *cycle, line->command);
    if ((*cycle)->errors.count > 0) {
        gee_upgrade_tell_failure(server, gee_cycle_errors_text(*cycle));
        return print_errors(*cycle);
    }
    if (line->action == GEE_ACTION_DUMP)
        return dump(*cycle);
    if (line->action == GEE_ACTION_RUN)
        return serve(server, cycle);
    if (line->open)
        return try_to_open(*cycle);
    (void)printf("geerpc: the configuration %s is good\n", server->conf_path);
    return EXIT_SUCCESS;
}

static int run_with_server(gee_server_state_t *server, const gee_command_line_t *line, char *const *arguments) {
    gee_error_t error;
    if (gee_server_init(server, gee_modules, line->prefix, line->conf, &error) != 0 ||
        gee_server_called(server, arguments, &error) != 0)
        return complain(error.text);
    server->foreground = line->foreground;
    server->overrides = line->overrides;
    server->override_count = line->override_count;
    bool stays = line->action == GEE_ACTION_RUN && server->foreground;
    int own = stays ? gee_log_own_standard(STDERR_FILENO) : -1;
    server->standard_error = own >= 0 ? own : STDERR_FILENO;
    server->log = gee_log_to_descriptor(server->standard_error, GEE_LOG_NOTICE);
    if (!server->log)
        return complain("out of memory");
    gee_log_set_colour(server->log, server->foreground && isatty(STDERR_FILENO));
    if (line->action == GEE_ACTION_RUN && gee_inherit_read(server, &error) != 0) {
        gee_upgrade_tell_failure(server, error.text);
        return complain(error.text);
    }
    gee_cycle_t *cycle = gee_cycle_load(server, NULL);
    if (!cycle)
        return complain("out of memory");
    int status = run_with_cycle(server, line, &cycle);
    gee_cycle_close(&cycle);
    return status;
}

static int run(const gee_command_line_t *line, char *const *arguments) {
    static gee_server_state_t server; /* found by leak checkers in workers, too */
    gee_error_t error;
    if (line->action == GEE_ACTION_HELP) {
        gee_command_line_help();
        return EXIT_SUCCESS;
    }
    if (line->action == GEE_ACTION_VERSION || line->action == GEE_ACTION_ALL_VERSIONS)
        return print_version(line->action == GEE_ACTION_ALL_VERSIONS);
    if (gee_gateway_check_modules(gee_modules, &error) != 0)
        return complain(error.text);
    if (line->action == GEE_ACTION_DOCUMENT)
        return print_documentation();
    int status = run_with_server(&server, line, arguments);
    gee_server_finish(&server);
    return status;
}

/* Commands that only print. */
static bool prints(const gee_command_line_t *line) {
    return line->action != GEE_ACTION_RUN && line->action != GEE_ACTION_TEST &&
           (line->action != GEE_ACTION_SIGNAL || strcmp(line->command, "status") == 0);
}

int main(int count, char **arguments) {
    static gee_command_line_t line;
    if (gee_fill_standard_descriptors() != 0)
        return complain("/dev/null cannot be opened, and of standard input, output and error one is closed");
    int status = gee_command_line_parse(&line, count, arguments) ? run(&line, arguments) : GEE_EXIT_USAGE;
    free(line.overrides);
    if (status == EXIT_SUCCESS && prints(&line) && (fflush(stdout) != 0 || ferror(stdout)))
        return complain("standard output cannot be written to");
    return status;
}
