/* crew.c: starting, replacing and dismissing workers. In the master. Which worker serves which socket is in slots.c. */
#include "core/proc/crew.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/event/rights.h"
#include "core/proc/connection_counts.h"
#include "core/proc/slots.h"
#include "core/proc/worker.h"

#define START_PATIENCE (30 * GEE_SECOND) /* for READY */
#define LEAVE_PATIENCE (5 * GEE_SECOND)  /* beyond shutdown_timeout, or after TERM */
#define SHORT_LIFE     GEE_SECOND        /* a worker that dies sooner is started again with back-off */
#define LONG_LIFE      (10 * GEE_SECOND) /* one that lived so long ends the back-off */
#define FIRST_DELAY    (100 * GEE_MILLISECOND)
#define LONGEST_DELAY  (10 * GEE_SECOND)

#define WITHDRAW_PATIENCE (5 * GEE_SECOND) /* for the helper to take the server out of registries */

static void crew_spawn(gee_place_t *place);

static bool is_helper(const gee_worker_t *worker) {
    return worker->index == worker->crew->count;
}

const char *gee_worker_name(const gee_crew_t *crew, unsigned index) {
    static char text[20];
    (void)snprintf(text, sizeof text, index == crew->count ? "helper" : "worker %u", index);
    return text;
}

static void tell_left(gee_crew_t *crew) {
    void (*left)(void *data) = crew->left;
    crew->left = NULL;
    gee_timer_stop(crew->loop, &crew->left_timer);
    if (left)
        left(crew->left_data);
}

static void on_left_too_late(gee_timer_t *timer) {
    gee_crew_t *crew = GEE_CONTAINER(timer, gee_crew_t, left_timer);
    gee_log(crew->log, GEE_LOG_WARN, "the helper has not taken the server out of every registry within 5s");
    tell_left(crew);
}

void gee_crew_withdraw(gee_crew_t *crew, void (*left)(void *data), void *data) {
    gee_message_t message = { .type = GEE_MESSAGE_LEAVE };
    gee_worker_t *helper = crew->place_count > crew->count ? crew->places[crew->count].worker : NULL;
    crew->left = left;
    crew->left_data = data;
    if (crew->cycle->server->elsewhere || !helper || helper->state != GEE_WORKER_SERVING ||
        gee_channel_send(&helper->channel, &message, -1) != 0 ||
        gee_timer_start(crew->loop, &crew->left_timer, WITHDRAW_PATIENCE) != 0)
        tell_left(crew);
}

static void crew_on_gone(gee_task_t *task) {
    gee_crew_t *crew = GEE_CONTAINER(task, gee_crew_t, gone_task);
    crew->events->gone(crew, crew->data);
}

static void report_gone(gee_crew_t *crew) {
    if (crew->state == GEE_CREW_LEAVING && gee_crew_empty(crew))
        gee_loop_defer(crew->loop, &crew->gone_task);
}

gee_crew_t *gee_crew_create(gee_loop_t *loop, gee_cycle_t **cycle, const gee_crew_events_t *events, void *data,
                            gee_error_t *error) {
    gee_crew_t *crew = calloc(1, sizeof *crew);
    gee_place_t *places = calloc((*cycle)->workers + 1u, sizeof *places);
    if (!crew || !places) {
        free(crew);
        free(places);
        gee_cycle_close(cycle);
        (void)gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "workers: out of memory");
        return NULL;
    }
    crew->loop = loop;
    crew->cycle = *cycle;
    *cycle = NULL;
    crew->log = crew->cycle->server->log;
    crew->events = events;
    crew->data = data;
    crew->places = places;
    crew->count = crew->cycle->workers;
    crew->place_count = crew->count + (crew->cycle->helper ? 1 : 0);
    crew->left_timer.fire = on_left_too_late;
    crew->gone_task.run = crew_on_gone;
    gee_list_init(&crew->workers);
    return crew;
}

static void free_worker(gee_worker_t *worker) {
    gee_channel_close(&worker->channel);
    gee_timer_stop(worker->crew->loop, &worker->timer);
    gee_list_remove(&worker->link);
    free(worker);
}

