/* failing_memory.c: see failing_memory.h. */
#include "support/failing_memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_reallocarray(void *block, size_t count, size_t size);
void __real_free(void *block);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_reallocarray(void *block, size_t count, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *block);

static size_t countdown; /* 0: nothing is to fail */
static bool goes_on;
static size_t failures;
static atomic_size_t blocks; /* threads may free */

void memory_fail(size_t nth, bool onwards) {
    countdown = nth;
    goes_on = onwards;
    failures = 0;
}

size_t memory_mend(void) {
    countdown = 0;
    return failures;
}

size_t memory_blocks(void) {
    return atomic_load(&blocks);
}

static bool fails(void) {
    if (countdown == 0 || (countdown > 1 && --countdown > 0))
        return false;
    countdown = goes_on ? 1 : 0;
    failures++;
    errno = ENOMEM;
    return true;
}

static void *counted(void *block) {
    if (block != NULL)
        atomic_fetch_add(&blocks, 1);
    return block;
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    return fails() ? NULL : counted(__real_aligned_alloc(alignment, size));
}

void *__wrap_reallocarray(void *block, size_t count, size_t size) {
    if (fails())
        return NULL;
    void *other = __real_reallocarray(block, count, size);
    return block == NULL ? counted(other) : other;
}

void *__wrap_realloc(void *block, size_t size) {
    return __wrap_reallocarray(block, 1, size);
}

char *__wrap_strdup(const char *text) {
    char *copy = __wrap_malloc(strlen(text) + 1);
    return copy ? strcpy(copy, text) : NULL;
}

void __wrap_free(void *block) {
    if (block != NULL)
        atomic_fetch_sub(&blocks, 1);
    __real_free(block);
}
