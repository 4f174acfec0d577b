/* json.h: members of JSON objects that a server has sent, which may be anything. */
#ifndef GEE_TOOLS_JSON_H
#define GEE_TOOLS_JSON_H

#include <cjson/cJSON.h>

/* "" when there is none, or it is no string. */
const char *gee_json_text(const cJSON *object, const char *name);
/* 0 when there is none, it is no number, negative, or past 2^53. */
double gee_json_number(const cJSON *object, const char *name);
/* The same for counts and indices below 2^32. */
unsigned gee_json_count(const cJSON *object, const char *name);
/* Its members one by one; null (an empty list) when there is none or it is no array. */
const cJSON *gee_json_list(const cJSON *object, const char *name);

#endif
