/* rights.h: messages over a socket pair between processes, a descriptor with some of them (SCM_RIGHTS). */
#ifndef GEE_EVENT_RIGHTS_H
#define GEE_EVENT_RIGHTS_H

#include <sys/types.h>
#include <sys/uio.h>

#include "core/base/error.h"

/* SOCK_SEQPACKET, which keeps messages apart; both ends non-blocking and close-on-exec. */
int gee_rights_pair(int ends[2], gee_error_t *error);
/* Sends a copy of the parts as one message, and of the descriptor (-1: none). Never raises SIGPIPE. 0, or -1 with
 * errno. */
int gee_rights_send(int socket, const struct iovec *parts, int count, int descriptor);
/* As readv(2), but without EINTR; a message that does not fit, or has several descriptors, fails with EMSGSIZE.
 * *descriptor: close-on-exec, to be closed by the caller; -1: none came, or there is no message. */
ssize_t gee_rights_receive(int socket, const struct iovec *parts, int count, int *descriptor);

#endif
