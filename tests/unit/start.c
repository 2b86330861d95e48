/* SPDX-License-Identifier: BSD-2-Clause */

/* What the start leaves on the disk: the number of the process. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "dracd.h"
#include "test.h"

struct drac_stats drac_stats;

static char dir[64];
static char path[80];
static char other[80];

static void
write_file(const char *where, const char *text)
{
	int fd = open(where, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd != -1);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(close(fd) == 0);
}

static bool
says(const char *where, const char *text)
{
	char found[64] = "";
	int fd = open(where, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd != -1 ? read(fd, found, sizeof found - 1) : -1;

	if (fd != -1)
		close(fd);
	return n == (ssize_t)strlen(text) && strcmp(found, text) == 0;
}

static void
pid_file_holds_the_number(void)
{
	mode_t before = umask(077);
	struct stat st;

	CHECK(drac_start_pid_file(path, 4711) == 0);
	(void)umask(before);
	CHECK(says(path, "4711\n"));
	CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0644);
	CHECK(drac_start_pid_file(path, 12) == 0);
	CHECK(says(path, "12\n"));
	CHECK(unlink(path) == 0);
}

static void
link_in_its_place_is_not_followed(void)
{
	write_file(other, "precious\n");
	CHECK(symlink(other, path) == 0);
	CHECK(drac_start_pid_file(path, 4711) == 0);
	CHECK(says(path, "4711\n"));
	CHECK(says(other, "precious\n"));
	CHECK(unlink(path) == 0 && link(other, path) == 0);
	CHECK(drac_start_pid_file(path, 4711) == 0);
	CHECK(says(other, "precious\n"));
	CHECK(unlink(path) == 0 && unlink(other) == 0);
}

static void
directory_in_its_place_is_an_error(void)
{
	CHECK(mkdir(path, 0700) == 0);
	CHECK(drac_start_pid_file(path, 4711) == -1 && errno == EEXIST);
	CHECK(rmdir(path) == 0);
}

/* Root believes what stands there: not where the daemon's user may write. */
static void
pid_path_is_roots_own(void)
{
	char found[PATH_MAX];

	CHECK(drac_start_pid_path("/run/drac/dracd.sock", found) == 0);
	CHECK_ROW(strcmp(found, geteuid() == 0 ? "/run/rpc.dracd.pid"
					       : "/run/drac/dracd.pid") == 0,
	    found);
}

int
main(void)
{
	strcpy(dir, "/tmp/drac-start-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/pid", dir);
	snprintf(other, sizeof other, "%s/other", dir);
	RUN(pid_file_holds_the_number);
	RUN(link_in_its_place_is_not_followed);
	RUN(directory_in_its_place_is_an_error);
	RUN(pid_path_is_roots_own);
	(void)rmdir(dir);
	return TEST_RESULT();
}
