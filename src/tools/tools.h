/* tools.h: what geectl's subcommands share.
 *
 *   geectl.c        which subcommand?
 *   arguments.c     its options and arguments       report.c        what is printed, in which colour
 *   call.c list.c describe.c                        description.c   reading what Gee.Describe says */
#ifndef GEE_TOOLS_H
#define GEE_TOOLS_H

#include <stdio.h>

#include "client/geerpc.h"

/* What a script sees. */
enum {
    EXIT_REPLY = 0,
    EXIT_ERROR_REPLY = 1, /* the server's own */
    EXIT_USAGE = 2,       /* and whatever is wrong before anything was sent */
    EXIT_CONNECTION = 3
};

#define ARGUMENTS_MAX 3
#define METADATA_MAX  64

typedef struct arguments {
    const char *items[ARGUMENTS_MAX];
    size_t count;
    const char *codec, *protocol; /* null: the library's choice */
    int64_t timeout_ns;           /* 0: none */
    uint64_t message_limit;
    gee_metadata_pair_t metadata[METADATA_MAX];
    size_t metadata_count;
    bool help;
} arguments_t;

typedef struct command {
    const char *name;
    const char *synopsis; /* "ADDRESS METHOD [JSON]" */
    const char *summary;  /* one line */
    const char *text;     /* paragraphs of --help */
    size_t least, most;   /* how many arguments */
    bool with_metadata;
    int (*run)(arguments_t *arguments); /* returns the exit status */
} command_t;

extern const command_t gee_call_command, gee_list_command, gee_describe_command;

/* ---- arguments.c ---- */

/* Reads options and arguments, which may be mixed. -1: refused, and said so. Cuts "key=value" arguments in two. */
int gee_arguments_read(const command_t *command, int count, char **words, arguments_t *arguments);
void gee_print_options(FILE *out, const command_t *command);

/* ---- report.c ---- */

/* "geectl: TEXT" on stderr; returns EXIT_USAGE. */
int gee_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The error for a person on stderr; returns the exit status that belongs to it. */
int gee_report_error(const gee_error_t *error);
typedef enum style { STYLE_PLAIN, STYLE_ERROR, STYLE_NAME, STYLE_FAINT } style_t;
/* Text from a server: on a terminal in that style, and without what a terminal would take for orders. */
void gee_print_text(FILE *out, style_t style, const char *text);
/* One JSON value on one line: no white space but in strings. Cuts `text` down. */
void gee_compact_json(char *text);
/* Everything written to stdout has arrived, or EXIT_USAGE with a complaint. */
int gee_finish_output(int status);

/* ---- a client for a subcommand ---- */
typedef struct connection {
    gee_client_t *client;
    int64_t deadline_ns; /* of CLOCK_MONOTONIC; 0: none */
} connection_t;

/* Dials arguments->items[0]. -1: failed, with the exit status in *status, and said so. */
int gee_connect(const arguments_t *arguments, connection_t *connection, int *status);
/* One call within what is left of --timeout. The same. */
int gee_call(connection_t *connection, const arguments_t *arguments, const char *method, const char *json, char **reply,
             gee_error_t *error);

/* ---- description.c ---- */
typedef struct description_field {
    const char *name;
    unsigned tag;
    size_t type;
} description_field_t;

typedef struct description_type {
    const char *kind, *name;
    description_field_t *fields;
    size_t field_count;
    size_t element;
} description_type_t;

typedef struct description_method {
    const char *name;
    size_t argument, reply;
    bool idempotent, blocking;
} description_method_t;

typedef struct description {
    void *tree; /* owns the strings */
    description_method_t *methods;
    size_t method_count;
    description_type_t *types;
    size_t type_count;
} description_t;

/* Asks the server to describe a method, a service, or ("") everything. -1: failed, with the exit status in *status. */
int gee_description_fetch(connection_t *connection, const arguments_t *arguments, const char *name,
                          description_t *description, int *status);
void gee_description_free(description_t *description);
/* "int64", "Args", "list of map of string to Args". */
void gee_print_type(FILE *out, const description_t *description, size_t type);

#endif
