/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Readers and writers at once. Whatever locks a reader takes, and for
 * however long, no login waits past its bound and no update is lost; and a
 * reader that takes no lock at all still reads right.
 */

#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>

#include "../unit/test.h"
#include "plain.h"
#include "store.h"

#define ALWAYS      1000u /* entries that nobody touches */
#define NOW         ((time_t)1900000000)
#define EXPIRY      ((time_t)2000000000)
#define TIMEOUT_MS  1000
#define HANG_MS     60000 /* no machine is as slow */
#define PATIENT_MS  20000
#define UPDATES     100000u
#define PER_MS      5u /* at most, of the updates */
#define CHURN_MS    22000
#define WRONG_LIMIT 5u /* of a million lookups without a lock */

enum locking {
	NO_LOCK,
	FLOCK,
	FCNTL
};

static char dir[64];
static char map[96];

/* What one process that reads counts, in memory shared with us. */
struct tally {
	volatile bool stop;
	uint64_t lookups;
	uint64_t wrong;
	int first; /* what the first wrong one was */
};

static struct drac_store *
open_store(unsigned timeout_ms)
{
	struct drac_store_opts opts = { .path = map,
		.mode = 0644,
		.timeout_ms = timeout_ms,
		.may_create = true };
	struct drac_store *store = NULL;
	struct drac_why why;

	if (drac_store_open(&opts, &store, &why) == -1) {
		printf("FAIL open: %s\n", why.text);
		exit(2);
	}
	return store;
}

/* A new map with the entries that are always there. */
static void
begin(void)
{
	static const char *const suffix[] = { "", ".lock", ".journal" };
	struct drac_store *store;
	char path[128];

	for (size_t i = 0; i < sizeof(suffix) / sizeof(suffix[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", map, suffix[i]);
		(void)unlink(path);
	}
	store = open_store(PATIENT_MS);
	for (unsigned i = 0; i < ALWAYS; i++) {
		struct drac_addr addr = nth_addr(i);

		CHECK(drac_store_set(store, &addr, EXPIRY, NULL) == 0);
	}
	drac_store_close(store);
}

/* One login: open, record, close. */
struct login {
	struct drac_grant grant;
	struct drac_why why;
	int result;
	int error;
	int64_t waited_ms;
	int64_t took_ms;
};

/* How long this process asked to sleep: what a wait is made of. */
static int64_t slept_ns;

int
nanosleep(const struct timespec *pause, struct timespec *left)
{
	int error = clock_nanosleep(CLOCK_MONOTONIC, 0, pause, left);

	slept_ns += (int64_t)pause->tv_sec * 1000000000 + pause->tv_nsec;
	if (error == 0)
		return 0;
	errno = error;
	return -1;
}

/* The time that it takes to compute depends on the machine. */
static bool
in_time(const struct login *login)
{
	if (login->waited_ms <= TIMEOUT_MS + 10 && login->took_ms < HANG_MS)
		return true;
	printf("  waited for %lld ms, took %lld ms: %s\n",
	    (long long)login->waited_ms, (long long)login->took_ms,
	    login->why.text);
	return false;
}

static void
login(unsigned i, struct login *login)
{
	struct drac_addr addr = nth_addr(i);
	int64_t from = now_ms(), slept = slept_ns;
	struct drac_store *store = open_store(TIMEOUT_MS);

	login->result = drac_store_add(store, &addr, NOW, EXPIRY, 10,
	    &login->grant, &login->why);
	login->error = errno;
	drac_store_close(store);
	login->took_ms = now_ms() - from;
	login->waited_ms = (slept_ns - slept) / 1000000;
}

/* Does a mail server find the i-th address now? */
static bool
found(unsigned i)
{
	struct drac_addr addr = nth_addr(i);
	time_t expiry = 0;
	DB *db = plain_open(map);
	bool is = db != NULL && plain_get_addr(db, &addr, &expiry) == 0 &&
		  expiry == EXPIRY;

	plain_close(db);
	return is;
}

static ino_t
inode(void)
{
	struct stat st;

	return stat(map, &st) == 0 ? st.st_ino : 0;
}

/* Readers. */

static int
fcntl_lock(int fd, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET };

	return fcntl(fd, F_SETLKW, &lock);
}

static void
lock(int fd, enum locking how)
{
	if ((how == FLOCK && flock(fd, LOCK_SH) == -1) ||
	    (how == FCNTL && fcntl_lock(fd, F_RDLCK) == -1))
		exit(3);
}

static void
unlock(int fd, enum locking how)
{
	if (how == FLOCK)
		(void)flock(fd, LOCK_UN);
	else if (how == FCNTL)
		(void)fcntl_lock(fd, F_UNLCK);
}

/* false: this opening of the map is of no use any more. */
static bool
look_up(DB *db, unsigned i, enum locking how, struct tally *tally)
{
	struct drac_addr addr = nth_addr(i);
	time_t expiry = 0;
	int result;
	int fd = -1;

	if (how != NO_LOCK && db->fd(db, &fd) != 0)
		exit(3);
	lock(fd, how);
	result = plain_get_addr(db, &addr, &expiry);
	unlock(fd, how);
	tally->lookups++;
	if (result == 0 && expiry == EXPIRY)
		return true;
	if (tally->wrong++ == 0)
		tally->first = result == 0 ? EINVAL : result;
	return result != DB_RUNRECOVERY;
}

/*
 * The open as the mail servers do it: sendmail and Postfix hold a lock of
 * their own descriptor meanwhile, Exim none.
 */
static DB *
open_locked(enum locking how)
{
	int fd = open(map, O_RDONLY);
	DB *db;

	if (fd == -1)
		return NULL;
	lock(fd, how);
	db = plain_open(map);
	(void)close(fd);
	return db;
}

/*
 * Until told to stop: open, look up 500 times, close. Berkeley DB does not
 * answer any more once it has met a page that is just becoming another.
 */
static void
read_on(enum locking how, struct tally *tally)
{
	unsigned i = 0;

	while (!tally->stop) {
		DB *db = open_locked(how);

		if (db == NULL) {
			tally->wrong++;
			tally->first = ENOENT;
			continue;
		}
		for (unsigned n = 0; n < 500 && !tally->stop; n++)
			if (!look_up(db, (i += 7) % ALWAYS, how, tally))
				break;
		plain_close(db);
	}
}

static pid_t
start_reader(enum locking how, struct tally *tally)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == -1)
		die("fork");
	if (pid == 0) {
		read_on(how, tally);
		exit(0);
	}
	return pid;
}

