/* command_line.c: the options of the command line, which are those of nginx. */
#include "core/proc/command_line.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/defs.h"
#include "core/base/str.h"

static const char help[] =
    "usage: geerpc [-c FILE] [-p PREFIX] [-g 'SETTING = VALUE;']... [-F]\n"
    "       geerpc [-c FILE] [-p PREFIX] -t [--open] | -T\n"
    "       geerpc [-c FILE] [-p PREFIX] -s stop | quit | reload | reopen | upgrade | status\n"
    "       geerpc -v | -V | -h\n"
    "\n"
    "Starts the RPC server, in the background when all is well, or talks to the one that runs.\n"
    "\n"
    "  -c FILE      the configuration, conf/geerpc.conf under the prefix without it\n"
    "  -p PREFIX    the directory that relative paths are under\n"
    "  -g TEXT      settings that come after those of the file\n"
    "  -F           stay in the foreground and log to standard error\n"
    "  -t           check the configuration and exit\n"
    "  --open       with -t: open what a start would open, too: logs, addresses, files, directories; leave no trace of "
    "it\n"
    "  -T           check the configuration, print all settings as they take effect, and exit\n"
    "  -s stop      end the server at once\n"
    "  -s quit      end it when the calls in flight are finished\n"
    "  -s reload    load the configuration again; it is refused as a whole when anything in it is wrong\n"
    "  -s reopen    open the log files again, after they were renamed\n"
    "  -s upgrade   put the binary that is there now in the place of the one that runs; no connection is lost by it\n"
    "  -s status    show workers, connections and addresses\n"
    "  -v, -V       the version; with all modules\n"
    "  --document-configuration    docs/configuration.md, from the tables of settings\n"
    "\n"
    "Signals to the master: TERM, INT stop; QUIT quit; HUP reload; USR1 reopen; USR2 start the new binary beside this "
    "one;\n"
    "WINCH let the workers leave. See geerpc(8).\n"
    "Exit status: 0 done, 1 failed (the reasons are on standard error), 2 wrong usage.\n";

void gee_command_line_help(void) {
    (void)fputs(help, stdout);
}

static bool wrong(void) {
    (void)fputs("geerpc: see geerpc -h\n", stderr);
    return false;
}

static bool check_command(const char *command) {
    static const char *const commands[] = { "stop", "quit", "reload", "reopen", "upgrade", "status" };
    for (size_t i = 0; i < GEE_LENGTH(commands); i++)
        if (strcmp(command, commands[i]) == 0)
            return true;
    const char *nearest = gee_str_nearest(gee_str(command), commands, GEE_LENGTH(commands));
    (void)fprintf(stderr, "geerpc: -s %s: must be stop, quit, reload, reopen, upgrade or status%s%s%s\n", command,
                  nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    return false;
}

static bool choose(gee_command_line_t *line, gee_action_t action) {
    if (line->action != GEE_ACTION_RUN && line->action != action) {
        (void)fputs("geerpc: only one of -t, -T, -s, -v, -V, -h can be given\n", stderr);
        return wrong();
    }
    line->action = action;
    return true;
}

static bool take(gee_command_line_t *line, int option) {
    switch (option) {
    case 'c':
        line->conf = optarg;
        return true;
    case 'p':
        line->prefix = optarg;
        return true;
    case 'g':
        line->overrides[line->override_count++] = optarg;
        return true;
    case 'F':
        line->foreground = true;
        return true;
    case 't':
        return choose(line, GEE_ACTION_TEST);
    case 'T':
        return choose(line, GEE_ACTION_DUMP);
    case 'v':
        return choose(line, GEE_ACTION_VERSION);
    case 'V':
        return choose(line, GEE_ACTION_ALL_VERSIONS);
    case 'h':
        return choose(line, GEE_ACTION_HELP);
    case 'D':
        return choose(line, GEE_ACTION_DOCUMENT);
    case 'O':
        line->open = true;
        return true;
    case 's':
        line->command = optarg;
        return choose(line, GEE_ACTION_SIGNAL) && (check_command(optarg) || wrong());
    default: /* getopt has printed the reason */
        return wrong();
    }
}

bool gee_command_line_parse(gee_command_line_t *line, int count, char **arguments) {
    static const struct option long_options[] = { { "help", no_argument, NULL, 'h' },
                                                  { "version", no_argument, NULL, 'v' },
                                                  { "document-configuration", no_argument, NULL, 'D' },
                                                  { "open", no_argument, NULL, 'O' },
                                                  { NULL, 0, NULL, 0 } };
    int option;
    *line = (gee_command_line_t){ .action = GEE_ACTION_RUN };
    line->overrides = calloc((size_t)count + 1, sizeof(*line->overrides));
    if (!line->overrides) {
        (void)fputs("geerpc: out of memory\n", stderr);
        return false;
    }
    while ((option = getopt_long(count, arguments, "c:p:g:s:tTvVFh", long_options, NULL)) != -1)
        if (!take(line, option))
            return false;
    if (line->open && line->action != GEE_ACTION_TEST) {
        (void)fputs("geerpc: --open goes with -t\n", stderr);
        return wrong();
    }
    if (optind < count) {
        (void)fprintf(stderr, "geerpc: \"%s\" is not an option\n", arguments[optind]);
        return wrong();
    }
    return true;
}
