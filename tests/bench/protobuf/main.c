/* main.c: nanoseconds to decode and to encode an Order, and per byte, by each library in turn; the least of the
 * rounds, to which other load of the machine adds least.
 *
 *   protobuf FILE...: each a message, as `protoc --encode` writes it */
#define _GNU_SOURCE /* CLOCK_PROCESS_CPUTIME_ID */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

enum { ROUNDS = 20, MOST = 1 << 20 };

static const bench_library_t *const libraries[] = { &bench_geerpc, &bench_geerpc_copy, &bench_protobuf_c, &bench_cpp };
enum { LIBRARIES = sizeof libraries / sizeof libraries[0] };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double least(const double *figures) {
    double result = figures[0];
    for (int i = 1; i < ROUNDS; i++)
        result = figures[i] < result ? figures[i] : result;
    return result;
}

static void check(const bench_library_t *library, const uint8_t *bytes, size_t length) {
    static uint8_t room[MOST];
    library->begin();
    library->decode(bytes, length, 1);
    if (library->encode(room, 1) != length || memcmp(room, bytes, length) != 0) {
        fprintf(stderr, "%s has written another message than it has read\n", library->name);
        exit(1);
    }
}

static void measure(const char *path, const uint8_t *bytes, size_t length) {
    static double decoding[LIBRARIES][ROUNDS], encoding[LIBRARIES][ROUNDS];
    static uint8_t room[MOST];
    size_t count = 60u * 1000 * 1000 / (length + 100) / 10;
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < LIBRARIES; i++) {
            double start = now();
            libraries[i]->decode(bytes, length, count);
            double middle = now();
            libraries[i]->encode(room, count);
            decoding[i][round] = (middle - start) / (double)count;
            encoding[i][round] = (now() - middle) / (double)count;
        }
    printf("%s, %zu bytes\n%22s %10s %10s %10s\n", path, length, "", "decode ns", "encode ns", "ns/byte");
    for (int i = 0; i < LIBRARIES; i++) {
        double decode = least(decoding[i]), encode = least(encoding[i]);
        printf("%22s %10.0f %10.0f %10.3f\n", libraries[i]->name, decode, encode, (decode + encode) / (double)length);
    }
}

int main(int argc, char **argv) {
    static uint8_t bytes[MOST];
    for (int n = 1; n < argc; n++) {
        FILE *file = fopen(argv[n], "r");
        if (file == NULL)
            return perror(argv[n]), 1;
        size_t length = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        for (int i = 0; i < LIBRARIES; i++)
            check(libraries[i], bytes, length);
        measure(strrchr(argv[n], '/') ? strrchr(argv[n], '/') + 1 : argv[n], bytes, length);
    }
    return 0;
}
