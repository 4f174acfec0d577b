/* worker.c: the life of a worker process.
 *
 *   forked -> user -> loop, threads, engine, dispatch, modules -> READY -> ADOPT sockets -> serve -> leave -> exit
 *                                                                          TAKE connections      GIVE connections
 */
#include "core/proc/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/event/work.h"
#include "core/proc/described.h"
#include "core/proc/seals.h"
#include "core/proc/settings_check.h"
#include "core/proc/worker_crash.h"
#include "core/proc/worker_private.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/session_private.h"

#define EXIT_FAILED_START 1
#define EXIT_BROKEN_LOOP  2

/* ---- what the master says ---- */

static void reopen_log(gee_worker_process_t *process, const gee_message_t *message, int descriptor) {
    if (descriptor < 0)
        return;
    GEE_LIST_EACH(&process->cycle->log_files.files, link) {
        int number = GEE_CONTAINER(link, gee_log_file_t, link)->descriptor;
        if ((uint32_t)number == message->number && dup3(descriptor, number, O_CLOEXEC) < 0)
            gee_log(process->log, GEE_LOG_ERROR, "a log file cannot be reopened: %s", strerror(errno));
    }
    (void)close(descriptor);
}

static void answer_status(gee_worker_process_t *process) {
    gee_message_t message = { .type = GEE_MESSAGE_STATUS,
                              .value = process->connections,
                              .calls = process->finished_calls,
                              .in_flight = process->engine->live_calls };
    GEE_LIST_EACH(&process->engine->sessions, link) {
        const gee_session_t *session = GEE_CONTAINER(link, gee_session_t, link);
        if (session->role == GEE_SERVING)
            message.calls += session->calls_total;
    }
    (void)gee_channel_send(&process->channel, &message, -1);
}

static void process_quit(gee_worker_process_t *process) {
    if (gee_is_helper(process))
        gee_loop_stop(process->loop);
    else
        gee_worker_leave(process);
}

static void worker_on_message(gee_channel_t *channel, const gee_message_t *message, int descriptor) {
    gee_worker_process_t *process = GEE_CONTAINER(channel, gee_worker_process_t, channel);
    switch ((gee_message_type_t)message->type) {
    case GEE_MESSAGE_ADOPT:
        gee_worker_adopt(process, message, descriptor);
        return;
    case GEE_MESSAGE_REOPEN:
        reopen_log(process, message, descriptor);
        return;
    case GEE_MESSAGE_RELEASE:
        gee_worker_release(process, message);
        break;
    case GEE_MESSAGE_QUIT:
        process_quit(process);
        break;
    case GEE_MESSAGE_LEAVE:
        if (gee_is_helper(process))
            gee_helper_leave(process);
        break;
    case GEE_MESSAGE_STATUS:
        answer_status(process);
        break;
    case GEE_MESSAGE_GIVE:
        gee_worker_give_over(process, message->number, descriptor);
        return;
    case GEE_MESSAGE_TAKE:
        gee_worker_take_over(process, descriptor);
        return;
    case GEE_MESSAGE_READY:
    case GEE_MESSAGE_FAILED:
    case GEE_MESSAGE_LEFT:
        break;
    }
    if (descriptor >= 0)
        (void)close(descriptor);
}

static void worker_on_channel_ended(gee_channel_t *channel) {
    gee_worker_process_t *process = GEE_CONTAINER(channel, gee_worker_process_t, channel);
    gee_log(process->log, GEE_LOG_ALERT, "the master is gone: this worker leaves");
    process_quit(process);
}

/* A terminal sends INT, QUIT and HUP to every process in the foreground; the master handles them and tells the
 * workers. */
static void worker_on_signal(int number, void *data) {
    gee_worker_process_t *process = data;
    if (number != SIGTERM)
        return;
    if (gee_is_helper(process))
        gee_helper_end(process);
    else
        gee_worker_cut(process);
}

static int worker_take_signals(gee_worker_process_t *process, gee_error_t *error) {
    static const int signals[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH };
    sigset_t mask;
    if (gee_loop_signals(process->loop, signals, GEE_LENGTH(signals), worker_on_signal, process, error) != 0)
        return -1;
    (void)sigemptyset(&mask);
    for (size_t i = 0; i < GEE_LENGTH(signals); i++)
        (void)sigaddset(&mask, signals[i]);
    (void)pthread_sigmask(SIG_SETMASK, &mask, NULL); /* unblocks SIGCHLD, which the master had blocked */
    return 0;
}

static int arm_crash(const gee_worker_process_t *process, gee_error_t *error) {
    char name[32];
    (void)snprintf(name, sizeof name, gee_is_helper(process) ? "helper" : "worker %u", process->index);
    return gee_worker_crash_arm(name, process->log, error);
}

/* ---- starting ---- */

/* Null: out of memory. */
static const char **list_listeners(const gee_cycle_t *cycle) {
    const char **addresses = gee_pool_array(cycle->pool, cycle->listener_count + 1, sizeof *addresses);
    for (size_t i = 0; addresses && i < cycle->listener_count; i++)
        addresses[i] = cycle->listeners[i].listener->bound;
    return addresses;
}

