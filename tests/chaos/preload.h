/* A number in a file that a variable of the environment names; 0 without one. Whoever writes the
   file changes the number in all processes that have mapped it. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static const int64_t zero = 0;

static const volatile int64_t *number_named(const char *variable)
{
    const char *name = getenv(variable);
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return &zero;
    void *mapped = mmap(NULL, sizeof zero, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    return mapped == MAP_FAILED ? &zero : mapped;
}
