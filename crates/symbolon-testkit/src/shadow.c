/* A disk that forgets, for tests: loaded into a node by LD_PRELOAD.
 *
 * Files below SHADOW_ROOT are written as ever, and what a process has synced is copied into
 * SHADOW_DIR beside them. After the process was killed the test puts the copy in the place of the
 * directory: that is what a power loss leaves. Contents are durable by fsync or fdatasync of the
 * file, names by fsync of their directory, as POSIX has it and no more: sync_file_range, close and
 * time make nothing durable.
 *
 *   SHADOW_DIR/i/INODE     durable content of a file
 *   SHADOW_DIR/d/INODE     durable names in a directory: lines "f INODE NAME" and "d INODE NAME"
 *   SHADOW_DIR/keep/INODE  links to removed files, so that no inode number means two files
 *   SHADOW_DIR/eio         while it is there, a sync fails with EIO
 *   SHADOW_DIR/slow        while it is there, a sync takes 10 ms longer
 *   SHADOW_DIR/lies        while it is there, a sync says that it is done, and nothing is durable
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS_MAX 65536
#define BUCKETS 256
#define SLOW_MICROSECONDS 10000

struct range {
	off_t from, to;
};

struct file {
	ino_t inode;
	struct range *dirty;
	size_t count, room;
	off_t shrunk_to; /* -1: not shrunk since the last sync */
	struct file *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file *buckets[BUCKETS];
static struct file *fds[FDS_MAX];
static char root[PATH_MAX], shadow[PATH_MAX];
static size_t root_length;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);
	if (!found)
		abort();
	return found;
}

__attribute__((constructor)) static void start(void)
{
	const char *at = getenv("SHADOW_ROOT"), *to = getenv("SHADOW_DIR");
	if (!at || !to || !realpath(at, root) || !realpath(to, shadow))
		abort();
	root_length = strlen(root);
}

static int is_below(const char *path)
{
	return strncmp(path, root, root_length) == 0 &&
	       (path[root_length] == '/' || path[root_length] == 0);
}

static int path_of(int fd, char *path)
{
	char link[64];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, PATH_MAX - 1);
	if (length < 0)
		return 0;
	path[length] = 0;
	return is_below(path);
}

static int has(const char *flag)
{
	char path[PATH_MAX + 64];
	snprintf(path, sizeof path, "%s/%s", shadow, flag);
	return access(path, F_OK) == 0;
}

/* Under the lock. */
static struct file *file_of(ino_t inode)
{
	struct file **at = &buckets[inode % BUCKETS];
	for (; *at; at = &(*at)->next)
		if ((*at)->inode == inode)
			return *at;
	*at = calloc(1, sizeof **at);
	if (!*at)
		abort();
	(*at)->inode = inode;
	(*at)->shrunk_to = -1;
	return *at;
}

/* The file behind a descriptor; none when it is no regular file below the root. */
static struct file *tracked(int fd)
{
	char path[PATH_MAX];
	struct stat about;
	if (fd < 0 || fd >= FDS_MAX || !root_length)
		return NULL;
	if (fds[fd])
		return fds[fd];
	if (fstat(fd, &about) || !S_ISREG(about.st_mode) || !path_of(fd, path))
		return NULL;
	pthread_mutex_lock(&lock);
	fds[fd] = file_of(about.st_ino);
	pthread_mutex_unlock(&lock);
	return fds[fd];
}

static void forget(int fd)
{
	if (fd >= 0 && fd < FDS_MAX)
		fds[fd] = NULL;
}

static void note_write(struct file *file, off_t from, ssize_t length)
{
	if (!file || length <= 0)
		return;
	pthread_mutex_lock(&lock);
	struct range *last = file->count ? &file->dirty[file->count - 1] : NULL;
	if (last && last->to == from) {
		last->to = from + length;
	} else {
		if (file->count == file->room) {
			file->room = file->room ? 2 * file->room : 16;
			file->dirty = realloc(file->dirty, file->room * sizeof *file->dirty);
			if (!file->dirty)
				abort();
		}
		file->dirty[file->count++] = (struct range){from, from + length};
	}
	pthread_mutex_unlock(&lock);
}

static void note_size(struct file *file, off_t size)
{
	if (!file)
		return;
	pthread_mutex_lock(&lock);
	if (file->shrunk_to < 0 || size < file->shrunk_to)
		file->shrunk_to = size;
	pthread_mutex_unlock(&lock);
}

static void copy(int from, int to, struct range range)
{
	static __thread char buffer[1 << 16];
	while (range.from < range.to) {
		size_t want = sizeof buffer;
		if ((off_t)want > range.to - range.from)
			want = range.to - range.from;
		ssize_t got = pread(from, buffer, want, range.from);
		if (got <= 0)
			return; /* cut short meanwhile */
		if (REAL(pwrite)(to, buffer, got, range.from) != got)
			abort();
		range.from += got;
	}
}

