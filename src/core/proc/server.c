/* server.c: the prefix and the paths under it. */
#include "core/proc/server.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/str.h"
#include "core/proc/helper_line.h"
#include "core/proc/inherit.h"
#include "core/proc/settings.h"

#define DIRECTORY_MODE 0755

static const char *find_conf(gee_server_state_t *server, const char *conf, const char *current) {
    const char *under_prefix = gee_server_path(server, conf, server->pool);
    if (!under_prefix || *conf == '/' || access(under_prefix, F_OK) == 0)
        return under_prefix;
    const char *here = gee_pool_printf(server->pool, "%s/%s", current, conf);
    return here && access(here, F_OK) == 0 ? here : under_prefix;
}

int gee_server_init(gee_server_state_t *server, const gee_module_entry_t *modules, const char *prefix, const char *conf,
                    gee_error_t *error) {
    char absolute[PATH_MAX], current[PATH_MAX];
    server->modules = modules;
    server->helper_requests[0] = server->helper_requests[1] = server->helper_lock = server->parent_socket = -1;
    gee_list_init(&server->zones);
    gee_list_init(&server->listeners);
    gee_list_init(&server->made);
    if (!prefix || *prefix == '\0')
        prefix = gee_default_prefix;
    if (!getcwd(current, sizeof current))
        current[0] = '\0';
    server->pool = gee_pool_create(4 * GEE_KIB);
    if (!server->pool)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    /* A missing prefix is no error for -t or -v; opening files under the prefix fails later. */
    if (realpath(prefix, absolute))
        server->prefix = gee_pool_strdup(server->pool, absolute);
    else
        server->prefix =
            gee_pool_printf(server->pool, "%s%s%s", *prefix == '/' ? "" : current, *prefix == '/' ? "" : "/", prefix);
    if (!server->prefix || !(server->conf_path = find_conf(server, conf ? conf : GEE_DEFAULT_CONF, current)))
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    return 0;
}

/* Searches PATH as a shell does. */
static const char *search(gee_pool_t *pool, const char *name, const char *current) {
    const char *path = getenv("PATH");
    gee_str_t rest = gee_str(path ? path : "/bin:/usr/bin");
    while (rest.data) {
        gee_str_t directory = gee_str_cut(&rest, ':');
        bool absolute = directory.length > 0 && directory.data[0] == '/';
        const char *file = gee_pool_printf(pool, "%s%s%.*s/%s", absolute ? "" : current, absolute ? "" : "/",
                                           GEE_STR_ARGUMENTS(directory), name);
        if (file && access(file, X_OK) == 0)
            return file;
    }
    return NULL;
}

int gee_server_called(gee_server_state_t *server, char *const *arguments, gee_error_t *error) {
    char current[PATH_MAX];
    const char *name = arguments[0] ? arguments[0] : "";
    if (!getcwd(current, sizeof current))
        current[0] = '\0';
    server->arguments = arguments;
    if (*name == '/')
        server->program = gee_pool_strdup(server->pool, name);
    else if (strchr(name, '/'))
        server->program = gee_pool_printf(server->pool, "%s/%s", current, name);
    else
        server->program = search(server->pool, name, current);
    if (!server->program && strchr(name, '/'))
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    return 0;
}

int gee_server_share(gee_server_state_t *server, gee_error_t *error) {
    void *memory = mmap(NULL, sizeof *server->quitting, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "shared memory: %s", strerror(errno));
    server->quitting = memory;
    return 0;
}

void gee_server_finish(gee_server_state_t *server) {
    if (server->quitting)
        (void)munmap(server->quitting, sizeof *server->quitting);
    gee_inherit_finish(server);
    gee_helper_line_finish(server);
    gee_log_destroy(&server->log);
    gee_pool_destroy(&server->pool);
}

const char *gee_server_path(const gee_server_state_t *server, const char *path, gee_pool_t *pool) {
    if (*path == '/')
        return gee_pool_strdup(pool, path);
    const char *between = strcmp(server->prefix, "/") == 0 ? "" : "/";
    return gee_pool_printf(pool, "%s%s%s", server->prefix, between, path);
}

/* A directory that a trial made. */
typedef struct made {
    gee_link_t link;
    const char *path;
} made_t;

static void remember_made(gee_server_state_t *server, const char *path) {
    made_t *made = gee_pool_zalloc(server->pool, sizeof *made);
    if (!made || !(made->path = gee_pool_strdup(server->pool, path)))
        return;
    gee_list_prepend(&server->made, &made->link);
}

void gee_server_unmake(gee_server_state_t *server) {
    gee_link_t *link;
    while ((link = gee_list_pop(&server->made)) != NULL)
        (void)rmdir(GEE_CONTAINER(link, made_t, link)->path);
}

void gee_server_make_parent(gee_server_state_t *server, const char *path) {
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0, prefix_length = strlen(server->prefix);
    if (length <= prefix_length || length >= sizeof parent || strncmp(path, server->prefix, prefix_length) != 0 ||
        path[prefix_length] != '/')
        return;
    memcpy(parent, path, length);
    parent[length] = '\0';
    if (mkdir(parent, DIRECTORY_MODE) != 0) {
        if (errno != EEXIST)
            gee_log(server->log, GEE_LOG_WARN, "cannot create the directory %s: %s", parent, strerror(errno));
    } else if (server->trying) {
        remember_made(server, parent);
    } else {
        gee_log(server->log, GEE_LOG_NOTICE, "created the directory %s", parent);
    }
}