static bool
ended_well(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) == -1)
		die("waitpid");
	if (status != 0)
		printf("  a process ended with status %#x\n", (unsigned)status);
	return status == 0;
}

static void
end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static void
logins_pass_readers(enum locking how)
{
	struct tally *tally = shared_memory(2 * sizeof(*tally));
	pid_t reader[2];

	begin();
	for (unsigned i = 0; i < 2; i++)
		reader[i] = start_reader(how, &tally[i]);
	for (unsigned i = 0; i < 200; i++) {
		struct login one;

		login(2000 + i, &one);
		CHECK(one.result == 0);
		CHECK(in_time(&one));
		CHECK(found(2000 + i) || one.grant.deferred);
	}
	for (unsigned i = 0; i < 2; i++) {
		tally[i].stop = true;
		CHECK(ended_well(reader[i]));
		CHECK(how == NO_LOCK || tally[i].wrong == 0);
	}
	(void)munmap(tally, 2 * sizeof(*tally));
}

static void
logins_pass_readers_with_flock(void)
{
	logins_pass_readers(FLOCK);
}

static void
logins_pass_readers_with_fcntl(void)
{
	logins_pass_readers(FCNTL);
}

static void
logins_pass_readers_without_locks(void)
{
	logins_pass_readers(NO_LOCK);
}

/* Locks that are never given back. */

