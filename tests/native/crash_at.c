/* Preloaded, it lets the n-th operation on files go wrong, of which COINDEX_CRASH_AT gives n and COINDEX_CRASH_MODE how:
 *
 *   kill   the program ends by SIGKILL before it (the default)
 *   power  the same, and what was not synced is lost: files have half of what was written, and renames are undone whose
 *          folder was not synced; COINDEX_CRASH_KEEP is a folder, beside the device's, for what renames replaced
 *   full   from it on nothing is written any more: ENOSPC
 *   fsync  where it is a sync it fails: EIO
 *
 * With COINDEX_CRASH_COUNT it writes at the end how many operations there were to stderr. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define MOST 1024

static long done;

/* Files that were written and not synced, and renames whose folder was not; empty paths are no more. */
static char unsynced[MOST][PATH_MAX];
static struct {
  char from[PATH_MAX], to[PATH_MAX], replaced[PATH_MAX];
} renamed[MOST];
static int files, renames;

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int mode_is(const char* name) {
  const char* mode = getenv("COINDEX_CRASH_MODE");
  return strcmp(mode ? mode : "kill", name) == 0;
}

static void lose_what_was_not_synced(void) {
  for (int i = renames - 1; i >= 0; i--) {
    if (!renamed[i].to[0]) continue;
    NEXT(rename)(renamed[i].to, renamed[i].from);
    for (int k = 0; k < files; k++) {
      if (strcmp(unsynced[k], renamed[i].to) == 0) strcpy(unsynced[k], renamed[i].from);
    }
    if (renamed[i].replaced[0]) NEXT(rename)(renamed[i].replaced, renamed[i].to);
  }
  for (int i = 0; i < files; i++) {
    struct stat found;
    if (unsynced[i][0] && stat(unsynced[i], &found) == 0 && truncate(unsynced[i], found.st_size / 2) != 0) abort();
  }
}

enum kind { WRITES, SYNCS, REMOVES };

/* Counts an operation. Whether it must fail, which `errno` then says. */
static int goes_wrong(enum kind kind) {
  const char* at = getenv("COINDEX_CRASH_AT");
  const long n = at ? atol(at) : -1, now = done++;
  if (n < 0 || now < n) return 0;
  if (mode_is("full")) {
    errno = ENOSPC;
    return kind == WRITES;
  }
  if (now > n) return 0;
  if (mode_is("fsync")) {
    errno = EIO;
    return kind == SYNCS;
  }
  if (mode_is("power")) lose_what_was_not_synced();
  kill(getpid(), SIGKILL);
  return 0;
}

__attribute__((destructor)) static void tell(void) {
  if (getenv("COINDEX_CRASH_COUNT")) fprintf(stderr, "operations %ld\n", done);
}

static void path_of(int descriptor, char* out) {
  char link[64];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, out, PATH_MAX - 1);
  out[length > 0 ? length : 0] = 0;
}

int rename(const char* from, const char* to) {
  if (goes_wrong(WRITES)) return -1;
  if (mode_is("power") && renames < MOST) {
    strcpy(renamed[renames].from, from);
    strcpy(renamed[renames].to, to);
    snprintf(renamed[renames].replaced, PATH_MAX, "%s/%d", getenv("COINDEX_CRASH_KEEP"), renames);
    if (link(to, renamed[renames].replaced) != 0) renamed[renames].replaced[0] = 0;
    renames++;
  }
  for (int i = 0; i < files; i++) {
    if (strcmp(unsynced[i], from) == 0) strcpy(unsynced[i], to);
  }
  return NEXT(rename)(from, to);
}

int unlink(const char* path) {
  if (goes_wrong(REMOVES)) return -1;
  return NEXT(unlink)(path);
}

int mkdir(const char* path, mode_t mode) {
  struct stat found;
  if (stat(path, &found) != 0 && goes_wrong(WRITES)) return -1;
  return ((int (*)(const char*, mode_t))dlsym(RTLD_NEXT, "mkdir"))(path, mode);
}

int fsync(int descriptor) {
  if (goes_wrong(SYNCS)) return -1;
  char path[PATH_MAX];
  path_of(descriptor, path);
  for (int i = 0; i < files; i++) {
    if (strcmp(unsynced[i], path) == 0) unsynced[i][0] = 0;
  }
  const size_t length = strlen(path);
  for (int i = 0; i < renames; i++) {
    const char* name = strrchr(renamed[i].to, '/');
    if (name && (size_t)(name - renamed[i].to) == length && strncmp(renamed[i].to, path, length) == 0) {
      renamed[i].to[0] = 0;
    }
  }
  return NEXT(fsync)(descriptor);
}

ssize_t write(int descriptor, const void* data, size_t size) {
  if (descriptor <= 2) return NEXT(write)(descriptor, data, size);
  if (goes_wrong(WRITES)) return -1;
  if (files < MOST) path_of(descriptor, unsynced[files++]);
  /* Half of it, and then the end comes perhaps. */
  ssize_t half = NEXT(write)(descriptor, data, size / 2);
  if (goes_wrong(WRITES)) return half > 0 ? half : -1;
  if (half < 0) return half;
  ssize_t rest = NEXT(write)(descriptor, (const char*)data + half, size - (size_t)half);
  return rest < 0 ? rest : half + rest;
}
