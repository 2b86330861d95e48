/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The tool's rooms from inside, beside a daemon that says what no daemon
 * would: whatever it says, we come to an end.
 */

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../dracctl/dracctl.h"
#include "../unit/test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define PAGES        4
#define TEST_ENDS_S  60
#define PATIENCE_MS  200
#define FOR_EVER     1000u

static char place[] = "/tmp/drac-rooms.XXXXXX";
static char socket_path[64];

/* What the daemon says to LIST and SWEEP, in turn; the last for ever. */
struct script {
	const char *name;
	const char *pages[PAGES]; /* addresses; `.' at the end: the last */
	uint64_t removed[PAGES];
	unsigned turns;
	int error;     /* wanted; 0: none */
	unsigned seen; /* entries wanted */
};

static void
read_page(const char *text, struct drac_reply *reply)
{
	char copy[200], *rest = copy, *word;

	snprintf(copy, sizeof(copy), "%s", text);
	reply->count = 0;
	reply->flag = false;
	while ((word = strsep(&rest, " ")) != NULL) {
		struct drac_listed *listed = &reply->listed[reply->count];

		if (strcmp(word, ".") == 0)
			reply->flag = true;
		else if (drac_addr_parse(word, &listed->addr) == 0)
			reply->listed[reply->count++].expiry = 2000000000;
	}
}

static bool
answer(int fd, const struct script *script, unsigned turn)
{
	static unsigned char octets[DRAC_MARK_SIZE + DRAC_REPLY_MAX];
	struct drac_listed listed[16] = { 0 };
	struct drac_reply reply = { .listed = listed };
	struct drac_call call = { 0 };
	enum drac_fault fault;
	uint32_t mark;
	size_t size;

	if (recv(fd, &mark, sizeof(mark), MSG_WAITALL) != sizeof(mark))
		return false;
	size = ntohl(mark) & ~DRAC_MARK_LAST;
	if (size > DRAC_CALL_MAX ||
	    recv(fd, octets, size, MSG_WAITALL) != (ssize_t)size ||
	    drac_wire_read_call(octets, size, DRAC_VERSION_LOCAL, &call,
		&fault) != DRAC_CALL_GOOD)
		return false;
	turn = turn < script->turns ? turn : script->turns - 1;
	reply.removed = script->removed[turn];
	if (script->pages[turn] != NULL)
		read_page(script->pages[turn], &reply);
	size = drac_wire_reply(call.xid, call.procedure, &reply,
	    octets + DRAC_MARK_SIZE);
	mark = htonl((uint32_t)size | DRAC_MARK_LAST);
	memcpy(octets, &mark, sizeof(mark));
	return send(fd, octets, DRAC_MARK_SIZE + size, MSG_NOSIGNAL) > 0;
}

/* The daemon's process, until we hang up or end. */
static pid_t
start_daemon(const struct script *script, struct drac_ctl *ctl)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct drac_why why = { "" };
	pid_t pid;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", socket_path);
	(void)unlink(socket_path);
	CHECK(bind(listener, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
	      listen(listener, 1) == 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int fd;
		unsigned turn = 0;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = accept(listener, NULL, NULL);
		while (answer(fd, script, turn))
			turn++;
		_exit(0);
	}
	(void)close(listener);
	*ctl = (struct drac_ctl){ .opts.timeout_ms = PATIENCE_MS };
	CHECK_ROW(drac_link_open(socket_path, 5000, &ctl->link, &why) == 0,
	    why.text);
	return pid;
}

static void
stop_daemon(pid_t pid, struct drac_ctl *ctl)
{
	drac_link_close(ctl->link);
	(void)kill(pid, SIGKILL);
	CHECK(waitpid(pid, NULL, 0) == pid);
}

static int
count(const struct drac_addr *addr, time_t expiry, void *arg)
{
	unsigned *seen = arg;

	(void)addr;
	(void)expiry;
	return ++*seen < FOR_EVER ? 0 : 1;
}

static const struct script lists[] = {
	{ "last_at_once", { "192.0.2.1 192.0.2.2 ." }, .turns = 1, .seen = 2 },
	{ "empty", { "." }, .turns = 1 },
	{ "rises", { "192.0.2.1", "192.0.2.10 192.0.2.2", "2001:db8::7 ." },
	    .turns = 3, .seen = 4 },
	{ "ends_with_an_empty_page", { "192.0.2.1", "." }, .turns = 2,
	    .seen = 1 },
	{ "the_same_again", { "192.0.2.1" }, .turns = 1, .error = EPROTO,
	    .seen = 1 },
	{ "circle", { "192.0.2.1", "192.0.2.2", "192.0.2.1" }, .turns = 3,
	    .error = EPROTO, .seen = 2 },
	{ "falls_in_key_order", { "192.0.2.2", "192.0.2.10" }, .turns = 2,
	    .error = EPROTO, .seen = 1 },
	{ "nothing_and_no_end", { "" }, .turns = 1, .error = EPROTO },
	{ "nothing_in_the_middle", { "192.0.2.1", "" }, .turns = 2,
	    .error = EPROTO, .seen = 1 },
};

