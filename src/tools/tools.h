/* tools.h: what geectl's subcommands share.
 *
 *   geectl.c                 which subcommand?
 *   arguments.c              its options and arguments
 *   connection.c             the client, or several
 *   call.c ping.c list.c describe.c bench.c status.c top.c registry.c
 *   report.c table.c interrupt.c   what is printed, in which colour; what a person's Ctrl-C does
 *   description.c json.c     reading what Gee.Describe says */
#ifndef GEE_TOOLS_H
#define GEE_TOOLS_H

#include <stdio.h>

#include "client/geerpc.h"

/* What a script sees. */
enum {
    EXIT_REPLY = 0,
    EXIT_ERROR_REPLY = 1, /* the server's own; of many calls: not every one had a reply */
    EXIT_USAGE = 2,       /* and whatever is wrong before anything was sent */
    EXIT_CONNECTION = 3
};

#define NANOSECONDS 1000000000LL /* in a second */

/* ---- arguments.c ---- */

#define ARGUMENTS_MAX 3
#define METADATA_MAX  64

/* One bit for each subcommand: which options it takes. */
enum {
    ON_CALL = 1 << 0,
    ON_BROADCAST = 1 << 1,
    ON_PING = 1 << 2,
    ON_LIST = 1 << 3,
    ON_DESCRIBE = 1 << 4,
    ON_BENCH = 1 << 5,
    ON_STATUS = 1 << 6,
    ON_TOP = 1 << 7,
    ON_KEYS = 1 << 8,
    ON_REGISTRY = 1 << 9
};

/* Every option of every subcommand; those that a subcommand does not take are zero. Times are in nanoseconds. */
typedef struct arguments {
    const char *items[ARGUMENTS_MAX];
    size_t count;
    const char *codec, *protocol;   /* null: the library's choice */
    const char *balance, *key;      /* the same */
    const char *server_key;         /* null: connections are in clear */
    const char *key_file;           /* null: we stay anonymous */
    const char *registry, *service; /* the same */
    const char *arrivals;
    int64_t timeout; /* 0: none */
    int64_t interval, duration, warmup, ttl, refresh;
    uint64_t message_limit;
    uint64_t calls, connections, depth, threads, rate, weight; /* 0: not given, or no limit */
    gee_metadata_pair_t metadata[METADATA_MAX];
    size_t metadata_count;
    bool strict;
    bool json;
    bool help;
} arguments_t;

typedef struct command {
    unsigned bit; /* ON_... */
    const char *name;
    const char *synopsis;                     /* "ADDRESS METHOD [JSON]" */
    const char *summary;                      /* one line */
    const char *text;                         /* paragraphs of --help */
    size_t least, most;                       /* how many arguments */
    int (*run)(const arguments_t *arguments); /* returns the exit status */
} command_t;

extern const command_t gee_call_command, gee_broadcast_command, gee_ping_command, gee_list_command,
    gee_describe_command, gee_bench_command, gee_status_command, gee_top_command, gee_keygen_command,
    gee_pubkey_command, gee_registry_command;

/* Reads options and arguments, which may be mixed. -1: refused, and said so. Cuts "key=value" arguments in two. */
int gee_arguments_read(const command_t *command, int count, char **words, arguments_t *arguments);
void gee_print_options(FILE *out, const command_t *command);

/* ---- report.c ---- */

/* "geectl: TEXT" on stderr; returns EXIT_USAGE. */
int gee_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The error for a person on stderr; returns the exit status that belongs to it. */
int gee_report_error(const gee_error_t *error);
typedef enum style { STYLE_PLAIN, STYLE_ERROR, STYLE_NAME, STYLE_FAINT } style_t;
/* Every text that is not our own, be it a server's, a registry's or an argument: without what a terminal would take for
 * orders; on a terminal in that style. */
void gee_print_text(FILE *out, style_t style, const char *text);
/* How many columns that takes. */
size_t gee_text_width(const char *text);
/* One JSON value on one line: no white space but in strings. Cuts `text` down. */
void gee_compact_json(char *text);
#define TIME_TEXT 32
/* Three digits and a unit: "850 ns", "1.23 ms", "12.3 s". Returns `target`, which has room for TIME_TEXT bytes. */
char *gee_time_text(char *target, double nanoseconds);
/* Everything written to stdout has arrived, or EXIT_USAGE with a complaint. */
int gee_finish_output(int status);

/* ---- table.c: columns as wide as what is in them ---- */

#define TABLE_COLUMNS 10

typedef struct table {
    const char *heads[TABLE_COLUMNS + 1]; /* ends with null; all columns but the first are numbers: to the right */
    char **cells;                         /* row by row */
    size_t count, capacity;
    bool failed; /* out of memory: some cells are missing */
} table_t;

void gee_table_add(table_t *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* With a blank line before it, and nothing at all when it is empty. At most `lines`; returns how many it has used. */
size_t gee_table_print(FILE *out, const table_t *table, size_t lines);
void gee_table_clear(table_t *table);

/* ---- interrupt.c: Ctrl-C and SIGTERM as something that can be waited for ---- */

/* From now on they are not delivered, here and in threads that are started later (the library's have them blocked), but make
 * this descriptor readable. Not before there is something to be ended in good order: connecting must not hold up who wants to
 * stop. -1: refused, and said so. */
int gee_interrupt_open(void);
typedef enum waited { WAITED_TIME, WAITED_INTERRUPT, WAITED_INPUT } waited_t;
/* Waits until the clock shows `until` (gee_now()), the interrupt, or input on `descriptor` (-1: none). */
waited_t gee_interrupt_wait(int interrupt, int64_t until, int descriptor);

/* ---- connection.c: a client for a subcommand ---- */

/* CLOCK_MONOTONIC. */
int64_t gee_now(void);
/* The end of time when there is no such time. */
int64_t gee_later(int64_t time, int64_t by);

typedef struct connection {
    gee_client_t *client;
    int64_t deadline; /* 0: none */
} connection_t;

#define WIRE_TEXT 64
/* "geerpc, json": what the options want to be spoken. Returns `target`, which has room for WIRE_TEXT bytes. */
char *gee_wire_text(char *target, const arguments_t *arguments);
/* How the options want servers to be dialled. */
gee_dial_options_t gee_dial_options(const arguments_t *arguments);
/* Dials arguments->items[0]. -1: failed, with the exit status in *status, and said so. */
int gee_connect(const arguments_t *arguments, connection_t *connection, int *status);
/* One call within what is left of --timeout. -1: failed, with the reason. */
int gee_call(connection_t *connection, const arguments_t *arguments, const char *method, const char *json, char **reply,
             gee_error_t *error);
/* Does arguments->items[0] name several servers: "tcp@a:1,tcp@b:2"? A comma that no scheme@ follows is part of an address. */
bool gee_several_servers(const arguments_t *arguments);
/* An xclient of those, or of the servers of --registry. Null: failed, as gee_connect(). */
gee_xclient_t *gee_connect_all(const arguments_t *arguments, int *status);

/* The JSON argument at items[index], "{}" when there is none; all of standard input when it is "-", which is put into *input,
 * to be freed. Null: failed, and said so. */
const char *gee_json_argument(const arguments_t *arguments, size_t index, char **input);

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

/* Dials, asks the server to describe a method, a service, or ("") everything, and has it printed. Returns the exit status. */
int gee_description_show(const arguments_t *arguments, const char *name,
                         void (*print)(const description_t *description));
/* "int64", "Args", "list of map of string to Args". */
void gee_print_type(FILE *out, const description_t *description, size_t type);

#endif
