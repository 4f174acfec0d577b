/* every_form.h: messages with every kind and form of a field that protobuf has. In a .proto they would be:
 *
 *   syntax = "proto3";
 *   package forms;
 *   enum Color { RED = 0; GREEN = 1; BLUE = 5; }
 *   message Forms {
 *     sint32 zig32 = 1; sint64 zig64 = 2; fixed32 fix32 = 3; fixed64 fix64 = 4;
 *     sfixed32 sfix32 = 5; sfixed64 sfix64 = 6;
 *     Color color = 7; optional int32 maybe = 8; optional Forms next = 9;
 *     repeated sint32 zigs = 10; repeated fixed32 fixes = 11; repeated int32 loose = 12 [packed = false];
 *     repeated Color colors = 13; map<int32, string> by_int = 14; map<bool, Color> by_bool = 15;
 *     map<sfixed64, sint64> by_fixed = 16;
 *     oneof which { int32 number = 17; string text = 18; Forms message = 19; }
 *   }
 *
 *   syntax = "proto2";
 *   package forms;
 *   enum Mood { NEUTRAL = 0; GLAD = 1; SAD = 4; }
 *   message Legacy {
 *     required int32 id = 1; optional string text = 2; optional Mood mood = 3; repeated Mood moods = 4;
 *     repeated Mood packed = 5 [packed = true]; map<int32, Mood> by_id = 6; optional Legacy child = 7;
 *     repeated Legacy children = 8;
 *   } */
#ifndef TEST_SUPPORT_EVERY_FORM_H
#define TEST_SUPPORT_EVERY_FORM_H

#include <gee.h>

typedef enum color { COLOR_RED, COLOR_GREEN, COLOR_BLUE = 5 } color_t;
GEE_ENUM_TYPE(color_t, "Color", 0, { "RED", COLOR_RED }, { "GREEN", COLOR_GREEN }, { "BLUE", COLOR_BLUE });

typedef struct forms {
    int32_t zig32;
    int64_t zig64;
    uint32_t fix32;
    uint64_t fix64;
    int32_t sfix32;
    int64_t sfix64;
    color_t color;
    int32_t *maybe;
    struct forms *next;
    GEE_LIST_OF(gee_sint32_t) zigs;
    GEE_LIST_OF(gee_fixed32_t) fixes;
    GEE_LIST_OF(int32_t) loose;
    GEE_LIST_OF(color_t) colors;
    GEE_KEYED_MAP_OF(int32_t, gee_str_t) by_int;
    GEE_KEYED_MAP_OF(bool, color_t) by_bool;
    GEE_KEYED_MAP_OF(gee_sfixed64_t, gee_sint64_t) by_fixed;
    uint32_t which;
    union {
        int32_t number;
        gee_str_t text;
        struct forms *message;
    } is;
    gee_bytes_t unknown;
} forms_t;
GEE_RECURSIVE(forms_t);
GEE_LIST_TYPE(gee_sint32_t);
GEE_LIST_TYPE(gee_fixed32_t);
GEE_UNPACKED_LIST_TYPE(int32_t);
GEE_LIST_TYPE(color_t);
GEE_KEYED_MAP_TYPE(int32_t, gee_str_t);
GEE_KEYED_MAP_TYPE(bool, color_t);
GEE_KEYED_MAP_TYPE(gee_sfixed64_t, gee_sint64_t);
GEE_OPTIONAL_TYPE(int32_t);
GEE_OPTIONAL_TYPE(forms_t);
GEE_STRUCT_KEEPING(forms_t, "Forms", unknown, GEE_SINT32(forms_t, zig32, "zig32", 1),
                   GEE_SINT64(forms_t, zig64, "zig64", 2), GEE_FIXED32(forms_t, fix32, "fix32", 3),
                   GEE_FIXED64(forms_t, fix64, "fix64", 4), GEE_SFIXED32(forms_t, sfix32, "sfix32", 5),
                   GEE_SFIXED64(forms_t, sfix64, "sfix64", 6), GEE_ENUM(forms_t, color, "color", 7, color_t),
                   GEE_OPTIONAL(forms_t, maybe, "maybe", 8, int32_t, gee_optional_of_int32_t),
                   GEE_OPTIONAL(forms_t, next, "next", 9, struct forms, gee_optional_of_forms_t),
                   GEE_LIST(forms_t, zigs, "zigs", 10, gee_sint32_t, gee_list_of_gee_sint32_t),
                   GEE_LIST(forms_t, fixes, "fixes", 11, gee_fixed32_t, gee_list_of_gee_fixed32_t),
                   GEE_LIST(forms_t, loose, "loose", 12, int32_t, gee_unpacked_list_of_int32_t),
                   GEE_LIST(forms_t, colors, "colors", 13, color_t, gee_list_of_color_t),
                   GEE_KEYED_MAP(forms_t, by_int, "by_int", 14, int32_t, gee_str_t, gee_map_of_int32_t_to_gee_str_t),
                   GEE_KEYED_MAP(forms_t, by_bool, "by_bool", 15, bool, color_t, gee_map_of_bool_to_color_t),
                   GEE_KEYED_MAP(forms_t, by_fixed, "by_fixed", 16, gee_sfixed64_t, gee_sint64_t,
                                 gee_map_of_gee_sfixed64_t_to_gee_sint64_t),
                   GEE_ONEOF(forms_t, which, is.number, "number", 17, int32_t),
                   GEE_ONEOF(forms_t, which, is.text, "text", 18, gee_str_t),
                   GEE_ONEOF_OPTIONAL(forms_t, which, is.message, "message", 19, struct forms,
                                      gee_optional_of_forms_t));