void gee_crew_destroy(gee_crew_t **crew_pointer) {
    gee_crew_t *crew = *crew_pointer;
    *crew_pointer = NULL;
    if (!crew)
        return;
    gee_list_remove(&crew->link);
    gee_loop_undefer(&crew->gone_task);
    gee_timer_stop(crew->loop, &crew->left_timer);
    for (unsigned i = 0; i < crew->place_count; i++)
        gee_timer_stop(crew->loop, &crew->places[i].timer);
    GEE_LIST_EACH(&crew->workers, link)
        free_worker(GEE_CONTAINER(link, gee_worker_t, link));
    gee_cycle_close(&crew->cycle);
    free(crew->places);
    free(crew);
}

/* ---- messages from a worker ---- */

/* The first failure of a crew that starts is the reason why the crew does not start. */
static void fail_start(gee_crew_t *crew, const char *reason) {
    if (crew->state != GEE_CREW_STARTING)
        return;
    crew->state = GEE_CREW_LEAVING;
    crew->events->failed(crew, reason, crew->data);
}

static void on_worker_ready(gee_worker_t *worker) {
    gee_crew_t *crew = worker->crew;
    if (worker->state != GEE_WORKER_STARTING || crew->state == GEE_CREW_LEAVING)
        return;
    worker->state = GEE_WORKER_SERVING;
    gee_timer_stop(crew->loop, &worker->timer);
    if (crew->state == GEE_CREW_SERVING) {
        gee_log(crew->log, GEE_LOG_NOTICE, "%s (pid %d) serves", gee_worker_name(crew, worker->index),
                (int)worker->pid);
        if (is_helper(worker))
            return;
        gee_slots_serve(crew, worker);
        crew->events->joined(crew, crew->data);
        return;
    }
    if (++crew->ready_count == crew->place_count)
        crew->events->ready(crew, crew->data);
}

static void crew_on_message(gee_channel_t *channel, const gee_message_t *message, int descriptor) {
    gee_worker_t *worker = GEE_CONTAINER(channel, gee_worker_t, channel);
    if (descriptor >= 0)
        (void)close(descriptor); /* a worker sends no descriptors */
    switch ((gee_message_type_t)message->type) {
    case GEE_MESSAGE_READY:
        on_worker_ready(worker);
        break;
    case GEE_MESSAGE_FAILED:
        (void)gee_str_format(worker->reason, sizeof worker->reason, "%s", message->text);
        break;
    case GEE_MESSAGE_STATUS:
        worker->answered = true;
        worker->connections = message->value;
        worker->calls = message->calls;
        worker->in_flight = message->in_flight;
        worker->crew->events->status(worker->crew, worker->crew->data);
        break;
    case GEE_MESSAGE_LEFT:
        tell_left(worker->crew);
        break;
    case GEE_MESSAGE_ADOPT:
    case GEE_MESSAGE_RELEASE:
    case GEE_MESSAGE_QUIT:
    case GEE_MESSAGE_REOPEN:
    case GEE_MESSAGE_LEAVE:
    case GEE_MESSAGE_GIVE:
    case GEE_MESSAGE_TAKE:
        break;
    }
}

static void start_patience(gee_worker_t *worker, int64_t patience_ns) {
    if (gee_timer_start(worker->crew->loop, &worker->timer, patience_ns) != 0)
        gee_log(worker->crew->log, GEE_LOG_ERROR, "%s (pid %d): out of memory for its timer",
                gee_worker_name(worker->crew, worker->index), (int)worker->pid);
}

/* The worker is about to exit; a worker that hangs is killed. */
static void crew_on_channel_ended(gee_channel_t *channel) {
    start_patience(GEE_CONTAINER(channel, gee_worker_t, channel), LEAVE_PATIENCE);
}

static void kill_worker(gee_worker_t *worker, int number) {
    worker->killed = true;
    (void)kill(worker->pid, number);
}

