/*
 * Fails, kills or signals a process at the n-th call that changes a folder. Preloaded (LD_PRELOAD) by faults.ts.
 *
 * FAULT_FOLDER  only calls below this folder count
 * FAULT_AT      which call, from 1; 0 for none
 * FAULT_DO      a number: the errno that this call ends with; "kill", "term" or "int": the signal that is sent before it
 * FAULT_STAYS   set: all later calls fail too, as on a disk that stays full
 * FAULT_LOG     a line for each call is appended to this file
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long count = 0;

static int below(const char *path) {
  const char *folder = getenv("FAULT_FOLDER");
  char absolute[2 * PATH_MAX];
  if (folder == NULL || path == NULL) return 0;
  if (path[0] != '/') {
    char here[PATH_MAX];
    if (syscall(SYS_getcwd, here, sizeof here) < 0) return 0;
    snprintf(absolute, sizeof absolute, "%s/%s", here, path);
    path = absolute;
  }
  size_t length = strlen(folder);
  return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static int path_of(int fd, char *path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, size - 1);
  if (length < 0) return 0;
  path[length] = '\0';
  return path[0] == '/'; /* a pipe or the like has no path */
}

/* Whether the call is to fail, with errno set. */
static int faulty(const char *call, const char *path) {
  if (!below(path)) return 0;
  const char *what = getenv("FAULT_DO");
  const char *log = getenv("FAULT_LOG");
  const char *at = getenv("FAULT_AT");
  pthread_mutex_lock(&lock);
  long own = ++count;
  pthread_mutex_unlock(&lock);
  if (log != NULL) {
    char line[2 * PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%ld %s %s\n", own, call, path);
    int fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT, 0644);
    if (fd >= 0) {
      syscall(SYS_write, fd, line, length);
      syscall(SYS_close, fd);
    }
  }
  long wanted = at == NULL ? 0 : atol(at);
  if (what == NULL || wanted == 0 || own < wanted) return 0;
  if (own > wanted && getenv("FAULT_STAYS") == NULL) return 0;
  if (strcmp(what, "kill") == 0) kill(getpid(), SIGKILL);
  else if (strcmp(what, "term") == 0) kill(getpid(), SIGTERM);
  else if (strcmp(what, "int") == 0) kill(getpid(), SIGINT);
  else if (strcmp(call, "unlink") != 0 && strcmp(call, "rmdir") != 0) { /* a full disk can still be cleared */
    errno = atoi(what);
    return 1;
  }
  return 0;
}

static int faulty_fd(const char *call, int fd) {
  char path[PATH_MAX];
  return path_of(fd, path, sizeof path) && faulty(call, path);
}

#define REAL(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))

#define OPEN(name)                                                               \
  int name(const char *path, int flags, ...) {                                   \
    va_list more;                                                                \
    va_start(more, flags);                                                       \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;    \
    va_end(more);                                                                \
    if ((flags & O_CREAT) && faulty("open", path)) return -1;                    \
    return REAL(int, name, const char *, int, ...)(path, flags, mode);           \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                             \
  int name(int folder, const char *path, int flags, ...) {                       \
    va_list more;                                                                \
    va_start(more, flags);                                                       \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;    \
    va_end(more);                                                                \
    if ((flags & O_CREAT) && faulty("open", path)) return -1;                    \
    return REAL(int, name, int, const char *, int, ...)(folder, path, flags, mode); \
  }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name)                                                              \
  FILE *name(const char *path, const char *mode) {                               \
    if (mode[0] != 'r' && faulty("fopen", path)) return NULL;                    \
    return REAL(FILE *, name, const char *, const char *)(path, mode);           \
  }
FOPEN(fopen)
FOPEN(fopen64)

size_t fwrite(const void *data, size_t size, size_t items, FILE *file) {
  if (faulty_fd("fwrite", fileno(file))) return 0;
  return REAL(size_t, fwrite, const void *, size_t, size_t, FILE *)(data, size, items, file);
}

int fflush(FILE *file) {
  if (file != NULL && faulty_fd("fflush", fileno(file))) return EOF;
  return REAL(int, fflush, FILE *)(file);
}

#define ON_FD(result, name, parameters, arguments)                               \
  result name parameters {                                                       \
    if (faulty_fd(#name, fd)) return -1;                                         \
    return ((result(*) parameters)dlsym(RTLD_NEXT, #name)) arguments;            \
  }
ON_FD(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
ON_FD(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
ON_FD(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
ON_FD(ssize_t, writev, (int fd, const struct iovec *pieces, int n), (fd, pieces, n))
ON_FD(ssize_t, pwritev, (int fd, const struct iovec *pieces, int n, off_t at), (fd, pieces, n, at))
ON_FD(ssize_t, pwritev64, (int fd, const struct iovec *pieces, int n, off64_t at), (fd, pieces, n, at))
ON_FD(int, fsync, (int fd), (fd))
ON_FD(int, fdatasync, (int fd), (fd))
ON_FD(int, ftruncate, (int fd, off_t size), (fd, size))
ON_FD(int, ftruncate64, (int fd, off64_t size), (fd, size))
ON_FD(ssize_t, sendfile, (int fd, int from, off_t *at, size_t size), (fd, from, at, size))
ON_FD(ssize_t, sendfile64, (int fd, int from, off64_t *at, size_t size), (fd, from, at, size))

ssize_t copy_file_range(int from, off64_t *from_at, int fd, off64_t *at, size_t size, unsigned flags) {
  if (faulty_fd("copy_file_range", fd)) return -1;
  return REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned)(from, from_at, fd, at, size, flags);
}

#define ON_PATH(name, parameters, arguments, path)                               \
  int name parameters {                                                          \
    if (faulty(#name, path)) return -1;                                          \
    return ((int(*) parameters)dlsym(RTLD_NEXT, #name)) arguments;               \
  }
ON_PATH(mkdir, (const char *path, mode_t mode), (path, mode), path)
ON_PATH(rename, (const char *from, const char *to), (from, to), to)
ON_PATH(link, (const char *from, const char *to), (from, to), to)
ON_PATH(symlink, (const char *from, const char *to), (from, to), to)
ON_PATH(unlink, (const char *path), (path), path)
ON_PATH(rmdir, (const char *path), (path), path)