static int sync_file(int fd, struct file *file)
{
	char path[PATH_MAX + 64];
	struct stat about;
	pthread_mutex_lock(&lock);
	snprintf(path, sizeof path, "%s/i/%lu", shadow, (unsigned long)file->inode);
	int to = REAL(open)(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (to < 0 || fstat(fd, &about))
		abort();
	if (file->shrunk_to >= 0 && REAL(ftruncate)(to, file->shrunk_to))
		abort();
	if (REAL(ftruncate)(to, about.st_size))
		abort();
	/* The descriptor may be for writing alone. */
	char own[64];
	snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
	int from = REAL(open)(own, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		abort();
	for (size_t at = 0; at < file->count; at++)
		copy(from, to, file->dirty[at]);
	file->count = 0;
	file->shrunk_to = -1;
	REAL(close)(from);
	REAL(close)(to);
	pthread_mutex_unlock(&lock);
	return 0;
}

static int sync_directory(const char *path, ino_t inode)
{
	char name[PATH_MAX + 64], draft[PATH_MAX + 80];
	snprintf(name, sizeof name, "%s/d/%lu", shadow, (unsigned long)inode);
	pthread_mutex_lock(&lock);
	snprintf(draft, sizeof draft, "%s.new", name);
	FILE *out = fopen(draft, "w");
	DIR *directory = opendir(path);
	if (!out || !directory)
		abort();
	for (struct dirent *entry; (entry = readdir(directory));) {
		struct stat about;
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (fstatat(dirfd(directory), entry->d_name, &about, AT_SYMLINK_NOFOLLOW))
			continue;
		char kind = S_ISREG(about.st_mode) ? 'f' : S_ISDIR(about.st_mode) ? 'd' : 0;
		if (kind)
			fprintf(out, "%c %lu %s\n", kind, (unsigned long)about.st_ino, entry->d_name);
	}
	closedir(directory);
	if (fclose(out) || REAL(rename)(draft, name))
		abort();
	pthread_mutex_unlock(&lock);
	return 0;
}

static int make_durable(int fd)
{
	char path[PATH_MAX];
	struct stat about;
	if (!root_length || fstat(fd, &about) || !path_of(fd, path))
		return 0;
	if (has("eio")) {
		errno = EIO;
		return -1;
	}
	if (has("slow"))
		usleep(SLOW_MICROSECONDS);
	if (has("lies"))
		return 0;
	if (S_ISDIR(about.st_mode))
		return sync_directory(path, about.st_ino);
	struct file *file = tracked(fd);
	return file ? sync_file(fd, file) : 0;
}

int fsync(int fd)
{
	return make_durable(fd);
}

int fdatasync(int fd)
{
	return make_durable(fd);
}

int close(int fd)
{
	forget(fd);
	return REAL(close)(fd);
}

static int opened(int fd, int flags)
{
	forget(fd);
	if (fd >= 0 && (flags & O_TRUNC))
		note_size(tracked(fd), 0);
	return fd;
}

#define MODE(flags, last)                                                                           \
	mode_t mode = 0;                                                                            \
	if ((flags) & (O_CREAT | O_TMPFILE)) {                                                      \
		va_list more;                                                                       \
		va_start(more, last);                                                               \
		mode = va_arg(more, mode_t);                                                        \
		va_end(more);                                                                       \
	}

int open(const char *path, int flags, ...)
{
	MODE(flags, flags)
	return opened(REAL(open)(path, flags, mode), flags);
}

int open64(const char *path, int flags, ...)
{
	MODE(flags, flags)
	return opened(REAL(open64)(path, flags, mode), flags);
}

int openat(int at, const char *path, int flags, ...)
{
	MODE(flags, flags)
	return opened(REAL(openat)(at, path, flags, mode), flags);
}

int openat64(int at, const char *path, int flags, ...)
{
	MODE(flags, flags)
	return opened(REAL(openat64)(at, path, flags, mode), flags);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at)
{
	ssize_t done = REAL(pwrite)(fd, bytes, length, at);
	note_write(tracked(fd), at, done);
	return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at)
{
	ssize_t done = REAL(pwrite64)(fd, bytes, length, at);
	note_write(tracked(fd), at, done);
	return done;
}

ssize_t write(int fd, const void *bytes, size_t length)
{
	ssize_t done = REAL(write)(fd, bytes, length);
	int before = errno;
	struct file *file = done > 0 ? tracked(fd) : NULL;
	if (file)
		note_write(file, lseek(fd, 0, SEEK_CUR) - done, done);
	errno = before;
	return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	ssize_t done = REAL(writev)(fd, parts, count);
	int before = errno;
	struct file *file = done > 0 ? tracked(fd) : NULL;
	if (file)
		note_write(file, lseek(fd, 0, SEEK_CUR) - done, done);
	errno = before;
	return done;
}

int ftruncate(int fd, off_t size)
{
	int result = REAL(ftruncate)(fd, size);
	if (!result)
		note_size(tracked(fd), size);
	return result;
}

int ftruncate64(int fd, off64_t size)
{
	int result = REAL(ftruncate64)(fd, size);
	if (!result)
		note_size(tracked(fd), size);
	return result;
}

/* A removed file keeps its inode number to itself. */
static void keep(int at, const char *path)
{
	char name[PATH_MAX + 64];
	struct stat about;
	if (!root_length || fstatat(at, path, &about, AT_SYMLINK_NOFOLLOW) || !S_ISREG(about.st_mode))
		return;
	snprintf(name, sizeof name, "%s/keep/%lu", shadow, (unsigned long)about.st_ino);
	/* There already, or on another file system: then it is none of ours. */
	if (linkat(at, path, AT_FDCWD, name, 0))
		errno = 0;
}

int unlink(const char *path)
{
	keep(AT_FDCWD, path);
	return REAL(unlink)(path);
}

int unlinkat(int at, const char *path, int flags)
{
	keep(at, path);
	return REAL(unlinkat)(at, path, flags);
}

int rename(const char *from, const char *to)
{
	keep(AT_FDCWD, to);
	return REAL(rename)(from, to);
}
