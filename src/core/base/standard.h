/* standard.h: the descriptors 0, 1 and 2 of a program. */
#ifndef GEE_BASE_STANDARD_H
#define GEE_BASE_STANDARD_H

/* First thing in main(): opens standard descriptors that are closed. Else the next socket or file would get such a
 * number, and printed text would be written into it. -1: /dev/null cannot be opened, errno says why. */
int gee_fill_standard_descriptors(void);

#endif
