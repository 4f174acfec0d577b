/* settings_seal.c: the option tables of seals. */
#include "core/proc/settings_seal.h"

#include <stddef.h>

#include "core/base/defs.h"

static const char *const mode_words[] = { "required", "optional", NULL };
_Static_assert(GEE_SEAL_OPTIONAL == GEE_LENGTH(mode_words) - 2, "one word each, in their order");

const gee_option_t gee_listen_seal_options[] = {
    { .name = "key",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_listen_seal_settings_t, key),
      .flags = GEE_OPTION_REQUIRED | GEE_OPTION_RELOADABLE,
      .doc =
          "The file with the server's secret key, which geectl keygen makes; only its owner may be able to read it" },
    { .name = "old_key",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_listen_seal_settings_t, old_key),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The file with the previous secret key, for clients that still have its public key" },
    { .name = "clients",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_listen_seal_settings_t, clients),
      .flags = GEE_OPTION_RELOADABLE,
      .doc =
          "The file with the clients' public keys, a line each: gee-pub:... NAME [services=SERVICE,SERVICE.METHOD]" },
    { .name = "anonymous",
      .type = GEE_OPTION_BOOL,
      .offset = offsetof(gee_listen_seal_settings_t, anonymous),
      .fallback = "false",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Admit clients without a key, too: they know the server, the server does not know them" },
    { .name = "mode",
      .type = GEE_OPTION_CHOICE,
      .offset = offsetof(gee_listen_seal_settings_t, mode),
      .fallback = "required",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "required: connections without a seal are closed without an answer; optional: they are accepted",
      .choices = mode_words },
    { .name = "timeout",
      .type = GEE_OPTION_DURATION,
      .offset = offsetof(gee_listen_seal_settings_t, timeout),
      .fallback = "5s",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "For the whole handshake of a seal: from the accept where mode is required, else from the first byte of "
             "the seal; within timeouts.handshake",
      .minimum = GEE_MILLISECOND },
    { .name = "max_age",
      .type = GEE_OPTION_DURATION,
      .offset = offsetof(gee_listen_seal_settings_t, max_age),
      .fallback = "24h",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "After this time a sealed connection is closed as soon as it is quiet; 10 s later the connection takes no "
             "new calls and is closed after the last call; 0 for never" },
    { 0 },
};

const gee_option_t gee_dial_seal_options[] = {
    { .name = "server_key",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_dial_seal_settings_t, server_key),
      .flags = GEE_OPTION_REQUIRED | GEE_OPTION_RELOADABLE,
      .doc = "The server's public key, gee-pub:...; a server that cannot prove to have the secret key gets no calls" },
    { .name = "key",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_dial_seal_settings_t, key),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The file with this side's own secret key; not set: this side stays anonymous" },
    { 0 },
};
