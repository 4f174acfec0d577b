/* arguments.c: reads a subcommand's words: options anywhere, as --name VALUE or --name=VALUE, until a bare "--". */
#include <string.h>

#include "tools/tools.h"

typedef enum option_kind {
    OPTION_TEXT,
    OPTION_CHOICE, /* one of the words in `value` */
    OPTION_TIME,
    OPTION_SIZE,
    OPTION_NUMBER,
    OPTION_METADATA,
    OPTION_FLAG
} option_kind_t;

/* One row for each option, or several rows when the option has another meaning for another subcommand. */
typedef struct option {
    const char *name;
    const char *value; /* null: the option takes no value */
    unsigned commands; /* ON_... */
    option_kind_t kind;
    size_t offset;        /* of the option's member in arguments_t */
    const char *fallback; /* null: zero */
    uint64_t least, most; /* bounds of times (in nanoseconds), sizes, numbers */
    const char *text;
} option_t;

#define MEMBER(name) offsetof(arguments_t, name)
#define LONGEST      (uint64_t) INT64_MAX

#define ON_CALLS (ON_CALL | ON_BROADCAST | ON_BENCH)
#define ON_DIALS (ON_CALLS | ON_PING | ON_LIST | ON_DESCRIBE)
#define ON_ALL   (ON_DIALS | ON_STATUS | ON_TOP | ON_KEYS | ON_REGISTRY)

