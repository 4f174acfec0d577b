/* handover.h: a conversation as a record, to go on in another process that serves the same listener.
 *
 *   old process                                           new process
 *   can leave? -> freeze -> export --record, descriptor--> import -> "taken" -> reads on
 *                    ^                                       '-> "refused": reason
 *                    '-- thaw <-- refused        leave <-- taken
 *
 * A conversation can leave when no call is in flight and nothing waits to be written. The bytes of a message that has
 * come in part go along, and are parsed anew. Neither end of the wire notices.
 *
 * The record: version, kind, the stream (layers with their states, bytes), then for a door its times, for a session:
 * protocol, codec, what the handshake has set, times, and the states of the protocol and of the codec. A session whose
 * handshake is not over has consumed nothing, and travels as a door. */
#ifndef GEE_RPC_HANDOVER_H
#define GEE_RPC_HANDOVER_H

#include "core/rpc/door.h"

/* Must change when the core or a module changes the form of what it writes. */
#define GEE_HANDOVER_VERSION 2

/* Precondition: the session, or the door, is frozen. */
void gee_handover_export_session(const gee_session_t *session, gee_record_t *out);
void gee_handover_export_door(const gee_door_t *door, gee_record_t *out);

/* Takes the stream, just made of the descriptor that came with the record. The stream becomes a session or a door with
 * these options, as gee_door_open() would have made. Nothing is read before the end of this pass. -1: the record is of
 * another version or makes no sense, or names a module that this process lacks or this listener does not take; left()
 * is not called. */
int gee_handover_import(gee_engine_t *engine, gee_stream_t **stream, const gee_door_options_t *options,
                        gee_record_reader_t *in, gee_error_t *error);

#endif
