/* rights.h: messages over a socket pair between processes, a descriptor with some of them (SCM_RIGHTS). */
#ifndef GEE_EVENT_RIGHTS_H
#define GEE_EVENT_RIGHTS_H

#include <sys/types.h>

/* Sends a copy of the bytes, and of the descriptor (-1: none). Never blocks, never raises SIGPIPE. 0, or -1 with errno. */
int gee_rights_send(int socket, const void *bytes, size_t length, int descriptor);
/* As recv(2), without blocking; EINTR does not show. *descriptor: close-on-exec and the caller's; -1: none came. */
ssize_t gee_rights_receive(int socket, void *bytes, size_t capacity, int *descriptor);

#endif
