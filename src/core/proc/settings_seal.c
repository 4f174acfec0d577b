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
      .doc = "The file with a second key, for clients that still have the public key of before" },
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
      .doc = "Take clients without a key too: they know the server, the server does not know them" },
    { .name = "mode",
      .type = GEE_OPTION_CHOICE,
      .offset = offsetof(gee_listen_seal_settings_t, mode),
      .fallback = "required",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "required: connections that are not sealed are closed without a word; optional: they are taken as ever",
      .choices = mode_words },
    { .name = "timeout",
      .type = GEE_OPTION_DURATION,
      .offset = offsetof(gee_listen_seal_settings_t, timeout),
      .fallback = "5s",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "For the whole handshake of a seal; from the accept where mode is required, else from its first byte; "
             "within timeouts.handshake",
      .minimum = GEE_MILLISECOND },
    { .name = "max_age",
      .type = GEE_OPTION_DURATION,
      .offset = offsetof(gee_listen_seal_settings_t, max_age),
      .fallback = "24h",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "After so long a sealed connection is closed as soon as it is quiet; 10 s later it takes no new calls and "
             "is closed behind the last one; 0 for never" },
    { 0 },
};

const gee_option_t gee_dial_seal_options[] = {
    { .name = "server_key",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_dial_seal_settings_t, server_key),
      .flags = GEE_OPTION_REQUIRED | GEE_OPTION_RELOADABLE,
      .doc = "The server's public key, gee-pub:...; a server that cannot prove to have the secret one gets no call" },
    { .name = "key",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_dial_seal_settings_t, key),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The file with our own secret key; without it we stay anonymous" },
    { 0 },
};