/* A process that holds its lock on the map until it is killed. */
static pid_t
start_holder(const char *path, int flags, int operation)
{
	int ready[2];
	char octet;
	pid_t pid;

	fflush(stdout);
	if (pipe(ready) == -1 || (pid = fork()) == -1)
		die("fork");
	if (pid == 0) {
		int fd = open(path, flags);
		int result = operation == 0 ? fcntl_lock(fd, F_RDLCK)
					    : flock(fd, operation);

		if (result == -1 || write(ready[1], "", 1) != 1)
			_exit(3);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	if (read(ready[0], &octet, 1) != 1)
		die("the holder has no lock");
	(void)close(ready[0]);
	return pid;
}

/*
 * What a login, a sweep and the owner open. The list of locks is as long as
 * any local user wants, so none of them may read it.
 */
static bool lists_locks;

__attribute__((visibility("default"))) FILE *
fopen(const char *path, const char *mode)
{
	int flags = mode[0] == 'r' ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;
	int fd = open(path, flags | O_CLOEXEC, 0666);

	return fd == -1 ? NULL : fdopen(fd, mode);
}

__attribute__((visibility("default"))) int
openat(int at, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	lists_locks = lists_locks || strstr(path, "/locks") != NULL;
	return (int)syscall(SYS_openat, at, path, flags, mode);
}

__attribute__((visibility("default"))) int
open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return openat(AT_FDCWD, path, flags, mode);
}

static bool
names_nobody(const struct drac_why *why)
{
	return strstr(why->text, "dracctl check names it") != NULL;
}

static void
nobody_reads_the_list_of_locks(void)
{
	char lock_path[112];
	struct drac_swept swept;
	struct drac_why why;
	struct login one;
	struct drac_store *store;
	pid_t reader, writer;

	(void)close(open("/proc/locks", O_RDONLY));
	CHECK(lists_locks);
	lists_locks = false;
	begin();
	snprintf(lock_path, sizeof(lock_path), "%s.lock", map);
	reader = start_holder(map, O_RDONLY, LOCK_SH);
	login(2000, &one);
	CHECK(one.result == 0);
	end(reader);
	reader = start_holder(map, O_RDONLY, LOCK_SH);
	login(2001, &one);
	CHECK(one.result == 0 && one.grant.deferred);
	store = open_store(TIMEOUT_MS);
	CHECK(drac_store_sweep(store, NOW, 0, &swept, &why) == 0);
	drac_store_close(store);
	writer = start_holder(lock_path, O_RDONLY, LOCK_EX);
	login(2002, &one);
	CHECK(one.result == -1 && names_nobody(&one.why));
	end(writer);
	end(reader);
	CHECK(!lists_locks);
}

static void
holder_delays_nobody(int operation)
{
	struct login one;
	ino_t before;
	pid_t holder;

	begin();
	before = inode();
	holder = start_holder(map, O_RDONLY, operation);
	login(2000, &one);
	CHECK(one.result == 0);
	CHECK(in_time(&one));
	CHECK(!one.grant.deferred);
	CHECK(inode() != before);
	CHECK(found(2000));
	CHECK(names_nobody(&one.why));
	end(holder);

	before = inode();
	holder = start_holder(map, O_RDONLY, operation);
	login(2001, &one);
	CHECK(one.result == 0);
	CHECK(in_time(&one));
	CHECK(one.grant.deferred);
	CHECK(names_nobody(&one.why));
	CHECK(inode() == before);
	login(2002, &one);
	CHECK(one.result == 0 && one.grant.deferred);
	CHECK(in_time(&one));
	end(holder);

	login(2003, &one);
	CHECK(one.result == 0 && !one.grant.deferred);
	CHECK(one.why.text[0] == '\0');
	CHECK(inode() == before);
	for (unsigned i = 2000; i < 2004; i++)
		CHECK(found(i));
	CHECK(plain_verify(map) == 0);
}

static void
flock_held_for_ever(void)
{
	holder_delays_nobody(LOCK_SH);
}

static void
flock_held_exclusively_for_ever(void)
{
	holder_delays_nobody(LOCK_EX);
}

static void
fcntl_lock_held_for_ever(void)
{
	holder_delays_nobody(0);
}

