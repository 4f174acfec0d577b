/* assert.h: preconditions that are checked where a program is built for tests: --with-debug, --with-sanitize. */
#ifndef GEE_BASE_ASSERT_H
#define GEE_BASE_ASSERT_H

/* Says on standard error which condition does not hold, and where; then aborts, so that a core dump shows the
 * caller. */
_Noreturn void gee_assert_failed(const char *condition, const char *file, int line, const char *function);

/* Precondition: evaluating the condition has no effects, as an ordinary build (NDEBUG) does not evaluate it. */
#ifdef NDEBUG
#define GEE_ASSERT(condition) ((void)sizeof((condition) ? 1 : 0))
#else
#define GEE_ASSERT(condition) ((condition) ? (void)0 : gee_assert_failed(#condition, __FILE__, __LINE__, __func__))
#endif

#endif
