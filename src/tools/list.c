/* list.c: geectl list: the methods of a server, one a line. */
#include "tools/tools.h"

static int run(arguments_t *arguments) {
    connection_t connection;
    description_t description;
    int status;
    if (gee_connect(arguments, &connection, &status) != 0)
        return status;
    const char *service = arguments->count > 1 ? arguments->items[1] : "";
    if (gee_description_fetch(&connection, arguments, service, &description, &status) == 0) {
        for (size_t i = 0; i < description.method_count; i++) {
            gee_print_text(stdout, STYLE_PLAIN, description.methods[i].name);
            putchar('\n');
        }
        gee_description_free(&description);
        status = EXIT_REPLY;
    }
    gee_client_close(&connection.client);
    return status;
}

const command_t gee_list_command = {
    .name = "list",
    .synopsis = "ADDRESS [SERVICE]",
    .summary = "list the methods of a server",
    .text = "Lists the methods of the server, or of one of its services, one a line.\n"
            "\n"
            "  geectl list tcp@127.0.0.1:9999",
    .least = 1,
    .most = 2,
    .run = run,
};
