// A time of day that is in a test's hand. Loaded before a program (LD_PRELOAD), it answers each question for it from a
// number that is read through shared memory, so that it can change while the program runs:
//   CLOCK_STANDS_AT=FILE   the clock stands still: microseconds since 1970
//   CLOCK_ERROR=FILE       the clock is wrong: seconds to add to the right time
// Clocks that only measure how long something takes are left alone: the kernel's timers run by them. (libfaketime moves
// those, too, whatever it is told; a program that sleeps by a timer of the kernel's then wakes up early, or late.)

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *stands_at, *error;

static const volatile int64_t *map_number(const char *variable) {
    const char *path = getenv(variable);
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return NULL;
    void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    return page == MAP_FAILED ? NULL : page;
}

__attribute__((constructor)) static void open_clock(void) {
    stands_at = map_number("CLOCK_STANDS_AT");
    error = map_number("CLOCK_ERROR");
}

static int real_clock(clockid_t clock, struct timespec *time) {
    static int (*next)(clockid_t, struct timespec *);
    if (!next) next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    return next(clock, time);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int is_time_of_day = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    if (is_time_of_day && stands_at) {
        int64_t micros = *stands_at;
        time->tv_sec = micros / 1000000;
        time->tv_nsec = micros % 1000000 * 1000;
        return 0;
    }
    int result = real_clock(clock, time);
    if (is_time_of_day && error && result == 0) time->tv_sec += *error;
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec moment;
    if (clock_gettime(CLOCK_REALTIME, &moment)) return -1;
    time->tv_sec = moment.tv_sec;
    time->tv_usec = moment.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec moment;
    if (clock_gettime(CLOCK_REALTIME, &moment)) return (time_t)-1;
    if (out) *out = moment.tv_sec;
    return moment.tv_sec;
}
