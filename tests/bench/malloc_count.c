/* malloc_count.c: counts what a process asks the system's allocator for, in a file that others read while it runs.
 *
 *   LD_PRELOAD=malloc_count.so MALLOC_COUNT=FILE PROGRAM...
 *
 * FILE has eight bytes: one counter, shared with the processes that PROGRAM forks. Counted are malloc, calloc, realloc,
 * reallocarray, aligned memory and mmap by the program or its libraries. A process that cannot map FILE counts for
 * itself. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* glibc's own names: no dlsym(), which allocates itself. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static uint64_t unshared, *counter = &unshared;

static void note(void) {
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

__attribute__((constructor)) static void share_counter(void) {
    const char *path = getenv("MALLOC_COUNT");
    int descriptor = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (descriptor < 0)
        return;
    void *shared = (void *)syscall(SYS_mmap, NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (shared != MAP_FAILED)
        counter = shared;
    close(descriptor);
}

EXPORT void *malloc(size_t size) {
    note();
    return __libc_malloc(size);
}

EXPORT void *calloc(size_t count, size_t size) {
    note();
    return __libc_calloc(count, size);
}

EXPORT void *realloc(void *memory, size_t size) {
    note();
    return __libc_realloc(memory, size);
}

EXPORT void *reallocarray(void *memory, size_t count, size_t size) {
    size_t whole;
    note();
    if (__builtin_mul_overflow(count, size, &whole)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_realloc(memory, whole);
}

EXPORT void *memalign(size_t alignment, size_t size) {
    note();
    return __libc_memalign(alignment, size);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size) {
    note();
    return __libc_memalign(alignment, size);
}

EXPORT int posix_memalign(void **memory, size_t alignment, size_t size) {
    note();
    *memory = __libc_memalign(alignment, size);
    return *memory != NULL ? 0 : ENOMEM;
}

EXPORT void *mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t offset) {
    note();
    return (void *)syscall(SYS_mmap, address, length, protection, flags, descriptor, offset);
}