typedef enum mood { MOOD_NEUTRAL, MOOD_GLAD, MOOD_SAD = 4 } mood_t;
GEE_ENUM_TYPE(mood_t, "Mood", GEE_TYPE_CLOSED, { "NEUTRAL", MOOD_NEUTRAL }, { "GLAD", MOOD_GLAD }, { "SAD", MOOD_SAD });

typedef struct legacy {
    int32_t *id;
    gee_proto2_str_t *text;
    mood_t *mood;
    GEE_LIST_OF(mood_t) moods;
    GEE_LIST_OF(mood_t) packed;
    GEE_KEYED_MAP_OF(int32_t, mood_t) by_id;
    struct legacy *child;
    GEE_LIST_OF(struct legacy) children;
    gee_bytes_t unknown;
} legacy_t;
GEE_RECURSIVE(legacy_t);
GEE_UNPACKED_LIST_TYPE(mood_t);
GEE_LIST_TYPE(mood_t);
GEE_KEYED_MAP_TYPE(int32_t, mood_t);
GEE_OPTIONAL_TYPE(gee_proto2_str_t);
GEE_OPTIONAL_TYPE(mood_t);
GEE_OPTIONAL_TYPE(legacy_t);
GEE_LIST_TYPE(legacy_t);
static const gee_field_t legacy_fields[] = {
    GEE_FIELD_ROW(legacy_t, id, "id", 1, &gee_optional_of_int32_t, 0, GEE_FIELD_REQUIRED),
    GEE_OPTIONAL(legacy_t, text, "text", 2, gee_proto2_str_t, gee_optional_of_gee_proto2_str_t),
    GEE_OPTIONAL(legacy_t, mood, "mood", 3, mood_t, gee_optional_of_mood_t),
    GEE_LIST(legacy_t, moods, "moods", 4, mood_t, gee_unpacked_list_of_mood_t),
    GEE_LIST(legacy_t, packed, "packed", 5, mood_t, gee_list_of_mood_t),
    GEE_KEYED_MAP(legacy_t, by_id, "by_id", 6, int32_t, mood_t, gee_map_of_int32_t_to_mood_t),
    GEE_OPTIONAL(legacy_t, child, "child", 7, struct legacy, gee_optional_of_legacy_t),
    GEE_LIST(legacy_t, children, "children", 8, struct legacy, gee_list_of_legacy_t),
};
static const gee_type_t gee_type_of_legacy_t =
    GEE_STRUCT_INITIALISER(legacy_t, "Legacy", NULL, GEE_TYPE_KEEPS_UNKNOWN | GEE_TYPE_REQUIRED, GEE_WELL_KNOWN_NONE,
                           offsetof(legacy_t, unknown), legacy_fields, GEE_LENGTH(legacy_fields));

#endif
