/* defs.h: the few macros that every file uses. */
#ifndef GEE_BASE_DEFS_H
#define GEE_BASE_DEFS_H

#include <stddef.h>

#define GEE_PRINTF(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))
#define GEE_UNUSED                               __attribute__((unused))
/* For a function that is seldom called from one that often runs: inlined, the rare part would make the caller save
 * registers and clear stack on every run. */
#define GEE_APART __attribute__((noinline))
/* For a function that often runs and has a second, rare caller: without this attribute the frequent caller would pay
 * for a function call, too. */
#define GEE_ALWAYS_INLINE static inline __attribute__((always_inline))

/* 1 in builds with AddressSanitizer, else 0: our own allocators then step back, so that AddressSanitizer sees every
 * block. */
#if defined(__SANITIZE_ADDRESS__)
#define GEE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GEE_ASAN 1
#endif
#endif
#ifndef GEE_ASAN
#define GEE_ASAN 0
#endif

#define GEE_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* The structure of which `member` is a part, from a pointer to that member. */
#define GEE_CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define GEE_KIB         1024UL
#define GEE_MIB         (1024UL * 1024UL)
#define GEE_MICROSECOND 1000LL
#define GEE_MILLISECOND 1000000LL
#define GEE_SECOND      1000000000LL

#endif
