/* tools.h: what geectl's subcommands share.
 *
 *   geectl.c                 which subcommand?
 *   arguments.c              its options and arguments
 *   connection.c             the client, or several
 *   call.c ping.c list.c describe.c bench.c status.c top.c registry.c keygen.c
 *   report.c table.c interrupt.c   output, with colours and columns; Ctrl-C
 *   stream.c values.c        a streaming call: values in, lines out
 *   proto.c                  a description as a .proto file
 *   description.c json.c     reading the reply of Gee.Describe */
#ifndef GEE_TOOLS_H
#define GEE_TOOLS_H

#include <stdio.h>

#include "client/geerpc.h"

/* The exit status. */
enum {
    EXIT_REPLY = 0,
    EXIT_ERROR_REPLY = 1, /* the server replied with an error; of many calls: at least one had no reply */
    EXIT_USAGE = 2,       /* and every other failure before anything was sent */
    EXIT_CONNECTION = 3
};

#define NANOSECONDS 1000000000LL /* in a second */

/* ---- arguments.c ---- */

#define ARGUMENTS_MAX 3
#define METADATA_MAX  64

/* One bit for each subcommand; an option has the bits of the subcommands that take the option. */
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

/* The options of all subcommands; an option that the subcommand does not take is zero. Times are in nanoseconds. */
typedef struct arguments {
    const char *items[ARGUMENTS_MAX];
    size_t count;
    const char *codec, *protocol;   /* null: the library's default */
    const char *balance, *key;      /* the same */
    const char *server_key;         /* null: connections are in clear */
    const char *key_file;           /* null: the client is anonymous */
    const char *descriptors;        /* null: types come from the server, where they are needed */
    const char *registry, *service; /* null: none */
    const char *arrivals;
    int64_t timeout; /* 0: none */
    int64_t interval, duration, warmup, ttl, refresh;
    uint64_t message_limit;
    uint64_t calls, connections, depth, threads, rate, weight; /* 0: not given, or no limit */
    gee_metadata_pair_t metadata[METADATA_MAX];
    size_t metadata_count;
    bool strict;
    bool verbose;
    bool stream;
    bool json;
    bool proto;
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

/* Reads options and arguments, which may be mixed. -1: refused, after a complaint. Cuts "key=value" words in two. */
int gee_arguments_read(const command_t *command, int count, char **words, arguments_t *arguments);
void gee_print_options(FILE *out, const command_t *command);

/* ---- report.c ---- */

/* "geectl: TEXT" on stderr; returns EXIT_USAGE. */
int gee_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints the error on stderr, for a person; returns the exit status for the error. */
int gee_report_error(const gee_error_t *error);
typedef enum style { STYLE_PLAIN, STYLE_ERROR, STYLE_NAME, STYLE_FAINT } style_t;
/* Prints a text from outside (a server, a registry, an argument): control characters are shown, so that the terminal
 * does not obey them; on a terminal in that style. */
void gee_print_text(FILE *out, style_t style, const char *text);
/* How many columns gee_print_text() takes for the text. */
size_t gee_text_width(const char *text);
/* Prints a JSON value on stdout, as a line; removes white space outside strings, in place. */
void gee_print_json(char *text);
/* Prints "TITLE  KEY: VALUE" lines on stderr; values that are bytes in hexadecimal digits, or in quotes where all are
 * printable. */
void gee_print_metadata(const char *title, const gee_received_pair_t *pairs, size_t count);
/* Prints trailing metadata and details; `initial`: before that, initial metadata. */
void gee_print_received(const gee_received_t *received, bool initial);
#define TIME_TEXT 32
/* Three digits and a unit: "850 ns", "1.23 ms", "12.3 s". Returns `target`, which has room for TIME_TEXT bytes. */
char *gee_time_text(char *target, double nanoseconds);
/* Flushes stdout. Returns `status`, or EXIT_USAGE after a complaint when stdout could not be written. */
int gee_finish_output(int status);

/* ---- table.c: columns as wide as their contents ---- */

#define TABLE_COLUMNS 10

typedef struct table {
    const char *heads[TABLE_COLUMNS + 1]; /* ends with null; columns after the first are aligned to the right */
    char **cells;                         /* row by row */
    size_t count, capacity;
    bool failed; /* out of memory: some cells are missing */
} table_t;

void gee_table_add(table_t *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints a blank line and the table, at most `lines` lines; returns how many. An empty table prints nothing. */
size_t gee_table_print(FILE *out, const table_t *table, size_t lines);
void gee_table_clear(table_t *table);

/* ---- interrupt.c: Ctrl-C and SIGTERM as a descriptor ---- */

/* From now on SIGINT and SIGTERM make the descriptor readable, and are blocked in this thread and in threads that begin
 * later (the library's threads block all signals). To be called after connecting, so that Ctrl-C ends a slow dial. -1:
 * refused, after a complaint. */
int gee_interrupt_open(void);
typedef enum waited { WAITED_TIME, WAITED_INTERRUPT, WAITED_INPUT } waited_t;
/* Waits until gee_now() is `until`, for the interrupt, or for input on `descriptor` (-1: none). */
waited_t gee_interrupt_wait(int interrupt, int64_t until, int descriptor);

/* ---- connection.c: a client for a subcommand ---- */

/* CLOCK_MONOTONIC. */
int64_t gee_now(void);
/* The sum, or INT64_MAX when the sum is larger. */
int64_t gee_later(int64_t time, int64_t by);

typedef struct connection {
    gee_client_t *client;
    int64_t deadline; /* 0: none */
} connection_t;

#define WIRE_TEXT 64
/* "geerpc, json": the wire that the options ask for. Returns `target`, which has room for WIRE_TEXT bytes. */
char *gee_wire_text(char *target, const arguments_t *arguments);
/* The options of the library for dialling, from the arguments. */
gee_dial_options_t gee_dial_options(const arguments_t *arguments);
/* Dials arguments->items[0]. -1: failed, after a complaint, with the exit status in *status. */
int gee_connect(const arguments_t *arguments, connection_t *connection, int *status);
/* The options of one call. `deadline`: what is left of --timeout until then; 0: all of --timeout. */
gee_call_options_t gee_call_options(const arguments_t *arguments, int64_t deadline);
/* Makes one call within the rest of --timeout. -1: failed, with the reason. */
int gee_call(connection_t *connection, const arguments_t *arguments, const char *method, const char *json, char **reply,
             gee_error_t *error);
/* True: arguments->items[0] names several servers, "tcp@a:1,tcp@b:2". A comma without a scheme@ after it belongs to an
 * address. */
bool gee_several_servers(const arguments_t *arguments);
/* An xclient of all servers in arguments->items[0], or of --registry. Null: failed, as gee_connect(). */
gee_xclient_t *gee_connect_all(const arguments_t *arguments, int *status);

/* Is the JSON argument at items[index] "-" or "@FILE"? */
bool gee_json_from_input(const arguments_t *arguments, size_t index);
/* The JSON argument at items[index]; without that argument "{}"; for "-" all of standard input and for "@FILE" all of
 * the file, which *input owns, for free(). Null: failed, after a complaint. */
const char *gee_json_argument(const arguments_t *arguments, size_t index, char **input);

/* ---- description.c ---- */
/* Texts are "" where the server has said nothing. */
typedef struct description_field {
    const char *name, *json_name, *oneof, *default_text;
    unsigned tag;
    size_t type;
    bool required;
} description_field_t;

typedef struct description_value {
    const char *name;
    int number;
} description_value_t;

typedef struct description_type {
    const char *kind, *name, *full_name, *key;
    description_field_t *fields;
    size_t field_count;
    description_value_t *values; /* of an enum */
    size_t value_count;
    size_t element, length;
    bool unpacked, closed;
} description_type_t;

typedef struct description_method {
    const char *name;
    size_t argument, reply;
    bool idempotent, blocking, client_streaming, server_streaming;
} description_method_t;

typedef struct description {
    void *tree; /* owns the strings of the structures below */
    description_method_t *methods;
    size_t method_count;
    description_type_t *types;
    size_t type_count;
} description_t;

/* Dials, asks the server to describe a method, a service, or ("") all services, and calls `print` with the description.
 * Returns the exit status. */
int gee_description_show(const arguments_t *arguments, const char *name,
                         void (*print)(const description_t *description));
/* The arguments of Gee.Describe, for gee_description_request_free(). Null: out of memory. */
char *gee_description_request(const char *name);
void gee_description_request_free(char *request);
typedef struct who_streams {
    bool client, server;
} who_streams_t;
/* -1: the reply of Gee.Describe does not have the method. */
int gee_description_who_streams(const char *reply, const char *method, who_streams_t *who);
/* ---- stream.c ---- */
/* Sends the values of `argument` (as gee_values_open() takes them), prints each reply; returns the exit status. `one`:
 * a second value is refused. */
int gee_stream_run(gee_client_stream_t *stream, const char *argument, bool one, bool verbose);

/* ---- description.c, again ---- */
/* Asks the server of arguments->items[0] who streams in the method items[1]. -1: failed, after a complaint, with the
 * exit status in *status. */
int gee_description_ask_who_streams(const arguments_t *arguments, who_streams_t *who, int *status);
/* "int64", "Args", "list of map of string to Args". */
void gee_print_type(FILE *out, const description_t *description, size_t type);
/* The first type of the table that is described in the same words: the table may have a type several times.
 * Precondition: type < type_count. */
size_t gee_description_first(const description_t *description, size_t type);

/* ---- proto.c ---- */
/* Prints the description as a .proto file. */
void gee_print_proto(const description_t *description);

#endif