static void on_patience_over(gee_timer_t *timer) {
    gee_worker_t *worker = GEE_CONTAINER(timer, gee_worker_t, timer);
    gee_log(worker->crew->log, GEE_LOG_ERROR, "%s (pid %d) %s: it is killed",
            gee_worker_name(worker->crew, worker->index), (int)worker->pid,
            worker->state == GEE_WORKER_STARTING ? "did not become ready within 30s" : "does not leave");
    if (worker->state == GEE_WORKER_STARTING && worker->reason[0] == '\0')
        (void)snprintf(worker->reason, sizeof worker->reason, "did not become ready within 30s");
    kill_worker(worker, SIGKILL);
}

/* ---- starting ---- */

static gee_worker_t *create_worker(gee_place_t *place, int ends[2], gee_error_t *error) {
    gee_worker_t *worker = calloc(1, sizeof *worker);
    if (!worker || gee_rights_pair(ends, error) != 0) {
        if (!worker)
            (void)gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        free(worker);
        return NULL;
    }
    worker->crew = place->crew;
    worker->index = place->index;
    worker->started_ns = gee_clock_monotonic();
    worker->timer.fire = on_patience_over;
    worker->channel.watch.descriptor = -1;
    worker->channel.received = crew_on_message;
    worker->channel.ended = crew_on_channel_ended;
    return worker;
}

/* In the child, for good. */
static _Noreturn void become_worker(gee_crew_t *crew, unsigned index, int ends[2]) {
    (void)close(ends[0]);
    crew->events->forget(crew->data);
    exit(gee_worker_main(crew->cycle, index, ends[1]));
}

static int fork_worker(gee_place_t *place, gee_error_t *error) {
    gee_crew_t *crew = place->crew;
    int ends[2];
    gee_worker_t *worker = create_worker(place, ends, error);
    if (!worker)
        return -1;
    (void)fflush(NULL); /* else parent and child would both write what is buffered */
    worker->pid = fork();
    if (worker->pid == 0)
        become_worker(crew, place->index, ends);
    (void)close(ends[1]);
    if (worker->pid < 0) {
        (void)gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "fork: %s", strerror(errno));
        (void)close(ends[0]);
        free(worker);
        return -1;
    }
    gee_list_append(&crew->workers, &worker->link);
    place->worker = worker;
    start_patience(worker, START_PATIENCE);
    if (gee_channel_open(&worker->channel, crew->loop, ends[0], error) != 0) {
        /* The worker is killed and reaped as any other. */
        gee_log(crew->log, GEE_LOG_ERROR, "%s (pid %d): %s", gee_worker_name(crew, place->index), (int)worker->pid,
                error->text);
        (void)gee_str_format(worker->reason, sizeof worker->reason, "%s", error->text);
        kill_worker(worker, SIGKILL);
    }
    return 0;
}

static void start_later(gee_place_t *place) {
    char delay[GEE_DURATION_TEXT];
    place->delay_ns = place->delay_ns == 0 ? FIRST_DELAY : 2 * place->delay_ns;
    if (place->delay_ns > LONGEST_DELAY)
        place->delay_ns = LONGEST_DELAY;
    gee_log(place->crew->log, GEE_LOG_NOTICE, "%s is started again in %s", gee_worker_name(place->crew, place->index),
            gee_format_duration(delay, place->delay_ns));
    if (gee_timer_start(place->crew->loop, &place->timer, place->delay_ns) != 0)
        gee_log(place->crew->log, GEE_LOG_CRIT, "%s: out of memory: it is not started again",
                gee_worker_name(place->crew, place->index));
}

static void crew_spawn(gee_place_t *place) {
    gee_crew_t *crew = place->crew;
    gee_error_t error;
    if (fork_worker(place, &error) == 0)
        return;
    if (crew->state != GEE_CREW_SERVING) {
        fail_start(crew, error.text);
        return;
    }
    gee_log(crew->log, GEE_LOG_CRIT, "%s cannot be started: %s", gee_worker_name(crew, place->index), error.text);
    start_later(place);
}

static void on_place_timer(gee_timer_t *timer) {
    crew_spawn(GEE_CONTAINER(timer, gee_place_t, timer));
}

void gee_crew_start(gee_crew_t *crew) {
    for (unsigned i = 0; i < crew->place_count; i++) {
        crew->places[i].crew = crew;
        crew->places[i].index = i;
        crew->places[i].timer.fire = on_place_timer;
    }
    for (unsigned i = 0; i < crew->place_count && crew->state == GEE_CREW_STARTING; i++)
        crew_spawn(&crew->places[i]);
}

