/* arguments.c: a subcommand's words: options anywhere, as --name VALUE or --name=VALUE, until a bare "--". */
#include <string.h>

#include "tools/tools.h"

typedef enum option_kind {
    OPTION_PROTOCOL,
    OPTION_CODEC,
    OPTION_TIMEOUT,
    OPTION_METADATA,
    OPTION_LIMIT,
    OPTION_HELP
} option_kind_t;

typedef struct option {
    option_kind_t kind;
    const char *name;
    const char *value; /* null: it takes none */
    const char *text;
} option_t;

static const option_t options[] = {
    { OPTION_PROTOCOL, "--protocol", "NAME", "geerpc (the default), netrpc or jsonrpc, as Go's net/rpc speaks them" },
    { OPTION_CODEC, "--codec", "NAME", "how values are written: json (the default), bin or gob" },
    { OPTION_TIMEOUT, "--timeout", "TIME", "give up after this time, connecting included: 250ms, 5s, 1m" },
    { OPTION_METADATA, "--metadata", "KEY=VALUE", "send this with the call; may be given several times" },
    { OPTION_LIMIT, "--message-limit", "SIZE", "largest reply that is taken: 64k, 16m (4m)" },
    { OPTION_HELP, "--help", NULL, "this text" },
};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static bool applies(const option_t *option, const command_t *command) {
    return option->kind != OPTION_METADATA || command->with_metadata;
}

void gee_print_options(FILE *out, const command_t *command) {
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (applies(&options[i], command)) {
            int width = fprintf(out, "  %s %s", options[i].name, options[i].value ? options[i].value : "");
            fprintf(out, "%*s%s\n", width < 26 ? 26 - width : 1, "", options[i].text);
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

static int set(arguments_t *arguments, const option_t *option, char *value) {
    switch (option->kind) {
    case OPTION_PROTOCOL:
        arguments->protocol = value;
        return 0;
    case OPTION_CODEC:
        arguments->codec = value;
        return 0;
    case OPTION_TIMEOUT:
        if (gee_parse_duration(gee_str(value), &arguments->timeout_ns) == 0 && arguments->timeout_ns > 0)
            return 0;
        gee_complain("--timeout %s: a time with its unit is needed: 250ms, 5s, 1m", value);
        return -1;
    case OPTION_LIMIT:
        if (gee_parse_size(gee_str(value), &arguments->message_limit) == 0 && arguments->message_limit > 0)
            return 0;
        gee_complain("--message-limit %s: a size is needed: 64k, 16m", value);
        return -1;
    case OPTION_METADATA:
        return set_metadata(arguments, value);
    case OPTION_HELP:
        break;
    }
    arguments->help = true;
    return 0;
}

/* Reads the option at words[*at], and its value when that is the next word. */
static int read_option(const command_t *command, int count, char **words, int *at, arguments_t *arguments) {
    char *word = words[*at];
    if (strcmp(word, "-h") == 0) {
        arguments->help = true;
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

/* "-" is standard input, and -5 a JSON number. */
static bool is_option(const char *word) {
    return word[0] == '-' && word[1] != '\0' && !(word[1] >= '0' && word[1] <= '9');
}

int gee_arguments_read(const command_t *command, int count, char **words, arguments_t *arguments) {
    bool only_arguments = false;
    memset(arguments, 0, sizeof(*arguments));
    for (int i = 0; i < count; i++) {
        if (!only_arguments && strcmp(words[i], "--") == 0) {
            only_arguments = true;
        } else if (!only_arguments && is_option(words[i])) {
            if (read_option(command, count, words, &i, arguments) != 0)
                return -1;
        } else if (arguments->count == command->most) {
            gee_complain("\"%s\" is one argument too many; usage: geectl %s %s", words[i], command->name,
                         command->synopsis);
            return -1;
        } else {
            arguments->items[arguments->count++] = words[i];
        }
    }
    if (arguments->count < command->least && !arguments->help) {
        gee_complain("too few arguments; usage: geectl %s %s", command->name, command->synopsis);
        return -1;
    }
    return 0;
}
