/* futex.h: waiting for a word in memory that another thread changes: 4 bytes and no lock in each of many calls.
 *
 *   waiter: while the word is not as wanted: gee_futex_wait(word, the value seen)
 *   other:  changes the word; gee_futex_wake(word)
 *
 * The kernel compares the word with the value seen before the waiter sleeps, so no change is missed. The thread that
 * wakes need not own the word any more: the kernel uses the address only, and a waiter that is woken for nothing looks
 * again. */
#ifndef GEE_CLIENT_FUTEX_H
#define GEE_CLIENT_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

/* Returns when the word differs from `seen`, when a thread wakes waiters of the word, when the clock has reached
 * `deadline_ns` (of gee_clock_monotonic(); INT64_MAX: none), or for no reason. */
void gee_futex_wait(atomic_uint *word, unsigned seen, int64_t deadline_ns);
/* Wakes all waiters of the word. */
void gee_futex_wake(atomic_uint *word);

#endif
