/* commands.c: the commands of the control socket. */
#include <string.h>

#include "core/proc/crews.h"
#include "core/proc/master.h"
#include "core/proc/status.h"
#include "core/proc/waiters.h"

void gee_command(gee_control_client_t *client, const char *command, void *data) {
    gee_master_t *master = data;
    if (strcmp(command, "reload") == 0) {
        gee_reload_ask(master, client);
    } else if (strcmp(command, "status") == 0) {
        gee_status_ask(master, client);
    } else if (strcmp(command, "reopen") == 0) {
        gee_crews_reopen_logs(master, client);
    } else if (strcmp(command, "upgrade") == 0) {
        gee_upgrade_ask(master, client);
    } else if (strcmp(command, "stop") == 0) {
        client->waiting = GEE_WAITS_END;
        gee_master_stop(master);
    } else if (strcmp(command, "quit") == 0) {
        client->waiting = GEE_WAITS_END;
        gee_master_quit(master);
    } else {
        gee_control_answer(client, false, "this server does not know that command");
    }
}
