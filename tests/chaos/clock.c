/* The calendar clock of a process, off by as many seconds as CLOCK_IS_OFF_BY's file says; durations
   stay right.

   libfaketime does not do: with its CLOCK_MONOTONIC left alone, Python's sleep fails in it. */

#include "preload.h"
#include <sys/time.h>
#include <time.h>

static const volatile int64_t *off = &zero;
static int (*real)(clockid_t, struct timespec *);

__attribute__((constructor)) static void find(void)
{
    real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    off = number_named("CLOCK_IS_OFF_BY");
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (!real)
        find();
    int failed = real(clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *off;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec read;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &read);
    now->tv_sec = read.tv_sec;
    now->tv_usec = read.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now)
{
    struct timespec read;
    clock_gettime(CLOCK_REALTIME, &read);
    if (now)
        *now = read.tv_sec;
    return read.tv_sec;
}
