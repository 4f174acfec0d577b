/* messages.c: two buffers, which change places when one of them is empty. */
#include "client/messages.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 1024

typedef uint32_t prefix_t;

int gee_messages_init(gee_messages_t *messages, unsigned word) {
    atomic_init(&messages->word, word);
    return pthread_mutex_init(&messages->lock, NULL) == 0 ? 0 : -1;
}

void gee_messages_destroy(gee_messages_t *messages) {
    free(messages->filling.bytes);
    free(messages->draining.bytes);
    pthread_mutex_destroy(&messages->lock);
}

/* Null: out of memory, or a message that is too long for its prefix. */
static uint8_t *make_room(gee_message_buffer_t *buffer, size_t length) {
    size_t wanted = buffer->length + sizeof(prefix_t) + length + 1;
    size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;
    if (length > UINT32_MAX)
        return NULL;
    while (capacity < wanted)
        capacity *= 2;
    if (capacity != buffer->capacity) {
        uint8_t *bytes = realloc(buffer->bytes, capacity);
        if (bytes == NULL)
            return NULL;
        buffer->bytes = bytes;
        buffer->capacity = capacity;
    }
    return buffer->bytes + buffer->length;
}

/* Precondition: locked. */
static gee_messages_result_t put(gee_message_buffer_t *buffer, const gee_chain_t *chain, const void *bytes,
                                 size_t length) {
    prefix_t prefix = (prefix_t)length;
    uint8_t *at = make_room(buffer, length);
    if (at == NULL)
        return GEE_MESSAGES_FAILED;
    memcpy(at, &prefix, sizeof(prefix));
    at += sizeof(prefix);
    if (chain != NULL)
        (void)gee_chain_copy(chain, at, length);
    else if (length > 0)
        memcpy(at, bytes, length);
    at[length] = '\0';
    buffer->length += sizeof(prefix) + length + 1;
    return GEE_MESSAGES_DONE;
}

gee_messages_result_t gee_messages_offer(gee_messages_t *messages, const gee_chain_t *chain, const void *bytes,
                                         size_t length, bool *first) {
    gee_messages_result_t result = GEE_MESSAGES_CLOSED;
    pthread_mutex_lock(&messages->lock);
    *first = messages->filling.length == 0;
    if (!messages->closed && messages->filling.length >= GEE_MESSAGES_LIMIT) {
        result = GEE_MESSAGES_FULL;
        messages->stalled = true;
        atomic_store_explicit(&messages->word, 0, memory_order_relaxed);
    } else if (!messages->closed) {
        result = put(&messages->filling, chain, bytes, length);
    }
    pthread_mutex_unlock(&messages->lock);
    return result;
}

gee_messages_result_t gee_messages_deliver(gee_messages_t *messages, const void *bytes, size_t length) {
    pthread_mutex_lock(&messages->lock);
    gee_messages_result_t result = put(&messages->filling, NULL, bytes, length);
    if (result == GEE_MESSAGES_DONE && messages->filling.length >= GEE_MESSAGES_LIMIT) {
        messages->stalled = true;
        result = GEE_MESSAGES_FULL;
    }
    pthread_mutex_unlock(&messages->lock);
    return result;
}

static gee_messages_result_t exchange(gee_messages_t *messages, bool wait, bool *made_room) {
    gee_messages_result_t result = GEE_MESSAGES_DONE;
    pthread_mutex_lock(&messages->lock);
    if (messages->filling.length == 0) {
        result = messages->closed ? GEE_MESSAGES_CLOSED : GEE_MESSAGES_EMPTY;
        if (wait && !messages->closed)
            atomic_store_explicit(&messages->word, 0, memory_order_relaxed);
    } else {
        gee_message_buffer_t empty = messages->draining;
        empty.length = 0;
        messages->draining = messages->filling;
        messages->filling = empty;
        messages->at = 0;
        if (messages->stalled)
            *made_room = true;
        messages->stalled = false;
    }
    pthread_mutex_unlock(&messages->lock);
    return result;
}

gee_messages_result_t gee_messages_take(gee_messages_t *messages, bool wait, uint8_t **bytes, size_t *length,
                                        bool *made_room) {
    prefix_t prefix;
    if (messages->at == messages->draining.length) {
        gee_messages_result_t result = exchange(messages, wait, made_room);
        if (result != GEE_MESSAGES_DONE)
            return result;
    }
    uint8_t *at = messages->draining.bytes + messages->at;
    memcpy(&prefix, at, sizeof(prefix));
    *bytes = at + sizeof(prefix);
    *length = prefix;
    messages->at += sizeof(prefix) + prefix + 1;
    return GEE_MESSAGES_DONE;
}

void gee_messages_close(gee_messages_t *messages) {
    pthread_mutex_lock(&messages->lock);
    messages->closed = true;
    pthread_mutex_unlock(&messages->lock);
}