static void
list_comes_to_an_end(void)
{
	for (size_t i = 0; i < COUNT(lists); i++) {
		struct drac_ctl ctl;
		pid_t pid = start_daemon(&lists[i], &ctl);
		struct drac_why why = { "" };
		unsigned seen = 0;
		int result;

		ctl.opts.timeout_ms = 20000;
		result = drac_ctl_map_each(&ctl, count, &seen, &why);
		CHECK_ROW(result == (lists[i].error == 0 ? 0 : -1),
		    lists[i].name);
		CHECK_ROW(result == 0 || errno == lists[i].error,
		    lists[i].name);
		CHECK_ROW(seen == lists[i].seen, lists[i].name);
		stop_daemon(pid, &ctl);
	}
}

/* Keys of another style may be out of order within a page. */
static void
list_knows_the_key_style(void)
{
	static const struct script script = { "",
		{ "2001:db8::8", "2001:db8::7:0 ." }, .turns = 2, .seen = 2 };
	static const struct script plain = { "",
		{ "2001:db8::1:1", "2001:db8:0:1::" }, .turns = 2 };
	struct drac_why why = { "" };
	unsigned seen = 0;
	struct drac_ctl ctl;
	pid_t pid = start_daemon(&script, &ctl);

	ctl.opts.timeout_ms = 20000;
	ctl.opts.key_style = DRAC_KEY_SENDMAIL;
	CHECK(drac_ctl_map_each(&ctl, count, &seen, &why) == 0 && seen == 2);
	stop_daemon(pid, &ctl);
	pid = start_daemon(&plain, &ctl);
	ctl.opts.timeout_ms = 20000;
	seen = 0;
	CHECK(drac_ctl_map_each(&ctl, count, &seen, &why) == -1 && seen == 1);
	stop_daemon(pid, &ctl);
}

static const struct script sweeps[] = {
	{ "nothing_left", { NULL }, { 7, 5, 0 }, .turns = 3, .seen = 12 },
	{ "more_than_there_can_be", { NULL }, { UINT64_MAX }, .turns = 1,
	    .error = EPROTO },
	{ "for_ever", { NULL }, { 1 }, .turns = 1, .seen = FOR_EVER },
};

static void
sweep_comes_to_an_end(void)
{
	for (size_t i = 0; i < COUNT(sweeps); i++) {
		struct drac_ctl ctl;
		pid_t pid = start_daemon(&sweeps[i], &ctl);
		struct drac_why why = { "" };
		struct drac_swept swept;
		int result;

		if (sweeps[i].seen != FOR_EVER)
			ctl.opts.timeout_ms = 20000;
		result = drac_ctl_map_sweep(&ctl, &swept, &why);
		CHECK_ROW(result == (sweeps[i].error == 0 ? 0 : -1),
		    sweeps[i].name);
		if (result == -1)
			CHECK_ROW(errno == sweeps[i].error, sweeps[i].name);
		else if (sweeps[i].seen == FOR_EVER)
			CHECK_ROW(swept.more && swept.removed > 0,
			    sweeps[i].name);
		else
			CHECK_ROW(!swept.more &&
				      swept.removed == sweeps[i].seen,
			    sweeps[i].name);
		stop_daemon(pid, &ctl);
	}
}

static void
end_as_failure(int signal_number)
{
	static const char line[] = "FAIL rooms: no end\n";
	ssize_t written = write(STDOUT_FILENO, line, sizeof(line) - 1);

	(void)signal_number;
	(void)written;
	_exit(1);
}

int
main(void)
{
	if (mkdtemp(place) == NULL)
		return 1;
	snprintf(socket_path, sizeof(socket_path), "%s/sock", place);
	(void)signal(SIGALRM, end_as_failure);
	alarm(TEST_ENDS_S);
	RUN(list_comes_to_an_end);
	RUN(list_knows_the_key_style);
	RUN(sweep_comes_to_an_end);
	(void)unlink(socket_path);
	(void)rmdir(place);
	return TEST_RESULT();
}
