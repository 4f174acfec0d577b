/* failing_memory.h: a heap that fails when a test says so, and counts what is out. For programs that are linked with
 * --wrap for each function of failing_memory.c (auto/rules.mk): what libraries take for themselves is not seen. */
#ifndef TEST_FAILING_MEMORY_H
#define TEST_FAILING_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* The nth allocation from now (1: the next) fails; `onwards`: all behind it, too. */
void memory_fail(size_t nth, bool onwards);
/* None fails any more. How many have failed since memory_fail(). */
size_t memory_mend(void);
/* Blocks that are out. */
size_t memory_blocks(void);

#endif
