/* clients.c: the list of clients that a listener admits.
 *
 *   # comment
 *   gee-pub:BASE64 NAME
 *   gee-pub:BASE64 NAME services=Arith,Foo.Sum
 *
 * A client may have several keys (lines); a key belongs to one client. The list decides who may call, so only its owner
 * may be able to write the file. The marks of revoked identities are in memory shared with processes forked later. */
#include "channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MOST (4 * GEE_MIB)
#define NAME_MOST 64

typedef struct client {
    uint8_t key[GEE_NOISE_KEY];
    gee_identity_t identity;
    unsigned line;
} client_t;

struct gee_noise_clients {
    gee_pool_t *pool;
    client_t *items; /* the first item is for clients without a key */
    size_t count, capacity;
    bool anonymous;
    gee_string_map_t *by_key;
    atomic_bool *revoked; /* a mark for each item, shared */
    size_t revoked_bytes;
};

/* The state of reading a list. */
typedef struct reading {
    const char *path;
    unsigned line;
    gee_error_t *error;
} reading_t;

static int no_memory(const reading_t *reading) {
    return gee_error_set(reading->error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory",
                         reading->path ? reading->path : "seal.clients");
}

/* ---- the file ---- */

static const gee_noise_file_rules_t list_file = { .follow_links = true,
                                                  .forbidden = S_IWGRP | S_IWOTH,
                                                  .danger = "admit anybody",
                                                  .remedy = "chmod go-w",
                                                  .missing = "" };

static char *take_file(const reading_t *reading, gee_pool_t *pool, int descriptor, size_t length) {
    char *text = length <= FILE_MOST ? gee_pool_alloc(pool, length + 1) : NULL;
    if (text == NULL) {
        gee_error_set(reading->error, GEE_RESOURCE_EXHAUSTED, "%s: %s", reading->path,
                      length > FILE_MOST ? "larger than 4 MiB" : "out of memory");
        return NULL;
    }
    ssize_t count = gee_noise_file_read(descriptor, text, length);
    if (count < 0) {
        gee_error_set(reading->error, GEE_FAILED_PRECONDITION, "%s: %s", reading->path, strerror(errno));
        return NULL;
    }
    text[count] = '\0';
    if (strlen(text) == (size_t)count)
        return text;
    gee_error_set(reading->error, GEE_INVALID_ARGUMENT, "%s: not a text: it has a zero byte", reading->path);
    return NULL;
}

/* The text of the file in the pool, terminated; null: failed. */
static char *read_file(const reading_t *reading, gee_pool_t *pool) {
    size_t length;
    int descriptor = gee_noise_file_open(reading->path, &list_file, &length, reading->error);
    if (descriptor < 0)
        return NULL;
    char *text = take_file(reading, pool, descriptor, length);
    (void)close(descriptor);
    return text;
}

/* ---- lines ---- */

static int refuse(const reading_t *reading, const char *text) {
    return gee_error_set(reading->error, GEE_INVALID_ARGUMENT, "%s:%u: %s", reading->path, reading->line, text);
}

/* Cuts off the next word of the line; null: none. */
static char *next_word(char **at) {
    char *word = *at + strspn(*at, " \t\r");
    if (*word == '\0' || *word == '#')
        return NULL;
    size_t length = strcspn(word, " \t\r");
    *at = word + length;
    if (**at != '\0')
        *(*at)++ = '\0';
    return word;
}

static bool is_name(const char *word, size_t most) {
    for (const char *at = word; *at != '\0'; at++)
        if (*at <= ' ' || *at >= 0x7f)
            return false;
    return word[0] != '\0' && strlen(word) <= most;
}

/* Splits "Arith,Foo.Sum" into a list that ends with null. */
static int split_services(const reading_t *reading, gee_pool_t *pool, char *text, gee_identity_t *identity) {
    size_t count = 1;
    for (const char *at = text; *at != '\0'; at++)
        count += *at == ',';
    const char **services = gee_pool_array(pool, count + 1, sizeof(*services));
    if (services == NULL)
        return no_memory(reading);
    for (size_t i = 0; i < count; i++) {
        char *comma = strchrnul(text, ',');
        bool last = *comma == '\0';
        *comma = '\0';
        if (!is_name(text, SIZE_MAX))
            return refuse(reading, "services= is a list of services and methods, as in services=Arith,Foo.Sum");
        services[i] = text;
        text = comma + !last;
    }
    identity->services = services;
    return 0;
}

static client_t *add_client(gee_noise_clients_t *clients) {
    if (clients->count == clients->capacity) {
        size_t capacity = clients->capacity ? 2 * clients->capacity : 16;
        client_t *items = reallocarray(clients->items, capacity, sizeof(*items));
        if (items == NULL)
            return NULL;
        clients->items = items;
        clients->capacity = capacity;
    }
    client_t *client = &clients->items[clients->count++];
    *client = (client_t){ .line = 0 };
    return client;
}

