/* service_work_json.c: the work of work.h as the service Json. */
#include "work.h"

GEE_SERVICE(service_work_json, "Json", WORK_METHODS);
