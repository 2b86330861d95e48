/* SPDX-License-Identifier: BSD-2-Clause */

/* Other programs' files, and those programs themselves; see check.h. */

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "import.h"
#include "sys.h"

#define FILE_MAX (4u * 1024 * 1024)
#define SAID_MAX (1024u * 1024)
#define RUN_MS   5000
#define BLANKS   " \t\r"
#define CANNOT   127

static const char *const program_dirs[] = { "/usr/sbin", "/usr/bin", "/sbin",
	"/bin", "/usr/local/sbin", "/usr/local/bin" };

char *
drac_below(const struct drac_ctl *ctl, const char *path)
{
	char *below;

	return asprintf(&below, "%s%s", ctl->root, path) == -1 ? NULL : below;
}

int
drac_below_map(struct drac_ctl *ctl)
{
	drac_conf_store_opts(&ctl->conf, &ctl->opts);
	ctl->opts.import = drac_import;
	if (ctl->root[0] == '\0')
		return 0;
	free(ctl->map_path);
	ctl->map_path = drac_below(ctl, ctl->conf.database);
	ctl->opts.path = ctl->map_path;
	return ctl->map_path == NULL ? -1 : 0;
}

const char *
drac_below_name(const struct drac_ctl *ctl, const char *path)
{
	size_t length = strlen(ctl->root);

	return length > 0 && strncmp(path, ctl->root, length) == 0 &&
		       path[length] == '/'
		   ? path + length
		   : path;
}

bool
drac_below_leads_to_map(const struct drac_ctl *ctl, const char *path,
    size_t length, const char *suffix)
{
	struct stat map, named;
	char *below;
	bool leads;

	if (length == 0 || *path != '/' || stat(ctl->opts.path, &map) == -1 ||
	    asprintf(&below, "%s%.*s%s", ctl->root, (int)length, path,
		suffix) == -1)
		return false;
	leads = stat(below, &named) == 0 && named.st_dev == map.st_dev &&
		named.st_ino == map.st_ino;
	free(below);
	return leads;
}

/* All of fd, at most `most' octets, and a NUL. */
static char *
read_all(int fd, size_t most)
{
	size_t length = 0, room = 0;
	char *text = NULL;
	ssize_t got;

	do {
		if (length + 1 >= room) {
			char *more = realloc(text, room = room * 2 + 4096);

			if (more == NULL)
				goto fail;
			text = more;
		}
		got = read(fd, text + length, room - length - 1);
		if (got == -1 && errno != EINTR)
			goto fail;
		length += got > 0 ? (size_t)got : 0;
		errno = EFBIG;
		if (length > most)
			goto fail;
	} while (got != 0);
	text[length] = '\0';
	errno = EINVAL;
	if (strlen(text) == length)
		return text;
fail:
	free(text);
	return NULL;
}

char *
drac_below_read(const struct drac_ctl *ctl, const char *path)
{
	char *below = drac_below(ctl, path), *text = NULL;
	struct stat st;
	int fd, saved;

	if (below == NULL)
		return NULL;
	fd = open(below, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	free(below);
	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		errno = EINVAL;
	else
		text = read_all(fd, FILE_MAX);
	saved = errno;
	(void)close(fd);
	errno = saved;
	return text;
}

char *
drac_below_line(char **text)
{
	char *line, *end;

	if (**text == '\0')
		return NULL;
	line = *text;
	end = line + strcspn(line, "\n");
	*text = end + (*end == '\n');
	line += strspn(line, BLANKS);
	while (end > line && strchr(BLANKS, end[-1]) != NULL)
		end--;
	*end = '\0';
	return line;
}

/* The path of a program, to be freed. NULL: there is none. */
static char *
find_program(const struct drac_ctl *ctl, const char *name)
{
	for (size_t i = 0; i < sizeof(program_dirs) / sizeof(*program_dirs);
	     i++) {
		char *path;

		if (asprintf(&path, "%s%s/%s", ctl->root, program_dirs[i],
			name) == -1)
			return NULL;
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	errno = ENOENT;
	return NULL;
}

bool
drac_below_has(const struct drac_ctl *ctl, const char *name)
{
	char *path = find_program(ctl, name);
	bool has = path != NULL;

	free(path);
	return has;
}

static void
become_program(const char *path, char *const argv[], int out)
{
	char search[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char locale[] = "LC_ALL=C";
	char *const environment[] = { search, locale, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(null, STDERR_FILENO) == -1 || dup2(out, STDOUT_FILENO) == -1 ||
	    chdir("/") == -1)
		_exit(CANNOT);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGXFSZ, SIG_DFL);
	(void)setpgid(0, 0);
	(void)execve(path, argv, environment);
	_exit(CANNOT);
}

/* What comes out of fd until its end. -1: EFBIG, ETIMEDOUT ... */
static int
listen_to(int fd, char *text, size_t *length)
{
	int64_t until_ms = drac_sys_ms() + RUN_MS;
	ssize_t got = 1;

	for (*length = 0; got != 0;) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		int64_t left_ms = until_ms - drac_sys_ms();

		if (left_ms <= 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (poll(&ready, 1, (int)left_ms) != 1)
			continue;
		got = read(fd, text + *length, SAID_MAX - *length);
		if (got == -1 && errno != EINTR)
			return -1;
		*length += got > 0 ? (size_t)got : 0;
		if (*length == SAID_MAX) {
			errno = EFBIG;
			return -1;
		}
	}
	return 0;
}

/* Who has said all ends soon, or is ended. */
static int
await(pid_t child)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	int64_t until_ms = drac_sys_ms() + RUN_MS;
	siginfo_t info = { 0 };

	while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) ==
		   0 &&
	       info.si_pid == 0) {
		if (drac_sys_ms() >= until_ms) {
			errno = ETIMEDOUT;
			return -1;
		}
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

/* End it with all that it started, whatever it is at. */
static int
reap(pid_t child, int result)
{
	int saved, status;

	if (result == 0)
		result = await(child);
	saved = errno;
	if (result == -1 && kill(-child, SIGKILL) == -1)
		(void)kill(child, SIGKILL);
	while (waitpid(child, &status, 0) == -1)
		if (errno != EINTR)
			return -1;
	errno = saved;
	if (result == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
		errno = ECHILD;
		return -1;
	}
	return result;
}

static int
run(const char *path, char *const argv[], char *text)
{
	size_t length;
	int ends[2], result;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	child = fork();
	if (child == 0)
		become_program(path, argv, ends[1]);
	(void)close(ends[1]);
	result = child == -1 ? -1 : listen_to(ends[0], text, &length);
	if (child != -1)
		result = reap(child, result);
	(void)close(ends[0]);
	if (result == 0)
		text[length] = '\0';
	return result;
}

char *
drac_below_run(const struct drac_ctl *ctl, char *const argv[])
{
	char *path = find_program(ctl, argv[0]);
	char *text = path == NULL ? NULL : malloc(SAID_MAX);
	int result = text == NULL ? -1 : run(path, argv, text);

	free(path);
	if (result == 0)
		return text;
	free(text);
	return NULL;
}