static int make_engine(gee_worker_process_t *process, gee_error_t *error) {
    const gee_settings_t *settings = gee_cycle_settings(process->cycle);
    const char **listeners = list_listeners(process->cycle);
    if (!listeners)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    process->threads =
        gee_thread_pool_create((unsigned)settings->thread_pool.threads, (size_t)settings->thread_pool.queue, error);
    process->resolver = process->threads ? gee_work_threads(error) : NULL;
    if (!process->resolver)
        return -1;
    gee_thread_pool_set_hooks(process->threads, gee_worker_crash_enter_thread, gee_worker_crash_leave_thread);
    gee_thread_pool_set_hooks(process->resolver, gee_worker_crash_enter_thread, gee_worker_crash_leave_thread);
    gee_engine_options_t options = { .loop = process->loop,
                                     .log = process->log,
                                     .modules = process->cycle->server->modules,
                                     .module_conf = process->cycle->sections.module_conf,
                                     .limits = settings->limits,
                                     .timeouts = settings->timeouts,
                                     .threads = process->threads,
                                     .resolver = process->resolver,
                                     .worker_index = process->index,
                                     .helper = process->cycle->helper ? &process->cycle->helper->line : NULL,
                                     .listeners = listeners,
                                     .quitting = process->cycle->server->quitting };
    process->engine = gee_engine_create(&options, error);
    return process->engine ? 0 : -1;
}

static size_t list_services(const gee_worker_process_t *process, gee_service_entry_t *entries) {
    const gee_settings_t *settings = gee_cycle_settings(process->cycle);
    const gee_module_entry_t *modules = process->cycle->server->modules;
    size_t count = 0;
    for (size_t i = 0; i < settings->services.count; i++) {
        const gee_service_settings_t *service = gee_settings_service(settings, i);
        const gee_service_t *described = gee_described_service(process->cycle, i);
        entries[count++] =
            (gee_service_entry_t){ .service = described ? described : gee_service_by_name(modules, service->name),
                                   .checked = described != NULL,
                                   .name = service->name,
                                   .target = gee_worker_target(process, service->upstream),
                                   .idempotent = service->idempotent,
                                   .undeclared = service->undeclared,
                                   .timeout_ns = service->timeout };
    }
    if (settings->services.count > 0)
        return count;
    for (const gee_service_t *service; (service = gee_service_usual(modules, count)) != NULL; count++)
        entries[count] = (gee_service_entry_t){ .service = service };
    return count;
}

static size_t list_filters(const gee_worker_process_t *process, gee_filter_entry_t *entries) {
    const gee_module_entry_t *modules = process->cycle->server->modules;
    size_t count = 0;
    for (size_t i = 0; modules[i].module; i++)
        if (modules[i].module->kind == GEE_MODULE_FILTER)
            entries[count++] =
                (gee_filter_entry_t){ .module = modules[i].module, .conf = process->cycle->sections.module_conf[i] };
    return count;
}

static int make_dispatch(gee_worker_process_t *process, gee_error_t *error) {
    const gee_settings_t *settings = gee_cycle_settings(process->cycle);
    gee_pool_t *pool = process->cycle->pool;
    size_t modules = process->cycle->sections.module_count;
    gee_service_entry_t *services = gee_pool_array(pool, modules + settings->services.count, sizeof *services);
    gee_filter_entry_t *filters = gee_pool_array(pool, modules, sizeof *filters);
    if (!services || !filters)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    size_t service_count = list_services(process, services), filter_count = list_filters(process, filters);
    process->dispatch =
        gee_dispatch_create(process->engine, services, service_count, filters, filter_count, settings->describe, error);
    return process->dispatch ? 0 : -1;
}

static int start_modules(gee_worker_process_t *process, gee_error_t *error) {
    const gee_sections_t *sections = &process->cycle->sections;
    for (size_t i = 0; i < sections->module_count; i++) {
        const gee_module_t *module = process->cycle->server->modules[i].module;
        if (module->worker_start && module->worker_start(sections->module_conf[i], process->engine, error) != 0)
            return gee_error_prefix(error, "%s: ", module->name);
        process->started++;
    }
    return 0;
}

static void worker_on_wake(gee_watch_t *watch, uint32_t events GEE_UNUSED) {
    gee_worker_process_t *process = GEE_CONTAINER(watch, gee_worker_process_t, wake);
    const gee_sections_t *sections = &process->cycle->sections;
    uint64_t count;
    (void)!read(watch->descriptor, &count, sizeof count);
    gee_worker_look_at_lists(process);
    for (size_t i = 0; i < process->started; i++) {
        const gee_module_t *module = process->cycle->server->modules[i].module;
        if (module->worker_wake)
            module->worker_wake(sections->module_conf[i], process->engine);
    }
}

