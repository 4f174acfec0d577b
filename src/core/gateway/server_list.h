/* server_list.h: servers by their addresses: what a list in a file, a registry or a program names.
 *
 * Public: geerpc.h includes it. */
#ifndef GEE_GATEWAY_SERVER_LIST_H
#define GEE_GATEWAY_SERVER_LIST_H

#include <stdint.h>

typedef struct gee_server {
    const char *address; /* "tcp@10.0.0.1:9999" */
    uint32_t weight;     /* its share of the calls beside the others, 1 to 65,535; 0 is taken as 1 */
} gee_server_t;

#endif
