/* standard.c: see standard.h. */
#include "core/base/standard.h"

#include <fcntl.h>
#include <unistd.h>

/* Standard input is opened for writing and the others for reading, so that each use fails as it did while they were
 * closed. */
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
