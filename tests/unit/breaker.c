/* SPDX-License-Identifier: BSD-2-Clause */

#include "breaker.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define PAUSE        DRAC_BREAKER_PAUSE_S

static char scratch[] = "/tmp/drac-breaker.XXXXXX";
static char dir[64];

/* A directory of its own for each test, which is not there yet. */
static void
fresh(void)
{
	static unsigned number;

	snprintf(dir, sizeof(dir), "%s/%u", scratch, number++);
}

static bool
may(const char *name, time_t now)
{
	unsigned wait_s = 77;
	bool yes = drac_breaker_may_ask(dir, name, now, &wait_s);

	CHECK_ROW(yes ? wait_s == 0 : wait_s > 0 && wait_s <= PAUSE, name);
	return yes;
}

static unsigned
seconds_left(const char *name, time_t now)
{
	unsigned wait_s = 0;

	(void)drac_breaker_may_ask(dir, name, now, &wait_s);
	return wait_s;
}

/* Did the pause begin? */
static bool
fail(const char *name, time_t now)
{
	bool tripped = false;

	(void)drac_breaker_failed(dir, name, now, &tripped);
	return tripped;
}

/* Did one end? */
static bool
answer(const char *name)
{
	bool closed = false;

	drac_breaker_answered(dir, name, &closed);
	return closed;
}

/* Fails as often as it takes. */
static void
trip(const char *name, time_t now)
{
	for (unsigned i = 1; i < DRAC_BREAKER_FAILURES; i++)
		CHECK_ROW(!fail(name, now), name);
	CHECK_ROW(fail(name, now), name);
}

static void
unknown_server_is_asked(void)
{
	fresh();
	CHECK(may("192.0.2.1", 1000));
	CHECK(!answer("192.0.2.1"));
	CHECK(access(dir, F_OK) == -1);
}

static void
third_failure_in_a_row_begins_the_pause(void)
{
	fresh();
	CHECK(!fail("a", 1000) && may("a", 1000));
	CHECK(!fail("a", 1001) && may("a", 1001));
	CHECK(fail("a", 1002));
	CHECK(!may("a", 1002));
	CHECK(seconds_left("a", 1002) == PAUSE);
	CHECK(seconds_left("a", 1002 + PAUSE - 1) == 1);
	CHECK(may("b", 1002));
}

static void
answer_in_between_starts_the_count_again(void)
{
	fresh();
	CHECK(!fail("a", 1000) && !fail("a", 1000));
	CHECK(!answer("a"));
	CHECK(!fail("a", 1000) && !fail("a", 1000));
	CHECK(may("a", 1000));
	CHECK(fail("a", 1000));
}

static void
one_is_let_through_after_the_pause(void)
{
	fresh();
	trip("a", 1000);
	CHECK(may("a", 1000 + PAUSE));
	CHECK(!may("a", 1000 + PAUSE));
	CHECK(!may("a", 1000 + 2 * PAUSE - 1));
	/* That one never came back. */
	CHECK(may("a", 1000 + 2 * PAUSE));
	CHECK(!may("a", 1000 + 2 * PAUSE));
}

static void
answer_ends_the_pause(void)
{
	fresh();
	trip("a", 1000);
	CHECK(may("a", 1000 + PAUSE));
	CHECK(answer("a"));
	CHECK(may("a", 1000 + PAUSE) && may("a", 1000 + PAUSE));
	CHECK(!answer("a"));
	CHECK(!fail("a", 1100) && may("a", 1100));
}

static void
failure_goes_on_with_the_pause(void)
{
	fresh();
	trip("a", 1000);
	CHECK(may("a", 1000 + PAUSE));
	CHECK(!fail("a", 1005 + PAUSE));
	CHECK(!may("a", 1004 + 2 * PAUSE));
	CHECK(may("a", 1005 + 2 * PAUSE));
}

/* A clock that starts again, as in a directory that outlived a boot. */
static void
pause_is_never_longer(void)
{
	fresh();
	trip("a", 1000000);
	CHECK(may("a", 10));
	CHECK(!may("a", 10));
	CHECK(may("a", 10 + PAUSE));
}

/* Names. */

static const char *const names[] = { "local", "192.0.2.1", "192.0.2.1:900",
	"2001:db8::1", "[2001:db8::1]:900", "a.example.org", "A.example.org",
	"..", ".", "../a", "/", "a/b", "a%2fb", "a b", "a\nb", "\xff" };

static void
names_stay_in_the_directory(void)
{
	DIR *list;
	unsigned files = 0;
	struct dirent *entry;

	fresh();
	for (size_t i = 0; i < COUNT(names); i++) {
		trip(names[i], 1000);
		for (size_t j = 0; j < COUNT(names); j++)
			CHECK_ROW(may(names[j], 1000) == (j > i), names[j]);
	}
	list = opendir(dir);
	CHECK(list != NULL);
	while (list != NULL && (entry = readdir(list)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		CHECK_ROW(entry->d_name[0] != '.', entry->d_name);
		files++;
	}
	CHECK(files == COUNT(names));
	if (list != NULL)
		(void)closedir(list);
}

static void
names_that_cannot_be_remembered(void)
{
	static char longest[300];

	fresh();
	memset(longest, 'a', sizeof(longest) - 1);
	for (unsigned i = 0; i < 5; i++) {
		CHECK(!fail(longest, 1000) && !fail("", 1000));
		CHECK(may(longest, 1000) && may("", 1000));
	}
}

/* Files and directories. */

static void
file_of(const char *name, char file[128])
{
	snprintf(file, 128, "%s/%s", dir, name);
}

static void
put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd != -1);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	(void)close(fd);
}

