/* standard.h: the descriptors 0, 1 and 2 of a program. */
#ifndef GEE_BASE_STANDARD_H
#define GEE_BASE_STANDARD_H

/* First thing in main(): opens those that are closed. Else the next socket or file would take such a number, and what is
 * printed would be written into it. -1: there is no /dev/null, errno says why. */
int gee_fill_standard_descriptors(void);

#endif
