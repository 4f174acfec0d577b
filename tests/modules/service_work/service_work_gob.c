/* service_work_gob.c: the work of work.h as the service Gob. */
#include "work.h"

GEE_SERVICE(service_work_gob, "Gob", WORK_METHODS);