static int listen_to_helper(gee_worker_process_t *process, gee_error_t *error) {
    gee_helper_wires_t *wires = process->cycle->helper;
    if (!wires)
        return 0;
    wires->worker = process->index;
    process->wake.descriptor = wires->wakes[process->index];
    process->wake.ready = worker_on_wake;
    return gee_loop_watch(process->loop, &process->wake, EPOLLIN, error);
}

static int start_serving(gee_worker_process_t *process, gee_error_t *error) {
    gee_worker_count_start(process);
    if (gee_worker_open_upstreams(process, error) != 0 || gee_worker_open_lists(process, error) != 0 ||
        make_dispatch(process, error) != 0 || start_modules(process, error) != 0)
        return -1;
    return listen_to_helper(process, error);
}

static int process_start(gee_worker_process_t *process, gee_error_t *error) {
    process->addresses = gee_string_map_create();
    if (!process->addresses)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    if (gee_user_take(&process->cycle->user, error) != 0)
        return -1;
    gee_seals_hide(process->cycle);
    /* A change of user clears the signal, so set again. While hooks run, the worker would not notice the master's
     * end. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (make_engine(process, error) != 0 ||
        (gee_is_helper(process) ? gee_helper_start : start_serving)(process, error) != 0)
        return -1;
    (void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
    return 0;
}

/* ---- the end ---- */

static void stop_modules(gee_worker_process_t *process) {
    while (process->started > 0) {
        size_t i = --process->started;
        const gee_module_t *module = process->cycle->server->modules[i].module;
        if (module->worker_stop)
            module->worker_stop(process->cycle->sections.module_conf[i], process->engine);
    }
}

static void process_finish(gee_worker_process_t *process) {
    gee_loop_unwatch(process->loop, &process->wake);
    gee_timer_stop(process->loop, &process->lists_timer);
    (gee_is_helper(process) ? gee_helper_finish : stop_modules)(process);
    gee_worker_close_upstreams(process);
    gee_thread_pool_destroy(&process->threads);
    gee_worker_leave_finish(process);
    gee_worker_give_finish(process);
    gee_worker_take_finish(process);
    gee_worker_accept_finish(process);
    gee_dispatch_destroy(&process->dispatch);
    gee_engine_destroy(&process->engine);
    gee_thread_pool_abandon(&process->resolver);
    gee_channel_close(&process->channel);
    gee_loop_destroy(&process->loop);
}

static void tell_master(gee_worker_process_t *process, gee_message_type_t type, const char *text) {
    gee_message_t message = { .type = (uint32_t)type };
    (void)gee_str_format(message.text, sizeof message.text, "%s", text);
    message.length = (uint32_t)strlen(message.text);
    (void)gee_channel_send(&process->channel, &message, -1);
}

static void use_log(const gee_worker_process_t *process) {
    gee_log_forget_held(process->log); /* the master writes its own held lines */
    if (process->cycle->error_log >= 0)
        (void)gee_log_set_descriptor(process->log, process->cycle->error_log);
    gee_log_set_level(process->log, (gee_log_level_t)gee_cycle_settings(process->cycle)->error_log.level);
}

/* Opens loop and channel; before that, failures cannot be reported to the master. */
static int open_channel(gee_worker_process_t *process, int channel, gee_error_t *error) {
    process->loop = gee_loop_create(process->log, error);
    if (!process->loop) {
        (void)close(channel);
        return -1;
    }
    return gee_channel_open(&process->channel, process->loop, channel, error);
}

static int process_run(gee_worker_process_t *process, int channel) {
    gee_error_t error;
    if (open_channel(process, channel, &error) != 0 || worker_take_signals(process, &error) != 0 ||
        arm_crash(process, &error) != 0) {
        gee_log(process->log, GEE_LOG_CRIT, "worker %u cannot start: %s", process->index, error.text);
        return EXIT_FAILED_START;
    }
    if (process_start(process, &error) != 0) {
        tell_master(process, GEE_MESSAGE_FAILED, error.text);
        return EXIT_FAILED_START;
    }
    tell_master(process, GEE_MESSAGE_READY, "");
    if (gee_loop_run(process->loop) != 0)
        return EXIT_BROKEN_LOOP;
    return process->failed ? EXIT_FAILED_START : EXIT_SUCCESS;
}

int gee_worker_main(gee_cycle_t *cycle, unsigned index, int channel) {
    static gee_worker_process_t process; /* static, so that leak checkers find what it holds */
    process = (gee_worker_process_t){ .cycle = cycle, .index = index, .log = cycle->server->log };
    gee_list_init(&process.acceptors);
    gee_list_init(&process.givers);
    gee_list_init(&process.takers);
    process.channel =
        (gee_channel_t){ .watch.descriptor = -1, .received = worker_on_message, .ended = worker_on_channel_ended };
    (void)prctl(PR_SET_NAME, gee_is_helper(&process) ? "geerpc-helper" : "geerpc-worker", 0, 0, 0);
    use_log(&process);
    gee_listeners_forget(cycle->server);
    int status = process_run(&process, channel);
    if (process.abandon)
        _exit(status); /* threads still run handlers, which use the engine */
    if (process.loop)
        process_finish(&process);
    return status;
}
