/*
 * Stands between a log server and its append-only files (LD_PRELOAD): notes what is durable, and
 * fails on demand. The other half, and what the words mean, is `faulty_disk.py`.
 *
 * Journal (FAULTY_JOURNAL), one line each, written after the call has succeeded:
 *     O path size          opened for writing          S path size    synced, that many bytes
 *     R from to            renamed                     D path         directory synced
 * What a rename replaces is kept under FAULTY_KEPT, so that a lost rename can be undone.
 *
 * Orders (FAULTY_CONTROL, shared memory): at the `countdown`-th operation of kind `op`, `act`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, RENAME = 3 };
enum { DIE_BEFORE = 1, DIE_AFTER = 2, FAIL = 3, SHORT = 4, SHORT_AND_DIE = 5, WAIT = 6 };

struct control {
    int32_t op, countdown, act, argument;
    int32_t counts[4];
};

static struct control *control;
static int journal = -1;
static char directory[PATH_MAX];
static int kept_count;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_rename)(const char *, const char *);
static int (*real_ftruncate)(int, off64_t);
static int (*real_open)(const char *, int, ...);

__attribute__((constructor)) static void begin(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_open = dlsym(RTLD_NEXT, "open64");
    if (getcwd(directory, sizeof directory) == NULL) abort();
    const char *path = getenv("FAULTY_CONTROL");
    int fd = path ? real_open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) abort();
    control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (control == MAP_FAILED) abort();
    close(fd);
    journal = real_open(getenv("FAULTY_JOURNAL"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (journal < 0) abort();
}

static void note(const char *format, ...) {
    char line[2 * PATH_MAX + 64];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (syscall(SYS_write, journal, line, length) != length) abort();
}

/* The path of a descriptor where it is one of the append-only files or their directory. */
static int watched(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    const char *name = strrchr(path, '/');
    if (name == NULL) return 0;
    return strstr(name, ".aof") != NULL || strcmp(name, "/appendonlydir") == 0;
}

static int is_increment(const char *path) { return strstr(path, ".incr.aof") != NULL; }

static off_t size_of(int fd) {
    struct stat found;
    return fstat(fd, &found) == 0 ? found.st_size : 0;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    pause();
}

/* What to do at this operation; 0 is nothing. */
static int ordered(int op, int *argument) {
    control->counts[op]++;
    if (control->op != op || --control->countdown > 0) return 0;
    control->op = 0;
    *argument = control->argument;
    return control->act;
}

static ssize_t faulty_write(int fd, const void *data, size_t size) {
    int argument = 0, act = ordered(WRITE, &argument);
    if (act == DIE_BEFORE) die();
    if (act == FAIL) {
        errno = argument;
        return -1;
    }
    if (act == SHORT || act == SHORT_AND_DIE) {
        size_t part = (size_t)argument < size ? (size_t)argument : size - 1;
        ssize_t written = part ? real_write(fd, data, part) : 0;
        if (act == SHORT_AND_DIE) die();
        control->op = WRITE, control->countdown = 1, control->act = FAIL;
        control->argument = ENOSPC;
        return written;
    }
    ssize_t written = real_write(fd, data, size);
    if (act == DIE_AFTER) die();
    return written;
}

ssize_t write(int fd, const void *data, size_t size) {
    char path[PATH_MAX];
    if (watched(fd, path) && is_increment(path)) return faulty_write(fd, data, size);
    return real_write(fd, data, size);
}

/* The server does not use these two on its files; if it begins to, the tests are to say so. */
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    char path[PATH_MAX];
    if (watched(fd, path)) abort();
    return real_pwrite(fd, data, size, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    char path[PATH_MAX];
    if (watched(fd, path)) abort();
    return real_writev(fd, parts, count);
}

static int faulty_sync(int fd, int (*real_sync)(int)) {
    char path[PATH_MAX];
    if (!watched(fd, path)) return real_sync(fd);
    struct stat found;
    if (fstat(fd, &found) != 0) return -1;
    int argument = 0, act = is_increment(path) ? ordered(SYNC, &argument) : 0;
    if (act == DIE_BEFORE) die();
    if (act == FAIL) {
        errno = argument;
        return -1;
    }
    if (act == WAIT) usleep(argument * 1000);
    int result = real_sync(fd);
    if (result != 0) return result;
    /* The size from before: what another thread writes meanwhile is not covered. */
    if (S_ISDIR(found.st_mode))
        note("D %s\n", path);
    else
        note("S %s %lld\n", path, (long long)found.st_size);
    if (act == DIE_AFTER) die();
    return result;
}

int fsync(int fd) { return faulty_sync(fd, real_fsync); }
int fdatasync(int fd) { return faulty_sync(fd, real_fdatasync); }

int ftruncate64(int fd, off64_t size) {
    char path[PATH_MAX];
    int result = real_ftruncate(fd, size);
    if (result == 0 && watched(fd, path)) note("O %s %lld\n", path, (long long)size);
    return result;
}

int rename(const char *from, const char *to) {
    if (strstr(from, ".aof") == NULL) return real_rename(from, to);
    int argument = 0, act = ordered(RENAME, &argument);
    if (act == DIE_BEFORE) die();
    char kept[PATH_MAX];
    snprintf(kept, sizeof kept, "%s/%d-%d", getenv("FAULTY_KEPT"), getpid(), ++kept_count);
    int is_kept = link(to, kept) == 0;
    int result = real_rename(from, to);
    if (result == 0)
        note("R %s%s%s %s%s%s %s\n", *from == '/' ? "" : directory, *from == '/' ? "" : "/", from,
             *to == '/' ? "" : directory, *to == '/' ? "" : "/", to, is_kept ? kept : "-");
    if (act == DIE_AFTER) die();
    return result;
}

int open64(const char *path, int flags, ...) {
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    int fd = real_open(path, flags, mode);
    char real_path[PATH_MAX];
    if (fd >= 0 && (flags & (O_WRONLY | O_RDWR)) && watched(fd, real_path))
        note("O %s %lld\n", real_path, (long long)size_of(fd));
    return fd;
}
