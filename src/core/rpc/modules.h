/* modules.h: look-ups of modules by more than a name (gee_module_find() is in conf/module.h), and the check of all
 * modules whose interfaces core/rpc and the layers below define. */
#ifndef GEE_RPC_MODULES_H
#define GEE_RPC_MODULES_H

#include "core/conf/module.h"
#include "core/event/transport.h"
#include "core/rpc/codec.h"
#include "core/rpc/protocol.h"

/* Null: none is compiled in. */
const gee_codec_t *gee_codec_by_content_type(const gee_module_entry_t *modules, gee_str_t content_type);
/* The transport of an address that a person wrote: null with a text that says which transports are compiled in. */
const gee_transport_t *gee_transport_for(const gee_module_entry_t *modules, const gee_addr_t *addr, gee_error_t *error);
/* Before an address is dialled for this protocol: http@host:port gets the protocol's connect_path. The address's text
 * stays as a person wrote it. */
void gee_protocol_complete_address(const gee_protocol_t *protocol, gee_addr_t *addr);
/* The table of what a module answers over HTTP, or null. */
const struct gee_route *gee_module_routes(const gee_module_t *module);

/* The mandatory members of every interface but those of core/gateway: gateway/modules.h checks all. */
int gee_rpc_check_modules(const gee_module_entry_t *modules, gee_error_t *error);

#endif
