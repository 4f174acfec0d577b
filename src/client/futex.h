/* futex.h: waiting for a word in memory that another thread changes: 4 bytes and no lock, in each of many calls.
 *
 *   waiter: while the word is not as wanted: gee_futex_wait(word, as it was seen)
 *   other:  changes the word; gee_futex_wake(word)
 *
 * The kernel looks at the word again before it lets the waiter sleep, so no change is missed. Who wakes need not own the
 * word any more: the kernel takes its address only, and a waiter that is woken for nothing looks again. */
#ifndef GEE_CLIENT_FUTEX_H
#define GEE_CLIENT_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

/* Returns when the word is not `seen`, when it is woken, when `deadline_ns` (of gee_clock_monotonic(); INT64_MAX: none) is
 * over, or for no reason. */
void gee_futex_wait(atomic_uint *word, unsigned seen, int64_t deadline_ns);
/* Everybody who waits there. */
void gee_futex_wake(atomic_uint *word);

#endif
