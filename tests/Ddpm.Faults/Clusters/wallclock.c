/* Shows a process another time of day, ahead of the machine's by the seconds in a file (DDPM_WALL_CLOCK: eight bytes), which may be written at any moment. What durations are
   measured by stays as it is, as when somebody sets a machine's clock. To be loaded before libc; written without its headers, so that a compiler alone is enough. */

struct timespec { long seconds, nanoseconds; };
struct timeval { long seconds, microseconds; };

enum { REALTIME = 0, REALTIME_COARSE = 5, READ_ONLY = 0, PROT_READ = 1, MAP_SHARED = 1 };

extern char *getenv(const char *);
extern int open(const char *, int, ...);
extern void *mmap(void *, unsigned long, int, int, int, long);
extern void *dlsym(void *, const char *);

static const volatile long *ahead;

static long moved(void)
{
    const char *path;
    void *page;
    int file;
    if (!ahead && (path = getenv("DDPM_WALL_CLOCK")) && (file = open(path, READ_ONLY)) >= 0
        && (page = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, file, 0)) != (void *)-1)
        ahead = page;
    return ahead ? *ahead : 0;
}

int clock_gettime(int clock, struct timespec *time)
{
    static int (*real)(int, struct timespec *);
    int result;
    if (!real)
        real = (int (*)(int, struct timespec *))dlsym((void *)-1, "clock_gettime");
    result = real(clock, time);
    if (result == 0 && (clock == REALTIME || clock == REALTIME_COARSE))
        time->seconds += moved();
    return result;
}

int gettimeofday(struct timeval *time, void *zone)
{
    struct timespec now;
    clock_gettime(REALTIME, &now);
    time->seconds = now.seconds;
    time->microseconds = now.nanoseconds / 1000;
    return 0;
}

long time(long *result)
{
    struct timespec now;
    clock_gettime(REALTIME, &now);
    if (result)
        *result = now.seconds;
    return now.seconds;
}