static const option_t options[] = {
    { "--protocol", "NAME", ON_DIALS, OPTION_TEXT, MEMBER(protocol), NULL, 0, 0,
      "geerpc (the default), netrpc or jsonrpc, as Go's net/rpc speaks them" },
    { "--codec", "NAME", ON_DIALS, OPTION_TEXT, MEMBER(codec), NULL, 0, 0,
      "how values are written: json (the default), bin, proto, protojson or gob" },
    { "--descriptors", "FILE", ON_CALL | ON_BROADCAST, OPTION_TEXT, MEMBER(descriptors), NULL, 0, 0,
      "the method's types, as protoc --include_imports --descriptor_set_out=FILE writes them; the server is not "
      "asked" },
    { "--timeout", "TIME", ON_CALL | ON_BROADCAST | ON_LIST | ON_DESCRIBE, OPTION_TIME, MEMBER(timeout), NULL, 1,
      LONGEST, "give up after this time, connecting included: 250ms, 5s, 1m" },
    { "--timeout", "TIME", ON_PING, OPTION_TIME, MEMBER(timeout), "5s", 1, LONGEST,
      "an answer that takes longer is lost: 250ms, 5s (5s)" },
    { "--timeout", "TIME", ON_BENCH, OPTION_TIME, MEMBER(timeout), NULL, 1, LONGEST,
      "a call that takes longer is an error: 250ms, 5s" },
    { "--timeout", "TIME", ON_STATUS | ON_TOP, OPTION_TIME, MEMBER(timeout), "10s", 1, LONGEST,
      "give up after this time, connecting included (10s)" },
    { "--timeout", "TIME", ON_REGISTRY, OPTION_TIME, MEMBER(timeout), NULL, 1, LONGEST,
      "give up after this time without an answer (ls, put, rm: 10s; watch: never)" },
    { "--server-key", "gee-pub:...", ON_DIALS, OPTION_TEXT, MEMBER(server_key), NULL, 0, 0,
      "seal the connection to the server that has this public key" },
    { "--key", "FILE", ON_DIALS, OPTION_TEXT, MEMBER(key_file), NULL, 0, 0,
      "with --server-key: our own secret key (anonymous)" },
    { "--metadata", "KEY=VALUE", ON_CALLS, OPTION_METADATA, 0, NULL, 0, 0,
      "send this with the call; may be given several times" },
    { "--strict", NULL, ON_CALL | ON_BROADCAST, OPTION_FLAG, MEMBER(strict), NULL, 0, 0,
      "fail where the wire has no place for metadata, a timeout or a status code" },
    { "--message-limit", "SIZE", ON_DIALS & ~(unsigned)ON_PING, OPTION_SIZE, MEMBER(message_limit), NULL, 1, LONGEST,
      "largest reply that is taken: 64k, 16m (4m)" },
    { "--balance", "NAME", ON_CALL, OPTION_TEXT, MEMBER(balance), NULL, 0, 0,
      "which of several servers: random (the default), roundrobin, least, hash" },
    { "--balance-key", "TEXT", ON_CALL, OPTION_TEXT, MEMBER(key), NULL, 0, 0,
      "calls with the same key go to the same server (--balance hash)" },
    { "--registry", "SOURCE", ON_CALL | ON_BROADCAST, OPTION_TEXT, MEMBER(registry), NULL, 0, 0,
      "in place of ADDRESS: where the servers are found, as for geectl registry" },
    { "--service", "NAME", ON_CALL | ON_BROADCAST, OPTION_TEXT, MEMBER(service), NULL, 0, 0,
      "only servers that the registry has for this service" },
    { "--service", "NAME", ON_REGISTRY, OPTION_TEXT, MEMBER(service), NULL, 0, 0,
      "only servers that name this service; put, rm: the service that the server has" },
    { "--weight", "N", ON_REGISTRY, OPTION_NUMBER, MEMBER(weight), NULL, 1, 65535,
      "put: its share of the calls beside the others" },
    { "--ttl", "TIME", ON_REGISTRY, OPTION_TIME, MEMBER(ttl), NULL, 1, LONGEST,
      "put: how long it stays (as the registry has it)" },
    { "--refresh", "TIME", ON_REGISTRY, OPTION_TIME, MEMBER(refresh), NULL, 1, LONGEST,
      "watch: look this often, where the source does not tell of changes (10s)" },
    { "--count", "N", ON_PING, OPTION_NUMBER, MEMBER(calls), "4", 0, UINT32_MAX,
      "how many; 0: until it is interrupted (4)" },
    { "--interval", "TIME", ON_PING, OPTION_TIME, MEMBER(interval), "1s", 0, LONGEST, "from one to the next (1s)" },
    { "--interval", "TIME", ON_TOP, OPTION_TIME, MEMBER(interval), "1s", 10000000, LONGEST, "look this often (1s)" },
    { "--connections", "N", ON_BENCH, OPTION_NUMBER, MEMBER(connections), "16", 1, 10000, "how many (16)" },
    { "--depth", "N", ON_BENCH, OPTION_NUMBER, MEMBER(depth), NULL, 1, 1000000,
      "calls in flight on each connection (1; with --rate at most 1000)" },
    { "--rate", "N", ON_BENCH, OPTION_NUMBER, MEMBER(rate), NULL, 1, 100000000,
      "open loop: calls begin N times a second, whatever became of those before" },
    { "--arrivals", "poisson|fixed", ON_BENCH, OPTION_CHOICE, MEMBER(arrivals), "poisson", 0, 0,
      "with --rate: at random times, or evenly spaced (poisson)" },
    { "--duration", "TIME", ON_BENCH, OPTION_TIME, MEMBER(duration), NULL, 1, LONGEST,
      "end after this time (10s, unless there is a --count)" },
    { "--count", "N", ON_BENCH, OPTION_NUMBER, MEMBER(calls), NULL, 1, LONGEST, "end after so many calls" },
    { "--stream", NULL, ON_BENCH, OPTION_FLAG, MEMBER(stream), NULL, 0, 0,
      "messages of a streaming method, on a stream for each connection; not with --rate" },
    { "--warmup", "TIME", ON_BENCH, OPTION_TIME, MEMBER(warmup), "0", 0, LONGEST,
      "call for this long before anything is counted (0)" },
    { "--threads", "N", ON_BENCH, OPTION_NUMBER, MEMBER(threads), NULL, 1, 256,
      "threads that share the connections (one for every two processors)" },
    { "--verbose", NULL, ON_CALL, OPTION_FLAG, MEMBER(verbose), NULL, 0, 0,
      "or -v: print metadata and error details of the reply on stderr" },
    { "--json", NULL, ON_STATUS, OPTION_FLAG, MEMBER(json), NULL, 0, 0, "print the page's JSON as the server sent it" },
    { "--json", NULL, ON_BENCH, OPTION_FLAG, MEMBER(json), NULL, 0, 0, "print the result as a JSON object" },
    { "--json", NULL, ON_DESCRIBE, OPTION_FLAG, MEMBER(json), NULL, 0, 0,
      "print the description as JSON, as the server sent it" },
    { "--proto", NULL, ON_DESCRIBE, OPTION_FLAG, MEMBER(proto), NULL, 0, 0, "print a .proto file, which protoc takes" },
    { "--help", NULL, ON_ALL, OPTION_FLAG, MEMBER(help), NULL, 0, 0, "this text" },
};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static bool applies(const option_t *option, const command_t *command) {
    return (option->commands & command->bit) != 0;
}