static void
modes_do_not_depend_on_the_umask(void)
{
	static const mode_t masks[] = { 0, 022, 077 };
	char file[128];
	struct stat st;

	for (size_t i = 0; i < COUNT(masks); i++) {
		mode_t old = umask(masks[i]);

		fresh();
		CHECK(!fail("a", 1000));
		(void)umask(old);
		CHECK(stat(dir, &st) == 0 && (st.st_mode & 07777) == 0755);
		file_of("a", file);
		CHECK(stat(file, &st) == 0 && (st.st_mode & 07777) == 0600);
	}
}

static void
damaged_file_is_none(void)
{
	static const char *const texts[] = { "", "x", "3", "3 99999",
		"         3                99999", "-1 -1",
		"4294967295 9223372036854775807\n!",
		"         3 99999999999999999999\n", "\n\n\n" };
	char file[128];

	for (size_t i = 0; i < COUNT(texts); i++) {
		fresh();
		CHECK(!fail("a", 1000));
		file_of("a", file);
		put(file, texts[i]);
		CHECK_ROW(may("a", 1000), texts[i]);
		(void)answer("a");
		CHECK_ROW(may("a", 1000), texts[i]);
		trip("a", 1000);
		CHECK_ROW(!may("a", 1000), texts[i]);
	}
}

static void
file_that_is_none_of_ours(void)
{
	char file[128], target[128];

	/* A link, to a file that must stay as it is. */
	fresh();
	CHECK(!fail("b", 1000));
	file_of("a", file);
	file_of("b", target);
	CHECK(symlink(target, file) == 0);
	for (unsigned i = 0; i < 4; i++)
		CHECK(!fail("a", 1000));
	CHECK(may("a", 1000));
	CHECK(!fail("b", 1000) && fail("b", 1000));
	/* A second name of another file. */
	CHECK(unlink(file) == 0 && link(target, file) == 0);
	CHECK(may("a", 1000) && !answer("a"));
	CHECK(unlink(file) == 0);
	CHECK(!may("b", 1000));
	/* Whom nobody writes to. */
	CHECK(mkfifo(file, 0600) == 0);
	CHECK(!fail("a", 1000) && may("a", 1000) && !answer("a"));
	CHECK(unlink(file) == 0 && mkdir(file, 0700) == 0);
	CHECK(!fail("a", 1000) && may("a", 1000) && !answer("a"));
}

static void
directory_that_others_can_write_to(void)
{
	static const mode_t modes[] = { 0775, 0757, 01777 };

	for (size_t i = 0; i < COUNT(modes); i++) {
		fresh();
		trip("a", 1000);
		CHECK(!may("a", 1000));
		CHECK(chmod(dir, modes[i]) == 0);
		CHECK(may("a", 1000));
		CHECK(!fail("a", 1000) && !answer("a"));
		CHECK(chmod(dir, 0755) == 0);
		CHECK(!may("a", 1000));
	}
}

/* What keeps a failure from being remembered is returned. */
static void
problem_is_named(void)
{
	static const char *const places[] = { "/nonexistent/breaker",
		"/dev/null" };
	static const char *const words[] = { "No such file or directory",
		"Not a directory" };
	char name[FILENAME_MAX];
	const char *text;
	bool tripped;

	fresh();
	CHECK(drac_breaker_problem(dir) == NULL);
	CHECK(drac_breaker_failed(dir, "a", 1000, &tripped) == NULL);
	CHECK(drac_breaker_problem(dir) == NULL);
	CHECK(chmod(dir, 0775) == 0);
	text = "not root's, or writable by others";
	CHECK(strcmp(drac_breaker_problem(dir), text) == 0);
	CHECK(strcmp(drac_breaker_failed(dir, "a", 1000, &tripped), text) == 0);
	CHECK(chmod(dir, 0755) == 0);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CHECK(strcmp(drac_breaker_failed(dir, name, 1000, &tripped),
		  "File name too long") == 0);
	for (size_t i = 0; i < COUNT(places); i++) {
		errno = 4242;
		text = drac_breaker_problem(places[i]);
		CHECK_ROW(text != NULL && strcmp(text, words[i]) == 0,
		    places[i]);
		text = drac_breaker_failed(places[i], "a", 1000, &tripped);
		CHECK_ROW(text != NULL && errno == 4242, places[i]);
	}
}