void gee_crew_serve(gee_crew_t *crew) {
    GEE_ASSERT(crew->state == GEE_CREW_STARTING && crew->ready_count == crew->place_count);
    crew->state = GEE_CREW_SERVING;
    GEE_LIST_EACH(&crew->workers, link) {
        gee_worker_t *worker = GEE_CONTAINER(link, gee_worker_t, link);
        if (worker->state == GEE_WORKER_SERVING && !is_helper(worker))
            gee_slots_serve(crew, worker);
    }
}

void gee_crew_assign(gee_crew_t *crew) {
    if (crew->state == GEE_CREW_SERVING)
        gee_slots_assign(crew);
}

/* ---- dismissing ---- */

static void stop_starting(gee_crew_t *crew) {
    crew->state = GEE_CREW_LEAVING;
    for (unsigned i = 0; i < crew->place_count; i++)
        gee_timer_stop(crew->loop, &crew->places[i].timer);
}

void gee_crew_quit(gee_crew_t *crew, bool (*emptied)(const gee_listener_t *listener, void *data), void *data) {
    gee_message_t quit = { .type = GEE_MESSAGE_QUIT };
    int64_t patience_ns = gee_time_add(gee_cycle_settings(crew->cycle)->shutdown_timeout, LEAVE_PATIENCE);
    stop_starting(crew);
    gee_slots_empty(crew, emptied, data);
    GEE_LIST_EACH(&crew->workers, link) {
        gee_worker_t *worker = GEE_CONTAINER(link, gee_worker_t, link);
        if (worker->state == GEE_WORKER_LEAVING)
            continue;
        if (worker->state == GEE_WORKER_STARTING || gee_channel_send(&worker->channel, &quit, -1) != 0)
            kill_worker(worker, SIGKILL); /* the worker has no connection yet, or its channel is broken */
        worker->state = GEE_WORKER_LEAVING;
        start_patience(worker, is_helper(worker) ? LEAVE_PATIENCE : patience_ns); /* the next helper waits */
    }
    report_gone(crew);
}

static bool none(const gee_listener_t *listener GEE_UNUSED, void *data GEE_UNUSED) {
    return false;
}

void gee_crew_leave(gee_crew_t *crew) {
    gee_crew_quit(crew, none, NULL);
}

void gee_crew_return(gee_crew_t *crew) {
    if (crew->state != GEE_CREW_LEAVING)
        return;
    crew->state = GEE_CREW_SERVING;
    gee_loop_undefer(&crew->gone_task);
    for (unsigned i = 0; i < crew->place_count; i++) {
        crew->places[i].worker = NULL; /* workers that are still leaving have no place any more */
        crew->places[i].delay_ns = 0;
        crew_spawn(&crew->places[i]);
    }
}

/* At TERM a helper takes the server out of registries; when another master serves on, the helper only exits. */
static bool dismiss(gee_worker_t *worker) {
    gee_message_t quit = { .type = GEE_MESSAGE_QUIT };
    return is_helper(worker) && worker->crew->cycle->server->elsewhere &&
           gee_channel_send(&worker->channel, &quit, -1) == 0;
}

void gee_crew_stop(gee_crew_t *crew, int number) {
    stop_starting(crew);
    GEE_LIST_EACH(&crew->workers, link) {
        gee_worker_t *worker = GEE_CONTAINER(link, gee_worker_t, link);
        bool serves_nobody = worker->state == GEE_WORKER_STARTING;
        if (serves_nobody || number == SIGKILL || !dismiss(worker))
            kill_worker(worker, serves_nobody ? SIGKILL : number);
        worker->state = GEE_WORKER_LEAVING;
        start_patience(worker, LEAVE_PATIENCE);
    }
    report_gone(crew);
}

/* ---- the end of a worker ---- */

