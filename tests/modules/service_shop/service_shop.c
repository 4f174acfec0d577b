#include <gee/service.h>

#include "shop.gee.h"

void shop_Shop_on_Get(gee_call_t *call, const shop_Customer *request, shop_Order *reply) {
    gee_str_t *note = gee_call_alloc(call, sizeof(*note)); /* not zeroed; freed with the call */
    google_protobuf_Timestamp *made_at = gee_call_alloc(call, sizeof(*made_at));
    reply->items.items = gee_call_alloc(call, 2 * sizeof(*reply->items.items));
    reply->pieces.items = gee_call_alloc(call, sizeof(*reply->pieces.items));
    if (note == NULL || made_at == NULL || reply->items.items == NULL || reply->pieces.items == NULL) {
        gee_fail(call, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    reply->order_id = 17; /* the reply was zeroed */
    reply->items.items[0] = (shop_Item){ .name = GEE_STR("tea"), .price = 250 };
    reply->items.items[1] = (shop_Item){ .name = GEE_STR("cup"), .price = 400 };
    reply->items.count = 2;
    reply->pieces.items[0] = (shop_Order_PiecesEntry){ .key = GEE_STR("tea"), .value = 3 };
    reply->pieces.count = 1;
    *note = request->name;
    reply->note = note;
    *made_at = (google_protobuf_Timestamp){ .seconds = 1700000000 };
    reply->made_at = made_at;
    reply->payment_case = shop_Order_payment_case_voucher;
    reply->payment.voucher = 5;
    gee_reply(call);
}
void shop_Shop_on_Watch(gee_call_t *call, const shop_Customer *request) { /* blocking, so GEE_SEND waits for room */
    shop_Order order = { .note = NULL };
    for (order.order_id = 1; order.order_id <= request->order_count; order.order_id++)
        if (GEE_SEND(call, shop_Order, &order) == GEE_SEND_ENDED)
            return;
    gee_end(call);
}
shop_Shop_SERVICE(service_shop, GEE_BLOCKING);