static void
directory_that_is_none(void)
{
	char other[64];

	/* A link. */
	fresh();
	trip("a", 1000);
	snprintf(other, sizeof(other), "%s", dir);
	fresh();
	CHECK(symlink(other, dir) == 0);
	CHECK(may("a", 1000) && !fail("a", 1000) && !answer("a"));
	/* A file; below nothing. */
	fresh();
	put(dir, "");
	CHECK(may("a", 1000) && !fail("a", 1000) && !answer("a"));
	fresh();
	strcat(dir, "/below");
	CHECK(may("a", 1000) && !fail("a", 1000) && !answer("a"));
	CHECK(access(dir, F_OK) == -1);
}

/* In the place of the C library's: how long did the breaker sleep? */
static unsigned naps;
static long napped_ns;

int
nanosleep(const struct timespec *wanted, struct timespec *left)
{
	(void)left;
	naps++;
	napped_ns += wanted->tv_nsec;
	return 0;
}

static int
lock_file(const char *name)
{
	char file[128];
	int fd;

	file_of(name, file);
	fd = open(file, O_RDWR | O_CLOEXEC);
	CHECK(fd != -1 && flock(fd, LOCK_EX) == 0);
	return fd;
}

static void
file_that_is_busy(void)
{
	int fd;

	fresh();
	trip("a", 1000);
	fd = lock_file("a");
	naps = 0;
	CHECK(!may("a", 1000));
	CHECK(may("a", 1000 + PAUSE) && may("a", 1000 + PAUSE));
	CHECK(naps == 0);
	CHECK(!fail("a", 2000) && !answer("a"));
	(void)close(fd);
	CHECK(!may("a", 1000 + PAUSE - 1));
	CHECK(may("a", 1000 + PAUSE));
}

/* As many as there may be: they cost a login next to nothing. */
static void
busy_files_cost_no_time(void)
{
	char name[4];
	int fds[16];

	fresh();
	for (unsigned i = 0; i < COUNT(fds); i++) {
		snprintf(name, sizeof(name), "%u", i);
		trip(name, 1000);
		fds[i] = lock_file(name);
	}
	naps = 0;
	napped_ns = 0;
	for (unsigned i = 0; i < COUNT(fds); i++) {
		snprintf(name, sizeof(name), "%u", i);
		CHECK_ROW(may(name, 1000 + PAUSE), name);
	}
	CHECK(naps == 0);
	for (unsigned i = 0; i < COUNT(fds); i++) {
		snprintf(name, sizeof(name), "%u", i);
		CHECK_ROW(!fail(name, 1000 + PAUSE), name);
		(void)close(fds[i]);
	}
	CHECK(naps <= COUNT(fds) && napped_ns <= (long)COUNT(fds) * 1000000);
}

/* Of many that come when the pause is over, one. */
static void
crowd_lets_one_through(void)
{
	unsigned through = 0;
	pid_t children[8];

	fresh();
	trip("a", 1000);
	fflush(stdout);
	for (size_t i = 0; i < COUNT(children); i++) {
		children[i] = fork();
		if (children[i] == 0) {
			unsigned wait_s;

			_exit(drac_breaker_may_ask(dir, "a", 1000 + PAUSE,
			    &wait_s));
		}
	}
	for (size_t i = 0; i < COUNT(children); i++) {
		int status = 0;

		CHECK(waitpid(children[i], &status, 0) == children[i]);
		through += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	}
	CHECK(through >= 1);
	CHECK(!may("a", 1000 + PAUSE));
}

static void
nothing_is_left_open_and_errno_is_kept(void)
{
	int before, after;

	fresh();
	before = dup(0);
	(void)close(before);
	errno = E2BIG;
	CHECK(may("a", 1000) && errno == E2BIG);
	trip("a", 1000);
	CHECK(errno == E2BIG);
	CHECK(!may("a", 1000) && errno == E2BIG);
	CHECK(answer("a") && errno == E2BIG);
	CHECK(chmod(dir, 0777) == 0);
	errno = E2BIG;
	CHECK(may("a", 1000) && !fail("a", 1000) && !answer("a"));
	CHECK(errno == E2BIG);
	after = dup(0);
	(void)close(after);
	CHECK(before == after);
}

/* For nftw(3). */
static int
remove_one(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(name);
}

int
main(void)
{
	if (mkdtemp(scratch) == NULL)
		return 1;
	RUN(unknown_server_is_asked);
	RUN(third_failure_in_a_row_begins_the_pause);
	RUN(answer_in_between_starts_the_count_again);
	RUN(one_is_let_through_after_the_pause);
	RUN(answer_ends_the_pause);
	RUN(failure_goes_on_with_the_pause);
	RUN(pause_is_never_longer);
	RUN(names_stay_in_the_directory);
	RUN(names_that_cannot_be_remembered);
	RUN(modes_do_not_depend_on_the_umask);
	RUN(damaged_file_is_none);
	RUN(file_that_is_none_of_ours);
	RUN(directory_that_others_can_write_to);
	RUN(problem_is_named);
	RUN(directory_that_is_none);
	RUN(file_that_is_busy);
	RUN(busy_files_cost_no_time);
	RUN(crowd_lets_one_through);
	RUN(nothing_is_left_open_and_errno_is_kept);
	(void)nftw(scratch, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return TEST_RESULT();
}
