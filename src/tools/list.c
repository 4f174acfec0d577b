/* list.c: geectl list: the methods of a server, one a line. */
#include "tools/tools.h"

static void print_names(const description_t *description) {
    for (size_t i = 0; i < description->method_count; i++) {
        gee_print_text(stdout, STYLE_PLAIN, description->methods[i].name);
        putchar('\n');
    }
}

static int run_list(const arguments_t *arguments) {
    return gee_description_show(arguments, arguments->count > 1 ? arguments->items[1] : "", print_names);
}

const command_t gee_list_command = {
    .bit = ON_LIST,
    .name = "list",
    .synopsis = "ADDRESS [SERVICE]",
    .summary = "list the methods of a server",
    .text = "Lists the methods of the server, or of one of its services, one a line.\n"
            "\n"
            "  geectl list tcp@127.0.0.1:9999",
    .least = 1,
    .most = 2,
    .run = run_list,
};
