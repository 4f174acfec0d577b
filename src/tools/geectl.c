/* geectl.c: the command-line tool: finds the subcommand and runs it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/standard.h"
#include "tools/tools.h"

static const command_t *const commands[] = { &gee_call_command,   &gee_broadcast_command, &gee_ping_command,
                                             &gee_list_command,   &gee_describe_command,  &gee_bench_command,
                                             &gee_status_command, &gee_top_command,       &gee_keygen_command,
                                             &gee_pubkey_command, &gee_registry_command };
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *out) {
    fputs("usage: geectl COMMAND [OPTION]... ADDRESS [ARGUMENT]...\n"
          "       geectl COMMAND --help | --help | --version\n"
          "\n"
          "Talks to a geerpc server, or a Go one. An address is tcp@HOST:PORT, unix@PATH or http@HOST:PORT.\n"
          "\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-10s %-36s%s\n", commands[i]->name, commands[i]->synopsis, commands[i]->summary);
    fputs("\n"
          "Exit status: 0 a reply, 1 an error reply (its text on stderr) or, of ping and bench, not a\n"
          "reply to every call, 2 wrong usage, 3 trouble with the connection.\n",
          out);
}

static void print_command_help(const command_t *command) {
    printf("usage: geectl %s [OPTION]... %s\n\n%s\n\n", command->name, command->synopsis, command->text);
    gee_print_options(stdout, command);
}

static int unknown_command(const char *word) {
    const char *names[COMMAND_COUNT];
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i]->name;
    const char *meant = gee_str_nearest(gee_str(word), names, COMMAND_COUNT);
    if (meant != NULL)
        return gee_complain("unknown command \"%s\", did you mean \"%s\"?", word, meant);
    return gee_complain("unknown command \"%s\"; geectl --help lists them", word);
}

static int run_command(const command_t *command, int count, char **words) {
    arguments_t arguments;
    if (gee_arguments_read(command, count, words, &arguments) != 0)
        return EXIT_USAGE;
    if (arguments.help) {
        print_command_help(command);
        return gee_finish_output(EXIT_REPLY);
    }
    return gee_finish_output(command->run(&arguments));
}

int main(int count, char **words) {
    if (gee_fill_standard_descriptors() != 0)
        return gee_complain("/dev/null: %s", strerror(errno));
    const char *word = count > 1 ? words[1] : "";
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        print_help(stdout);
        return gee_finish_output(EXIT_REPLY);
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        printf("geectl %s\n", gee_version_text());
        return gee_finish_output(EXIT_REPLY);
    }
    if (word[0] == '\0') {
        print_help(stderr);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i]->name, word) == 0)
            return run_command(commands[i], count - 2, words + 2);
    return unknown_command(word);
}