void gee_describe_end(int status, char *text, size_t capacity) {
    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        (void)snprintf(text, capacity, "was killed by signal %d (SIG%s)%s", WTERMSIG(status), name ? name : "?",
                       WCOREDUMP(status) ? ", core dumped" : "");
    } else {
        (void)snprintf(text, capacity, "exited with status %d", WEXITSTATUS(status));
    }
}

static void log_end(const gee_worker_t *worker, int status) {
    char text[100];
    gee_log_level_t level = WIFSIGNALED(status) ? GEE_LOG_ALERT : GEE_LOG_ERROR;
    if (worker->killed || (worker->state == GEE_WORKER_LEAVING && WIFEXITED(status) && WEXITSTATUS(status) == 0))
        level = GEE_LOG_INFO;
    gee_describe_end(status, text, sizeof text);
    gee_log(worker->crew->log, level, "%s (pid %d) %s%s%s", gee_worker_name(worker->crew, worker->index),
            (int)worker->pid, text, worker->reason[0] ? ": " : "", worker->reason);
}

static void report_failed_start(const gee_worker_t *worker, int status) {
    char text[GEE_MESSAGE_TEXT + 100], end[100];
    gee_describe_end(status, end, sizeof end);
    (void)gee_str_format(text, sizeof text, "%s (pid %d) %s", gee_worker_name(worker->crew, worker->index),
                         (int)worker->pid, worker->reason[0] ? worker->reason : end);
    fail_start(worker->crew, text);
}

static void replace_worker(gee_place_t *place, const gee_worker_t *dead) {
    int64_t lived_ns = gee_clock_monotonic() - dead->started_ns;
    if (lived_ns >= LONG_LIFE)
        place->delay_ns = 0;
    if (lived_ns >= SHORT_LIFE && dead->state == GEE_WORKER_SERVING)
        crew_spawn(place);
    else
        start_later(place);
    gee_slots_assign(place->crew);
}

static void crew_on_worker_end(gee_worker_t *worker, int status) {
    gee_crew_t *crew = worker->crew;
    gee_place_t *place = &crew->places[worker->index];
    bool in_place = place->worker == worker; /* false after gee_crew_return(): the place has another worker */
    gee_channel_read(&worker->channel);      /* the last messages */
    gee_channel_close(&worker->channel);
    gee_list_remove(&worker->link);
    gee_slots_forget(crew, worker);
    gee_connection_counts_forget(crew->cycle->connection_counts, worker->pid);
    if (in_place)
        place->worker = NULL;
    log_end(worker, status);
    if (is_helper(worker))
        tell_left(crew);
    if (crew->state == GEE_CREW_STARTING)
        report_failed_start(worker, status);
    else if (crew->state == GEE_CREW_SERVING && in_place)
        replace_worker(place, worker);
    free_worker(worker);
    crew->events->status(crew, crew->data); /* no status answer is to come from this worker */
}

bool gee_crew_reap(gee_crew_t *crew, pid_t pid, int status) {
    GEE_LIST_EACH(&crew->workers, link) {
        gee_worker_t *worker = GEE_CONTAINER(link, gee_worker_t, link);
        if (worker->pid != pid)
            continue;
        crew_on_worker_end(worker, status);
        report_gone(crew);
        return true;
    }
    return false;
}

/* ---- the rest ---- */

void gee_crew_reopen_log(gee_crew_t *crew, int descriptor) {
    gee_message_t message = { .type = GEE_MESSAGE_REOPEN, .number = (uint32_t)descriptor };
    GEE_LIST_EACH(&crew->workers, link)
        (void)gee_channel_send(&GEE_CONTAINER(link, gee_worker_t, link)->channel, &message, descriptor);
}

void gee_crew_ask_status(gee_crew_t *crew) {
    gee_message_t message = { .type = GEE_MESSAGE_STATUS };
    GEE_LIST_EACH(&crew->workers, link) {
        gee_worker_t *worker = GEE_CONTAINER(link, gee_worker_t, link);
        worker->answered = gee_channel_send(&worker->channel, &message, -1) != 0;
    }
}

void gee_crew_forget(gee_crew_t *crew) {
    GEE_LIST_EACH(&crew->workers, link)
        gee_channel_forget(&GEE_CONTAINER(link, gee_worker_t, link)->channel);
}