void gee_print_options(FILE *out, const command_t *command) {
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (applies(&options[i], command)) {
            int width = fprintf(out, "  %s %s", options[i].name, options[i].value ? options[i].value : "");
            fprintf(out, "%*s%s\n", width < 28 ? 28 - width : 1, "", options[i].text);
        }
}

/* `length`: of the name in `word`, without "=VALUE". */
static const option_t *find(const command_t *command, const char *word, size_t length) {
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (applies(&options[i], command) && strlen(options[i].name) == length &&
            memcmp(options[i].name, word, length) == 0)
            return &options[i];
    return NULL;
}

static int unknown_option(const command_t *command, const char *word, size_t length) {
    const char *names[OPTION_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (applies(&options[i], command))
            names[count++] = options[i].name;
    const char *meant = gee_str_nearest((gee_str_t){ .data = word, .length = length }, names, count);
    if (meant != NULL)
        gee_complain("unknown option \"%.*s\", did you mean \"%s\"?", (int)length, word, meant);
    else
        gee_complain("unknown option \"%.*s\"; geectl %s --help lists them", (int)length, word, command->name);
    return -1;
}

static int set_metadata(arguments_t *arguments, char *value) {
    char *equals = strchr(value, '=');
    if (equals == NULL || equals == value) {
        gee_complain("--metadata %s: KEY=VALUE is needed", value);
        return -1;
    }
    if (arguments->metadata_count == METADATA_MAX) {
        gee_complain("--metadata: at most %d", METADATA_MAX);
        return -1;
    }
    *equals = '\0';
    arguments->metadata[arguments->metadata_count++] = (gee_metadata_pair_t){ .key = value, .value = equals + 1 };
    return 0;
}

/* True: `word` is one of the words in "poisson|fixed". */
static bool is_choice(const char *choices, const char *word) {
    size_t length = strlen(word);
    for (const char *at = choices; *at != '\0'; at += *at == '|') {
        size_t end = strcspn(at, "|");
        if (end == length && memcmp(at, word, length) == 0)
            return true;
        at += end;
    }
    return false;
}

/* Reads a time, a size or a number. -1: the text is none. */
static int parse(const option_t *option, const char *text, uint64_t *number) {
    int64_t time;
    if (option->kind == OPTION_SIZE)
        return gee_parse_size(gee_str(text), number);
    if (option->kind == OPTION_NUMBER)
        return gee_parse_uint64(gee_str(text), number);
    if (gee_parse_duration(gee_str(text), &time) != 0)
        return -1;
    *number = (uint64_t)time;
    return 0;
}

static int set_number(const option_t *option, const char *value, uint64_t *member) {
    uint64_t number;
    if (parse(option, value, &number) == 0 && number >= option->least && number <= option->most) {
        *member = number;
        return 0;
    }
    if (option->kind == OPTION_TIME)
        gee_complain("%s %s: a time with its unit is needed: 250ms, 5s, 1m", option->name, value);
    else if (option->kind == OPTION_SIZE)
        gee_complain("%s %s: a size is needed: 64k, 16m", option->name, value);
    else
        gee_complain("%s %s: a number from %llu to %llu is needed", option->name, value,
                     (unsigned long long)option->least, (unsigned long long)option->most);
    return -1;
}

/* `value` is null for a flag. */
static int set(arguments_t *arguments, const option_t *option, char *value) {
    void *member = (char *)arguments + option->offset;
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)member = true;
        return 0;
    case OPTION_METADATA:
        return set_metadata(arguments, value);
    case OPTION_CHOICE:
        if (!is_choice(option->value, value)) {
            gee_complain("%s %s: it is one of %s", option->name, value, option->value);
            return -1;
        }
        *(const char **)member = value;
        return 0;
    case OPTION_TEXT:
        *(const char **)member = value;
        return 0;
    case OPTION_TIME:
    case OPTION_SIZE:
    case OPTION_NUMBER:
        break;
    }
    return set_number(option, value, member);
}

