#include <gee/service.h>

typedef enum { COLOR_NONE, COLOR_RED, COLOR_GREEN } color_t;
GEE_ENUM_TYPE(color_t, "Color", 0, { "NONE", COLOR_NONE }, { "RED", COLOR_RED }, { "GREEN", COLOR_GREEN });

typedef struct {
    double width, height;
} box_t;
GEE_STRUCT(box_t, "Box", GEE_DOUBLE(box_t, width, "Width", 1), GEE_DOUBLE(box_t, height, "Height", 2));

typedef struct shape {
    color_t color;
    GEE_LIST_OF(double) center; /* none, or three of them */
    uint32_t which;             /* the tag of the member of `is` that is set; 0: none */
    union {
        double radius;
        box_t box;
    } is;
    GEE_KEYED_MAP_OF(int32_t, gee_str_t) labels;
    GEE_LIST_OF(struct shape) parts;
    int32_t depth;
    gee_bytes_t unknown; /* fields that a newer caller has sent */
} shape_t;
GEE_RECURSIVE(shape_t);
GEE_ARRAY_TYPE(double, 3);
GEE_KEYED_MAP_TYPE(int32_t, gee_str_t);
GEE_LIST_TYPE(shape_t);
enum { RADIUS = 3, BOX };
GEE_STRUCT_KEEPING(shape_t, "Shape", unknown, GEE_ENUM(shape_t, color, "Color", 1, color_t),
                   GEE_LIST(shape_t, center, "Center", 2, double, gee_array_of_3_double),
                   GEE_ONEOF(shape_t, which, is.radius, "Radius", RADIUS, double),
                   GEE_ONEOF(shape_t, which, is.box, "Box", BOX, box_t),
                   GEE_KEYED_MAP(shape_t, labels, "Labels", 5, int32_t, gee_str_t, gee_map_of_int32_t_to_gee_str_t),
                   GEE_LIST(shape_t, parts, "Parts", 6, shape_t, gee_list_of_shape_t),
                   GEE_SINT32(shape_t, depth, "Depth", 7));

static double area_of(const shape_t *shape) {
    double area = 0;
    if (shape->which == RADIUS)
        area = 3 * shape->is.radius * shape->is.radius; /* as in the First Book of Kings */
    if (shape->which == BOX)
        area = shape->is.box.width * shape->is.box.height;
    for (size_t i = 0; i < shape->parts.count; i++)
        area += area_of(&shape->parts.items[i]);
    return area;
}
static void area(gee_call_t *call, const shape_t *shape, double *area) {
    *area = area_of(shape);
    gee_reply(call);
}
/* The same, but green and of no size, which is not the same as a size of zero. */
static void paint(gee_call_t *call, const shape_t *shape, shape_t *painted) {
    *painted = *shape;
    painted->color = COLOR_GREEN;
    painted->which = 0;
    gee_reply(call);
}
GEE_SERVICE(service_shapes, "Shapes", GEE_METHOD("Area", area, shape_t, double, GEE_IDEMPOTENT),
            GEE_METHOD("Paint", paint, shape_t, shape_t, GEE_IDEMPOTENT));
