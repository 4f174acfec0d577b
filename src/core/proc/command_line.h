/* command_line.h: the command line of geerpc, parsed. */
#ifndef GEE_PROC_COMMAND_LINE_H
#define GEE_PROC_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>

typedef enum gee_action {
    GEE_ACTION_RUN,
    GEE_ACTION_TEST,
    GEE_ACTION_DUMP,
    GEE_ACTION_SIGNAL,
    GEE_ACTION_VERSION,
    GEE_ACTION_ALL_VERSIONS,
    GEE_ACTION_HELP,
    GEE_ACTION_DOCUMENT
} gee_action_t;

typedef struct gee_command_line {
    gee_action_t action;
    const char *conf;
    const char *prefix;
    const char *command;    /* of -s */
    const char **overrides; /* of -g, in their order; freed by the caller */
    size_t override_count;
    bool foreground;
    bool open; /* with -t */
} gee_command_line_t;

#define GEE_EXIT_USAGE 2

/* False: the command line is wrong, and the reason is printed. */
bool gee_command_line_parse(gee_command_line_t *line, int count, char **arguments);
void gee_command_line_help(void);

#endif
