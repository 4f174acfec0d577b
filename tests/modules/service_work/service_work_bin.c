/* service_work_bin.c: the work of work.h as the service Bin. */
#include "work.h"

GEE_SERVICE(service_work_bin, "Bin", WORK_METHODS);