/* A real writer, stopped at an instant when it has the writers' lock. */
static pid_t
stop_a_writer(const char *lock_path)
{
	int fd = open(lock_path, O_RDWR);
	pid_t pid = fork();

	if (fd == -1 || pid == -1)
		die("fork");
	if (pid == 0) {
		struct drac_store *store = open_store(PATIENT_MS);

		for (unsigned i = 0;; i++) {
			struct drac_addr addr = nth_addr(3000 + i % 500);

			(void)drac_store_set(store, &addr, EXPIRY + i, NULL);
		}
	}
	for (;;) {
		pause_ms(3);
		(void)kill(pid, SIGSTOP);
		if (waitpid(pid, NULL, WUNTRACED) == -1)
			die("waitpid");
		if (flock(fd, LOCK_EX | LOCK_NB) == -1)
			break;
		(void)flock(fd, LOCK_UN);
		(void)kill(pid, SIGCONT);
	}
	(void)close(fd);
	return pid;
}

/* A child without exec, begun in the middle of an update that was killed. */

static pid_t *fork_here; /* shared: the child, once there is one */

__attribute__((visibility("default"))) int
futimens(int fd, const struct timespec times[2])
{
	if (fork_here != NULL && *fork_here == 0) {
		pid_t child = fork();

		if (child == 0)
			for (;;)
				(void)pause();
		*fork_here = child;
		(void)kill(getpid(), SIGKILL);
	}
	return (int)syscall(SYS_utimensat, fd, NULL, times, 0);
}

/* The child, which is ours to end; the writer is a zombie or gone. */
static pid_t
leave_a_child(unsigned first, bool reap, pid_t *writer)
{
	pid_t *child = shared_memory(sizeof(*child));
	siginfo_t info;

	fflush(stdout);
	*writer = fork();
	if (*writer == -1)
		die("fork");
	if (*writer == 0) {
		struct login one;

		fork_here = child;
		login(first, &one);
		_exit(3);
	}
	if (waitid(P_PID, (id_t)*writer, &info,
		WEXITED | (reap ? 0 : WNOWAIT)) == -1)
		die("waitid");
	CHECK(info.si_code == CLD_KILLED && *child > 0);
	return *child;
}

static bool
is_there(const char *suffix, struct stat *st)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s", map, suffix);
	return stat(path, st) == 0;
}

static void
child_keeps_a_dead_writers_lock(bool reap)
{
	const struct timespec mark[2] = { { .tv_nsec = UTIME_OMIT },
		{ .tv_sec = 1700000000 } };
	char lock_path[112], new_path[128];
	pid_t child, writer, both[2];
	struct stat before, after;
	struct login one;

	begin();
	snprintf(lock_path, sizeof(lock_path), "%s.lock", map);
	snprintf(new_path, sizeof(new_path), "%s.new", lock_path);
	CHECK(utimensat(AT_FDCWD, lock_path, mark, 0) == 0);
	/* What a kill before the exchange of names leaves. */
	(void)close(open(new_path, O_WRONLY | O_CREAT, 0600));
	child = leave_a_child(2000, reap, &writer);
	CHECK(is_there(".lock", &before));
	login(2001, &one);
	CHECK(one.result == 0);
	CHECK(in_time(&one));
	CHECK(found(2000) && found(2001));
	CHECK(is_there(".lock", &after) && after.st_ino != before.st_ino);
	CHECK(after.st_mtim.tv_sec == 1700000000);
	CHECK(!is_there(".lock.new", &before));
	login(2002, &one);
	CHECK(one.result == 0 && one.waited_ms < TIMEOUT_MS / 4);
	(void)kill(child, SIGKILL);
	if (!reap)
		(void)waitpid(writer, NULL, 0);

	/* Two who find it at once. */
	child = leave_a_child(2003, true, &writer);
	for (unsigned i = 0; i < 2; i++) {
		both[i] = fork();
		if (both[i] == 0) {
			login(2004 + i, &one);
			_exit(one.result == 0 ? 0 : 1);
		}
	}
	CHECK(ended_well(both[0]));
	CHECK(ended_well(both[1]));
	CHECK(!is_there(".lock.new", &before));

	/* What a kill after the exchange of names leaves. */
	CHECK(rename(lock_path, new_path) == 0);
	login(2006, &one);
	CHECK(one.result == 0);
	(void)kill(child, SIGKILL);
	/* It kept the readers' lock, too: the map has one copy a minute. */
	pause_ms(20);
	login(2007, &one);
	CHECK(one.result == 0);
	for (unsigned i = 2003; i < 2008; i++)
		CHECK(found(i));
	CHECK(plain_verify(map) == 0);
	(void)unlink(new_path);
}

