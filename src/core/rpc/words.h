/* words.h: the errors for a method that is not there. Programs compare these texts, so each wire has the texts of its
 * own world:
 *
 *   GeeRPC's   rpc server: can't find service Arith     rpc server: can't find method Bad
 *   Go's       rpc: can't find service Arith.Bad        rpc: can't find method Arith.Bad
 *   both       ...: service/method request ill-formed: Arith */
#ifndef GEE_RPC_WORDS_H
#define GEE_RPC_WORDS_H

#include "core/base/error.h"
#include "core/base/str.h"

typedef enum gee_missing {
    GEE_MISSING_NOTHING,
    GEE_MISSING_DOT,
    GEE_MISSING_SERVICE,
    GEE_MISSING_METHOD
} gee_missing_t;

/* Sets text and code. Of a long name the beginning is quoted. */
void gee_words_say(gee_missing_t missing, gee_str_t method, bool go_words, gee_error_t *error);
/* Is `text` such an error of a call of `method`, in GeeRPC's words or Go's? */
gee_missing_t gee_words_read(gee_str_t text, gee_str_t method);

#endif
