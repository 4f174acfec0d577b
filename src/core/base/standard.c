/* standard.c: see standard.h. */
#include "core/base/standard.h"

#include <fcntl.h>
#include <unistd.h>

/* Opened the wrong way round, so that each use of a descriptor that was closed fails as before. */
int gee_fill_standard_descriptors(void) {
    int opened;
    do {
        opened = open("/dev/null", O_RDONLY);
        if (opened == STDIN_FILENO) {
            (void)close(opened);
            opened = open("/dev/null", O_WRONLY);
        }
    } while (opened >= 0 && opened <= STDERR_FILENO);
    if (opened < 0)
        return -1;
    (void)close(opened);
    return 0;
}
