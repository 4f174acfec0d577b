/* json.c: members of JSON objects, checked. */
#include "tools/json.h"

const char *gee_json_text(const cJSON *object, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(object, name));
    return text ? text : "";
}

double gee_json_number(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItem(object, name);
    return cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble <= 9007199254740992.0 ? item->valuedouble
                                                                                                     : 0;
}

unsigned gee_json_count(const cJSON *object, const char *name) {
    double number = gee_json_number(object, name);
    return number < 4294967296.0 ? (unsigned)number : 0;
}

const cJSON *gee_json_list(const cJSON *object, const char *name) {
    const cJSON *list = cJSON_GetObjectItem(object, name);
    return cJSON_IsArray(list) ? list : NULL;
}
