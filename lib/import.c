/* SPDX-License-Identifier: BSD-2-Clause */

/* Berkeley DB reads a copy of a file in a child process; see import.h. */

#include "import.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "berkeley.h"
#include "sys.h"

#define IMPORT_MS  20000
#define OCTETS_MAX (256u * 1024 * 1024)

/* Longer items are no addresses and no times. */
#define KEY_MAX   255u
#define VALUE_MAX 255u

/* What the child has to say: records of two lengths, key and value. */
struct writer {
	unsigned char octet[16384];
	size_t used;
};

static int
write_all(struct writer *writer)
{
	size_t at = 0;

	while (at < writer->used) {
		ssize_t put =
		    write(STDOUT_FILENO, writer->octet + at, writer->used - at);

		if (put == -1)
			return errno;
		at += (size_t)put;
	}
	writer->used = 0;
	return 0;
}

static int
write_item(void *arg, const struct drac_item *item)
{
	struct writer *writer = arg;
	bool fits = item->key_len > 0 && item->key_len <= KEY_MAX &&
		    item->value_len <= VALUE_MAX;
	/* Something that is not understood stands for what is too long. */
	size_t key = fits ? item->key_len : 1;
	size_t value = fits ? item->value_len : 0;
	unsigned char *at;

	if (writer->used + 2 + key + value > sizeof(writer->octet)) {
		int result = write_all(writer);

		if (result != 0)
			return result;
	}
	at = writer->octet + writer->used;
	at[0] = (unsigned char)key;
	at[1] = (unsigned char)value;
	memcpy(at + 2, fits ? item->key : (const unsigned char *)"?", key);
	if (value > 0)
		memcpy(at + 2 + key, item->value, value);
	writer->used += 2 + key + value;
	return 0;
}

/*
 * Nothing of ours but the copy and the pipe goes with the child: a lock of the
 * map would be held for as long as it lives.
 */
static void
read_in_child(int copy, int pipe_end)
{
	const struct rlimit no_core = { 0, 0 };
	const struct rlimit cpu = { IMPORT_MS / 1000, IMPORT_MS / 1000 };
	struct writer writer = { .used = 0 };
	int null = open("/dev/null", O_RDWR);
	int result;

	/* All of them are above 2. */
	if (null == -1 || dup2(copy, STDIN_FILENO) == -1 ||
	    dup2(pipe_end, STDOUT_FILENO) == -1 ||
	    dup2(null, STDERR_FILENO) == -1 || close_range(3, ~0u, 0) == -1 ||
	    chdir("/") == -1)
		_exit(2);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)setrlimit(RLIMIT_CPU, &cpu);
	result = drac_berkeley_dump("/proc/self/fd/0", write_item, &writer);
	if (result == 0) {
		/* A key without octets: that was all. */
		unsigned char end[2] = { 0, 0 };

		result = write_all(&writer);
		if (result == 0 && write(STDOUT_FILENO, end, 2) != 2)
			result = -1;
	}
	_exit(result == 0 ? 0 : 1);
}

/* What has been read of the child. */
struct reader {
	drac_store_item *take;
	void *arg;
	unsigned char octet[65536];
	size_t used;
	bool end; /* it said that this was all */
};

/* Whole records of what is there. */
static int
take_records(struct reader *reader)
{
	size_t at = 0;

	while (!reader->end && reader->used - at >= 2) {
		const unsigned char *record = reader->octet + at;
		size_t length = 2u + record[0] + record[1];
		const struct drac_item item = { .key = record + 2,
			.key_len = record[0],
			.value = record + 2 + record[0],
			.value_len = record[1] };

		if (reader->used - at < length)
			break;
		at += length;
		if (record[0] == 0)
			reader->end = true;
		else if (reader->take(reader->arg, &item) == -1)
			return -1;
	}
	memmove(reader->octet, reader->octet + at, reader->used - at);
	reader->used -= at;
	return 0;
}

static int
read_child(int fd, struct reader *reader)
{
	int64_t until_ms = drac_sys_ms() + IMPORT_MS;

	while (!reader->end) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		int64_t left = until_ms - drac_sys_ms();
		ssize_t got;

		if (left <= 0 || poll(&ready, 1, (int)left) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		got = read(fd, reader->octet + reader->used,
		    sizeof(reader->octet) - reader->used);
		if (got == -1 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got <= 0) {
			errno = got == 0 ? EBADMSG : errno;
			return -1;
		}
		reader->used += (size_t)got;
		if (take_records(reader) == -1)
			return -1;
	}
	return 0;
}

/* It ends at once or by force; nobody else waits for it. */
static void
end_child(pid_t child, int *status)
{
	(void)kill(child, SIGKILL);
	while (waitpid(child, status, 0) == -1 && errno == EINTR)
		continue;
}

static int
import_copy(int copy, struct reader *reader)
{
	int end[2] = { -1, -1 }, result = -1, saved, status = -1;
	pid_t child = -1;

	if (pipe2(end, O_CLOEXEC) == 0) {
		end[0] = drac_sys_above_stderr(end[0]);
		end[1] = drac_sys_above_stderr(end[1]);
	}
	if (end[0] != -1 && end[1] != -1)
		child = fork();
	if (child == 0)
		read_in_child(copy, end[1]);
	saved = errno;
	if (end[1] != -1)
		(void)close(end[1]);
	errno = saved;
	if (child != -1) {
		result = read_child(end[0], reader);
		saved = errno;
		end_child(child, &status);
		errno = saved;
	}
	saved = errno;
	if (end[0] != -1)
		(void)close(end[0]);
	errno = saved;
	return result;
}

/* Somebody may change the file while it is read, or it may lie on a slow disk. */
static int
copy_file(int from, int to)
{
	struct stat st;
	off_t at = 0;

	if (fstat(from, &st) == -1)
		return -1;
	if (st.st_size > (off_t)OCTETS_MAX) {
		errno = EFBIG;
		return -1;
	}
	while (at < st.st_size) {
		ssize_t put =
		    sendfile(to, from, &at, (size_t)(st.st_size - at));

		if (put == -1)
			return -1;
		if (put == 0)
			break;
	}
	return 0;
}

int
drac_import(int fd, drac_store_item *take, void *arg, struct drac_why *why)
{
	struct reader reader = { .take = take, .arg = arg };
	int copy =
	    drac_sys_above_stderr(memfd_create("drac-import", MFD_CLOEXEC));
	int result = -1, saved;

	if (copy != -1 && copy_file(fd, copy) == 0)
		result = import_copy(copy, &reader);
	saved = errno;
	if (copy != -1)
		(void)close(copy);
	if (result == -1)
		drac_why_set(why, "Berkeley DB cannot read it: %s",
		    saved == EBADMSG ? "damaged" : strerror(saved));
	errno = saved;
	return result;
}