static void
child_of_a_dead_writer_keeps_the_lock(void)
{
	child_keeps_a_dead_writers_lock(true);
}

static void
child_of_a_zombie_keeps_the_lock(void)
{
	child_keeps_a_dead_writers_lock(false);
}

/* Process ids of a namespace of its own prove nothing here. */
static void
writer_of_another_namespace_is_not_dead(void)
{
	pid_t *child = shared_memory(sizeof(*child));
	struct login one;
	pid_t outer, writer;
	int status;

	begin();
	fflush(stdout);
	outer = fork();
	if (outer == 0) {
		if (unshare(CLONE_NEWPID) == -1)
			_exit(7);
		/* Its first process takes the others with it, and goes with us. */
		if (fork() == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				(void)pause();
		}
		writer = fork();
		if (writer == 0) {
			fork_here = child;
			login(2000, &one);
			_exit(3);
		}
		(void)waitpid(writer, NULL, 0);
		*child = 1;
		for (;;)
			(void)pause();
	}
	while (*child != 1 && waitpid(outer, &status, WNOHANG) == 0)
		pause_ms(5);
	if (*child != 1) {
		test_skipped = "no PID namespace of its own";
		return;
	}
	login(2001, &one);
	CHECK(one.result == -1 && one.error == ETIMEDOUT);
	CHECK(in_time(&one));
	end(outer);
}

static void
writer_stopped_for_ever(void)
{
	struct stat before, after;
	char lock_path[128];
	struct login one;
	pid_t writer;

	begin();
	snprintf(lock_path, sizeof(lock_path), "%s.lock", map);
	writer = stop_a_writer(lock_path);
	CHECK(is_there(".lock", &before));
	login(2000, &one);
	CHECK(one.result == -1);
	CHECK(one.error == ETIMEDOUT);
	CHECK(in_time(&one));
	CHECK(is_there(".lock", &after) && after.st_ino == before.st_ino);
	CHECK(names_nobody(&one.why));
	end(writer);
	login(2001, &one);
	CHECK(one.result == 0);
	CHECK(found(2001));
	CHECK(plain_verify(map) == 0);
}

/* Readers while the tree is in motion. */

/* Addresses among the others: some of IPv4, most of IPv6. */
static struct drac_addr
moving_addr(unsigned i)
{
	struct drac_addr addr = nth_addr(i % 8 == 0 ? i % 600 : 2000 + i);

	if (addr.len == 4)
		addr.octet[3] = (unsigned char)(200 + i % 56);
	return addr;
}

/* Add at one end, remove at the other: pages are taken and given back. */
static unsigned
churn(struct drac_store *store)
{
	int64_t from = now_ms();
	unsigned failed = 0;
	unsigned done;

	for (done = 0; done < UPDATES && now_ms() - from < CHURN_MS; done++) {
		unsigned step = done / 2;
		struct drac_addr addr = moving_addr(
		    done % 2 == 0 ? step % 3000 : (step + 1500) % 3000);
		int result =
		    done % 2 == 0
			? drac_store_set(store, &addr, EXPIRY + step, NULL)
			: drac_store_drop(store, &addr, NULL);

		failed += result == -1;
		while (done > PER_MS * (uint64_t)(now_ms() - from))
			pause_ms(1);
	}
	printf("  %u updates in %lld ms\n", done, (long long)(now_ms() - from));
	return failed;
}

static void
tell(const char *who, const struct tally *tally)
{
	printf("  %s: %llu of %llu lookups wrong%s%s\n", who,
	    (unsigned long long)tally->wrong,
	    (unsigned long long)tally->lookups, tally->wrong > 0 ? ": " : "",
	    tally->wrong > 0 ? db_strerror(tally->first) : "");
}

