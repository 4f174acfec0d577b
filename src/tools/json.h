/* json.h: checked access to members of JSON objects from a server, which may be anything. */
#ifndef GEE_TOOLS_JSON_H
#define GEE_TOOLS_JSON_H

#include <cjson/cJSON.h>

/* "" when the member is missing or no string. */
const char *gee_json_text(const cJSON *object, const char *name);
/* 0 when the member is missing, no number, negative, or past 2^53. */
double gee_json_number(const cJSON *object, const char *name);
/* The same for counts and indices below 2^32. */
unsigned gee_json_count(const cJSON *object, const char *name);
/* For cJSON_ArrayForEach; null (an empty list) when the member is missing or no array. */
const cJSON *gee_json_list(const cJSON *object, const char *name);

#endif
