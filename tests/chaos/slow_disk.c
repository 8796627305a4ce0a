/* A slow disk: each write to a file at a place and each sync takes as many milliseconds longer as
   DISK_IS_SLOW_BY's file says. PostgreSQL writes its log and tables, and all write artifacts, so. */

#include "preload.h"
#include <time.h>

static const volatile int64_t *slow_by = &zero;

__attribute__((constructor)) static void find(void)
{
    slow_by = number_named("DISK_IS_SLOW_BY");
}

static void *waited(const char *name)
{
    int64_t milliseconds = *slow_by;
    struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    while (milliseconds && nanosleep(&left, &left))
        ;
    return dlsym(RTLD_NEXT, name);
}

int fsync(int file)
{
    return ((int (*)(int))waited("fsync"))(file);
}

int fdatasync(int file)
{
    return ((int (*)(int))waited("fdatasync"))(file);
}

ssize_t pwrite(int file, const void *data, size_t size, off_t place)
{
    return ((ssize_t(*)(int, const void *, size_t, off_t))waited("pwrite"))(file, data, size, place);
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t place)
{
    return ((ssize_t(*)(int, const void *, size_t, off64_t))waited("pwrite64"))(file, data, size, place);
}
