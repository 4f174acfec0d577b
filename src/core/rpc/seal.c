/* seal.c: which seal is compiled in. */
#include "core/rpc/seal.h"

const gee_seal_t *gee_seal_find(const gee_module_entry_t *modules, gee_error_t *error) {
    const gee_module_t *module;
    for (size_t i = 0; (module = gee_module_next(modules, GEE_MODULE_LAYER, i)) != NULL; i++) {
        const gee_layer_t *layer = module->interface;
        if (layer->seal != NULL)
            return layer->seal;
    }
    gee_error_set(error, GEE_UNIMPLEMENTED, "no seal is compiled in: ./configure --with-seal_noise adds it");
    return NULL;
}