static void
lookups_are_right_during_updates(void)
{
	struct tally *tally = shared_memory(2 * sizeof(*tally));
	struct drac_store *store;
	uint64_t lookups;
	pid_t bare;
	pid_t polite;

	begin();
	bare = start_reader(NO_LOCK, &tally[0]);
	polite = start_reader(FLOCK, &tally[1]);
	store = open_store(PATIENT_MS);
	CHECK(churn(store) == 0);
	drac_store_close(store);
	tally[0].stop = tally[1].stop = true;
	CHECK(ended_well(bare));
	CHECK(ended_well(polite));
	tell("without a lock", &tally[0]);
	tell("with flock", &tally[1]);
	lookups = tally[0].lookups;
	CHECK(lookups > 10000 && tally[1].lookups > 10000);
	if (lookups < 1000000)
		lookups = 1000000; /* a rate of what is rare */
	CHECK(tally[0].wrong * 1000000 <= WRONG_LIMIT * lookups);
	CHECK(tally[1].wrong == 0);
	CHECK(plain_verify(map) == 0);
	(void)munmap(tally, 2 * sizeof(*tally));
}

/* Writers at once. */

#define EACH 250u

static void *
write_some(void *arg)
{
	const unsigned *first = arg;
	struct drac_store *store = open_store(PATIENT_MS);
	unsigned failed = 0;

	for (unsigned i = 0; i < EACH; i++) {
		struct drac_addr addr = nth_addr(*first + i);

		failed += drac_store_add(store, &addr, NOW, EXPIRY, 10, NULL,
			      NULL) == -1;
	}
	drac_store_close(store);
	return failed == 0 ? NULL : arg;
}

/* Two threads, each with a store of its own. */
static int
write_twice(void *arg)
{
	const unsigned *first = arg;
	unsigned from[2] = { *first, *first + EACH };
	pthread_t thread[2];
	int failed = 0;

	for (unsigned i = 0; i < 2; i++)
		if (pthread_create(&thread[i], NULL, write_some, &from[i]) != 0)
			return 2;
	for (unsigned i = 0; i < 2; i++) {
		void *result = NULL;

		(void)pthread_join(thread[i], &result);
		failed |= result != NULL;
	}
	return failed;
}

static pid_t
start_writers(unsigned first)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == -1)
		die("fork");
	if (pid == 0)
		exit(write_twice(&first));
	return pid;
}

static void
four_writers_lose_nothing(void)
{
	pid_t one;
	pid_t two;

	begin();
	one = start_writers(2000);
	two = start_writers(2000 + 2 * EACH);
	CHECK(ended_well(one));
	CHECK(ended_well(two));
	for (unsigned i = 0; i < ALWAYS; i++)
		CHECK(found(i));
	for (unsigned i = 2000; i < 2000 + 4 * EACH; i++)
		CHECK(found(i));
	CHECK(plain_verify(map) == 0);
}

int
main(void)
{
	const char *tmp = getenv("TMPDIR");
	char command[128];

	snprintf(dir, sizeof(dir), "%.40s/drac-locks.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		die(dir);
	snprintf(map, sizeof(map), "%s/dracd.db", dir);
	RUN(logins_pass_readers_with_flock);
	RUN(logins_pass_readers_with_fcntl);
	RUN(logins_pass_readers_without_locks);
	RUN(nobody_reads_the_list_of_locks);
	RUN(flock_held_for_ever);
	RUN(flock_held_exclusively_for_ever);
	RUN(fcntl_lock_held_for_ever);
	RUN(writer_stopped_for_ever);
	RUN(child_of_a_dead_writer_keeps_the_lock);
	RUN(child_of_a_zombie_keeps_the_lock);
	RUN(writer_of_another_namespace_is_not_dead);
	RUN(four_writers_lose_nothing);
	RUN(lookups_are_right_during_updates);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (system(command) != 0)
		perror(dir);
	return TEST_RESULT();
}