/* Reads the option at words[*at], and its value, which may be the next word. */
static int read_option(const command_t *command, int count, char **words, int *at, arguments_t *arguments) {
    char *word = words[*at];
    if (strcmp(word, "-h") == 0) {
        arguments->help = true;
        return 0;
    }
    if (strcmp(word, "-v") == 0 && (command->bit & ON_CALL) != 0) {
        arguments->verbose = true;
        return 0;
    }
    char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    const option_t *option = find(command, word, length);
    if (option == NULL)
        return unknown_option(command, word, length);
    if (option->value == NULL) {
        if (equals != NULL) {
            gee_complain("%s takes no value", option->name);
            return -1;
        }
        return set(arguments, option, NULL);
    }
    if (equals != NULL)
        return set(arguments, option, equals + 1);
    if (*at + 1 >= count) {
        gee_complain("%s needs a value: %s", option->name, option->value);
        return -1;
    }
    return set(arguments, option, words[++*at]);
}

static void set_fallbacks(const command_t *command, arguments_t *arguments) {
    memset(arguments, 0, sizeof(*arguments));
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        void *member = (char *)arguments + options[i].offset;
        if (!applies(&options[i], command) || options[i].fallback == NULL)
            continue;
        if (options[i].kind == OPTION_CHOICE || options[i].kind == OPTION_TEXT)
            *(const char **)member = options[i].fallback;
        else
            (void)set_number(&options[i], options[i].fallback, member);
    }
}

/* "-" is standard input, and -5 a JSON number. */
static bool is_option(const char *word) {
    return word[0] == '-' && word[1] != '\0' && !(word[1] >= '0' && word[1] <= '9');
}

static int one_too_many(const command_t *command, const char *word) {
    gee_complain("\"%s\" is one argument too many; usage: geectl %s %s", word, command->name, command->synopsis);
    return -1;
}

/* --registry stands for the first argument. */
static int put_registry_first(const command_t *command, arguments_t *arguments) {
    if (arguments->registry == NULL && arguments->service != NULL && (command->bit & (ON_CALL | ON_BROADCAST)) != 0) {
        gee_complain("--service is for --registry, which is not given");
        return -1;
    }
    if (arguments->registry == NULL || arguments->help)
        return 0;
    if (arguments->count == command->most)
        return one_too_many(command, arguments->items[arguments->count - 1]);
    memmove(arguments->items + 1, arguments->items, arguments->count * sizeof(*arguments->items));
    arguments->items[0] = arguments->registry;
    arguments->count++;
    return 0;
}

static int check_server(const command_t *command, const arguments_t *arguments) {
    const unsigned one_server = ON_BENCH | ON_PING | ON_LIST | ON_DESCRIBE | ON_STATUS | ON_TOP;
    if ((command->bit & one_server) == 0 || arguments->count == 0 || !gee_several_servers(arguments))
        return 0;
    gee_complain("%s: geectl %s takes one server; call and broadcast take several", arguments->items[0], command->name);
    return -1;
}

int gee_arguments_read(const command_t *command, int count, char **words, arguments_t *arguments) {
    bool only_arguments = false;
    set_fallbacks(command, arguments);
    for (int i = 0; i < count; i++) {
        if (!only_arguments && strcmp(words[i], "--") == 0) {
            only_arguments = true;
        } else if (!only_arguments && is_option(words[i])) {
            if (read_option(command, count, words, &i, arguments) != 0)
                return -1;
        } else if (arguments->count == command->most) {
            return one_too_many(command, words[i]);
        } else {
            arguments->items[arguments->count++] = words[i];
        }
    }
    if (put_registry_first(command, arguments) != 0)
        return -1;
    if (check_server(command, arguments) != 0)
        return -1;
    if (arguments->count < command->least && !arguments->help) {
        gee_complain("too few arguments; usage: geectl %s %s", command->name, command->synopsis);
        return -1;
    }
    return 0;
}