static int take_line(const reading_t *reading, gee_noise_clients_t *clients, char *line) {
    static const char option[] = "services=";
    char *at = line, *key = next_word(&at), *name = key ? next_word(&at) : NULL, *word;
    if (key == NULL)
        return 0;
    client_t *client = add_client(clients);
    if (client == NULL)
        return no_memory(reading);
    client->line = reading->line;
    if (gee_noise_key_parse(gee_str(key), client->key, reading->error) != 0)
        return gee_error_prefix(reading->error, "%s:%u: ", reading->path, reading->line);
    if (name == NULL || !is_name(name, NAME_MOST) || strchr(name, '=') != NULL)
        return refuse(reading,
                      "behind the key stands the client's name: at most 64 visible ASCII characters, without =");
    client->identity.kind = GEE_IDENTITY_KEY;
    client->identity.name = name;
    while ((word = next_word(&at)) != NULL) {
        if (strncmp(word, option, sizeof(option) - 1) != 0 || client->identity.services != NULL)
            return refuse(reading,
                          "behind the client's name may stand services=SERVICE,SERVICE.METHOD once, else nothing");
        if (split_services(reading, clients->pool, word + sizeof(option) - 1, &client->identity) != 0)
            return -1;
    }
    return 0;
}

static int take_lines(reading_t *reading, gee_noise_clients_t *clients, char *text) {
    while (*text != '\0') {
        char *end = strchrnul(text, '\n');
        bool last = *end == '\0';
        *end = '\0';
        reading->line++;
        if (take_line(reading, clients, text) != 0)
            return -1;
        text = end + !last;
    }
    return 0;
}

/* ---- the list ---- */

static gee_str_t key_text(const uint8_t key[GEE_NOISE_KEY]) {
    return (gee_str_t){ (const char *)key, GEE_NOISE_KEY };
}

/* Precondition: the items do not move any more. */
static int index_items(reading_t *reading, gee_noise_clients_t *clients) {
    clients->by_key = gee_string_map_create();
    clients->revoked_bytes = clients->count * sizeof(*clients->revoked);
    clients->revoked = mmap(NULL, clients->revoked_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (clients->revoked == MAP_FAILED)
        clients->revoked = NULL;
    if (clients->by_key == NULL || clients->revoked == NULL)
        return no_memory(reading);
    for (size_t i = 0; i < clients->count; i++) {
        client_t *client = &clients->items[i];
        client->identity.revoked = &clients->revoked[i];
        if (i == 0)
            continue;
        const client_t *earlier = gee_string_map_get(clients->by_key, key_text(client->key));
        if (earlier != NULL)
            return gee_error_set(reading->error, GEE_INVALID_ARGUMENT, "%s:%u: this key stands in line %u already",
                                 reading->path, client->line, earlier->line);
        if (gee_string_map_put(clients->by_key, key_text(client->key), client) != 0)
            return no_memory(reading);
    }
    return 0;
}

static int load(reading_t *reading, gee_noise_clients_t *clients) {
    clients->pool = gee_pool_create(4 * GEE_KIB);
    if (clients->pool == NULL || add_client(clients) == NULL)
        return no_memory(reading);
    if (reading->path != NULL) {
        char *text = read_file(reading, clients->pool);
        if (text == NULL || take_lines(reading, clients, text) != 0)
            return -1;
    }
    return index_items(reading, clients);
}

gee_noise_clients_t *gee_noise_clients_load(const char *path, bool anonymous, gee_error_t *error) {
    reading_t reading = { .path = path, .error = error };
    gee_noise_clients_t *clients = calloc(1, sizeof(*clients));
    if (clients == NULL) {
        no_memory(&reading);
        return NULL;
    }
    clients->anonymous = anonymous;
    if (load(&reading, clients) != 0)
        gee_noise_clients_free(&clients);
    return clients;
}

void gee_noise_clients_free(gee_noise_clients_t **pointer) {
    gee_noise_clients_t *clients = *pointer;
    *pointer = NULL;
    if (clients == NULL)
        return;
    gee_string_map_destroy(&clients->by_key);
    if (clients->revoked != NULL)
        (void)munmap(clients->revoked, clients->revoked_bytes);
    free(clients->items);
    gee_pool_destroy(&clients->pool);
    free(clients);
}

static const client_t *find(const gee_noise_clients_t *clients, const uint8_t *key) {
    if (key == NULL)
        return clients->anonymous ? &clients->items[0] : NULL;
    return gee_string_map_get(clients->by_key, key_text(key));
}

const gee_identity_t *gee_noise_clients_find(const gee_noise_clients_t *clients, const uint8_t *key) {
    const client_t *client = find(clients, key);
    return client ? &client->identity : NULL;
}

const uint8_t *gee_noise_clients_key(const gee_identity_t *identity) {
    const client_t *client = (const client_t *)((const char *)identity - offsetof(client_t, identity));
    return identity->kind == GEE_IDENTITY_KEY ? client->key : NULL;
}

/* ---- replacing ---- */

static bool same_services(const char *const *a, const char *const *b) {
    if (a == NULL || b == NULL)
        return a == b;
    for (; *a != NULL && *b != NULL; a++, b++)
        if (strcmp(*a, *b) != 0)
            return false;
    return *a == *b;
}

static bool same_identity(const gee_identity_t *a, const gee_identity_t *b) {
    bool same_name = a->name == NULL || b->name == NULL ? a->name == b->name : strcmp(a->name, b->name) == 0;
    return same_name && same_services(a->services, b->services);
}

void gee_noise_clients_replace(gee_noise_clients_t *clients, const gee_noise_clients_t *next) {
    for (size_t i = 0; i < clients->count; i++) {
        const client_t *client = &clients->items[i];
        const client_t *again = next ? find(next, i == 0 ? NULL : client->key) : NULL;
        if (again == NULL || !same_identity(&client->identity, &again->identity))
            atomic_store(&clients->revoked[i], true);
    }
}
