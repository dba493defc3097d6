/* The clocks of a machine that was asleep, or whose wall clock was set, for one process.

   Preloaded, it adds to what the kernel says. The file named by CLOCKS has two numbers, each of
   eight bytes: the seconds of sleep, which CLOCK_BOOTTIME and the wall clock count and
   CLOCK_MONOTONIC does not, and the seconds by which the wall clock was set. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *clocks;

__attribute__((constructor)) static void map(void)
{
    const char *name = getenv("CLOCKS");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *found = mmap(0, 2 * sizeof *clocks, PROT_READ, MAP_SHARED, file, 0);
    if (found != MAP_FAILED)
        clocks = found;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (failed || !clocks)
        return failed;
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
        now->tv_sec += clocks[0] + clocks[1];
    else if (clock == CLOCK_BOOTTIME)
        now->tv_sec += clocks[0];
    return 0;
}

int gettimeofday(struct timeval *now, void *zone)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    now->tv_sec = wall.tv_sec;
    now->tv_usec = wall.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    if (now)
        *now = wall.tv_sec;
    return wall.tv_sec;
}
