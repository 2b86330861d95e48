/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * rpc.dracd [-dfhituV] [-c conf] [-e minutes] [dbfile]: the command line, the
 * signals and the loop.
 */

#include <sys/signalfd.h>
#include <sys/stat.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dracd.h"
#include "holder.h"
#include "lookups.h"
#include "sys.h"

#define BOUND_MAX   ((size_t)DRAC_LISTEN_MAX * 2)
#define STATUS_ROOM 16384u
#define TICK_MS     10000

enum status {
	FINE,
	WRONG,
	USAGE
};

static const char usage_text[] =
    "usage: rpc.dracd [-dfhituV] [-c conf] [-e minutes] [dbfile]\n"
    "\n"
    "  -c conf     configuration, default " DRAC_CONF_PATH "\n"
    "  -d          debug: log more\n"
    "  -e minutes  lifetime of an authorisation, whatever conf says\n"
    "  -f          stay in the foreground, log to stderr\n"
    "  -h          this text\n"
    "  -i          start with an empty map\n"
    "  -t          test the configuration\n"
    "  -u          have rpcbind forget a daemon that is gone, and end\n"
    "  -V          the version\n"
    "  dbfile      the map, an absolute path, whatever conf says\n"
    "\n"
    "exit status: 0 fine, 1 something is wrong, 2 usage\n";

struct daemon {
	struct drac_state state;
	struct drac_options options;
	struct drac_user user;
	struct drac_bound bound[BOUND_MAX];
	size_t bound_count;
	int signals; /* signalfd(2), or -1 */
	struct drac_step step;
	char pid_file[PATH_MAX]; /* not in the foreground */
	bool stop;
	int64_t watchdog_ms; /* to be told of us this often; 0: not */
	int64_t told_ms;
	int64_t tick_ms; /* the last one */
};

/* The command line. */

static bool
is_number(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && digits < 7 && text[digits] == '\0' &&
	       strspn(text, "0") < digits;
}

/* What is wrong with the options all together, or NULL. */
static const char *
fault_of(const struct drac_options *options, int operands)
{
	if (options->minutes != NULL && !is_number(options->minutes))
		return "-e: not a number of minutes";
	if (operands > 1)
		return "more than one dbfile";
	if (operands == 1 && options->database[0] != '/')
		return "dbfile: not an absolute path";
	return NULL;
}

/* 1: go on; otherwise *status is what to exit with. */
static int
read_options(struct drac_options *options, int argc, char **argv,
    enum status *status)
{
	const char *what;
	int letter;

	*status = FINE;
	while ((letter = getopt(argc, argv, "c:de:fhituV")) != -1) {
		switch (letter) {
		case 'c':
			options->conf_path = optarg;
			break;
		case 'd':
			options->debug = true;
			break;
		case 'e':
			options->minutes = optarg;
			break;
		case 'f':
			options->foreground = true;
			break;
		case 'i':
			options->empty = true;
			break;
		case 't':
			options->test = true;
			break;
		case 'u':
			options->tidy = true;
			break;
		case 'V':
			printf("rpc.dracd %s\n", DRAC_VERSION);
			return 0;
		case 'h':
			fputs(usage_text, stdout);
			return 0;
		default: /* getopt(3) has said what is wrong */
			*status = USAGE;
			fputs(usage_text, stderr);
			return 0;
		}
	}
	options->database = argv[optind];
	what = fault_of(options, argc - optind);
	if (what != NULL) {
		*status = USAGE;
		fprintf(stderr, "rpc.dracd: %s\n%s", what, usage_text);
		return 0;
	}
	return 1;
}

/* Reloading. */

static void
set_debug(struct daemon *d)
{
	d->state.debug = d->options.debug || d->state.conf.debug;
	drac_say_open(d->options.foreground ? NULL : _PATH_LOG, d->state.debug);
}

static int64_t
clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
reload(struct daemon *d)
{
	char text[64];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
	    clock_us());
	drac_notify(text);
	drac_load_again(&d->state, &d->options);
	set_debug(d);
	drac_notify("READY=1");
}

/* Signals. */

static int
open_signals(void)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1,
		SIGCHLD };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&set, numbers[i]);
	if (sigprocmask(SIG_SETMASK, &set, NULL) == -1)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void
log_status(const struct daemon *d)
{
	char *text = malloc(STATUS_ROOM), *rest = text, *line;

	if (text == NULL)
		return;
	drac_status_text(&d->state, time(NULL), text, STATUS_ROOM);
	while ((line = strsep(&rest, "\n")) != NULL)
		if (line[0] != '\0')
			drac_say(LOG_INFO, "status: %s", line);
	free(text);
}

static void
take_signals(struct daemon *d)
{
	struct signalfd_siginfo info;

	while (read(d->signals, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGTERM:
		case SIGINT:
			d->stop = true;
			break;
		case SIGHUP:
			reload(d);
			break;
		case SIGUSR1:
			log_status(d);
			break;
		case SIGCHLD:
			drac_portmap_wait(false);
			break;
		default:
			break;
		}
	}
}

/* The loop. */

static void
tell_state(const struct daemon *d)
{
	char text[128];

	snprintf(text, sizeof(text),
	    "STATUS=%" PRIu64 " addresses in the map, %" PRIu64 " added",
	    d->state.entries, drac_stats.added);
	drac_notify(text);
}

/* What has to happen now and then. Returns when it has to again, in ms. */
static int64_t
tick(struct daemon *d, int64_t now_ms)
{
	int64_t wait_ms;

	if (d->watchdog_ms != 0 && now_ms - d->told_ms >= d->watchdog_ms) {
		drac_notify("WATCHDOG=1");
		d->told_ms = now_ms;
	}
	if (now_ms - d->tick_ms >= TICK_MS) {
		d->tick_ms = now_ms;
		drac_say_flush(now_ms);
		drac_portmap_wait(false);
		if (drac_portmap_anew())
			drac_portmap(d->bound, d->bound_count, false);
		tell_state(d);
	}
	wait_ms = d->tick_ms + TICK_MS - now_ms;
	if (d->watchdog_ms != 0 &&
	    d->told_ms + d->watchdog_ms - now_ms < wait_ms)
		wait_ms = d->told_ms + d->watchdog_ms - now_ms;
	return wait_ms;
}

static void
beat(const struct daemon *d)
{
	drac_lookups_beat(d->state.lookups, (int64_t)drac_sys_boot_ms());
}

/* What the clock says, and what there is to do at once when it was set. */
static struct timespec
look_at_clock(struct daemon *d)
{
	time_t by = drac_step_seen(&d->step);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (by != 0) {
		drac_say(LOG_NOTICE, "the clock was set %s by %jd s",
		    by > 0 ? "forward" : "back", (intmax_t)(by > 0 ? by : -by));
		drac_work_stepped(&d->state, now.tv_sec);
	}
	return now;
}

/* One turn; how long there is nothing to do unless somebody calls, in ms. */
static int64_t
turn(struct daemon *d)
{
	static struct drac_job jobs[DRAC_JOBS_MAX];
	struct drac_front *front = d->state.front;
	int64_t now_ms = drac_sys_ms(), work_ms, tick_ms;
	size_t count = drac_front_collect(front, now_ms, jobs, DRAC_JOBS_MAX);
	struct timespec now;

	beat(d);
	now = look_at_clock(d);
	if (count > 0) {
		drac_work_do(&d->state, jobs, count, now.tv_sec);
		drac_front_answer(front, jobs, count);
	}
	work_ms = drac_work_idle(&d->state, now.tv_sec, now_ms);
	if (work_ms >= 1000)
		work_ms -= now.tv_nsec / 1000000;
	tick_ms = tick(d, now_ms);
	if (drac_front_more(front))
		return 0;
	return work_ms < tick_ms ? work_ms : tick_ms;
}

static void
serve(struct daemon *d)
{
	struct pollfd pfds[] = {
		{ .fd = drac_front_fd(d->state.front), .events = POLLIN },
		{ .fd = d->signals, .events = POLLIN },
		{ .fd = d->step.fd, .events = POLLIN },
	};

	while (!d->stop) {
		int64_t wait_ms = turn(d);

		if (poll(pfds, 3, (int)wait_ms) > 0 && pfds[1].revents != 0)
			take_signals(d);
	}
}

/* The life of the daemon. */

/* The directory of a socket that nobody asked for may be missing. */
static int
make_directories(const struct daemon *d, struct drac_why *why)
{
	const struct drac_conf *conf = &d->state.conf;

	if (drac_start_directory(conf->socket, &d->user, why) == -1)
		return -1;
	for (size_t i = 0; i < conf->lookup_count; i++) {
		if (conf->lookup[i].path != NULL &&
		    drac_start_directory(conf->lookup[i].path, &d->user, why) ==
			-1 &&
		    drac_conf_is_given(conf, "lookup"))
			return -1;
	}
	why->text[0] = '\0';
	return 0;
}

/* As those that it calls do: 0 with a warning, or -1. */
static int
open_lookups(struct daemon *d, struct drac_why *why)
{
	struct drac_lookup_fds handed;

	handed.count = drac_front_lookups(d->state.front, handed.fd);
	return drac_lookups_open(&d->state.conf, &handed, &d->state.lookups,
	    why);
}

static void
warn(const struct drac_why *why)
{
	if (why->text[0] != '\0')
		drac_say(LOG_WARNING, "%s", why->text);
}

static int
open_sockets(struct daemon *d, struct drac_why *why)
{
	if (make_directories(d, why) == -1 ||
	    drac_front_open(&d->state.conf, &d->state.front, why) == -1)
		return -1;
	warn(why);
	if (open_lookups(d, why) == -1)
		return -1;
	warn(why);
	return 0;
}

/* Nobody is told that we are ready while a map holds what has expired. */
static void
sweep_first(struct daemon *d)
{
	if (drac_step_open(&d->step) == -1)
		drac_say(LOG_WARNING, "steps of the clock: %s",
		    strerror(errno));
	while (drac_work_sweep(&d->state, time(NULL)) == 1)
		drac_notify("EXTEND_TIMEOUT_USEC=60000000");
}

/*
 * What a daemon before us left: at rpcbind, if it is gone; itself, if it still
 * writes a map of its own that nobody will read. To be known takes root.
 */
static void
look_for_predecessor(const struct drac_conf *conf)
{
	const char *const paths[] = { conf->database, DRAC_HOLDER_OLD };
	struct drac_holder holder;

	if (geteuid() != 0)
		return;
	if (conf->listen_count > 0)
		drac_portmap_clear();
	if (drac_holder_find(paths, 2, 0, &holder))
		drac_say(LOG_WARNING,
		    "%s is written by another program: %s, process %jd; "
		    "end it, or what it is told is lost",
		    holder.path, holder.name, (intmax_t)holder.pid);
}

/* What needs the privileges of the start, and then without them. */
static int
open_all(struct daemon *d, struct drac_why *why)
{
	struct drac_state *state = &d->state;

	d->signals = open_signals();
	if (d->signals == -1) {
		drac_why_set(why, "signals: %s", strerror(errno));
		return -1;
	}
	umask(022);
	drac_start_limits(why);
	warn(why);
	drac_load_users(&state->conf);
	look_for_predecessor(&state->conf);
	if (open_sockets(d, why) == -1)
		return -1;
	if (drac_start_drop(&d->user, why) == -1)
		return -1;
	if (chdir("/") == -1) {
		drac_why_set(why, "/: %s", strerror(errno));
		return -1;
	}
	if (drac_load_gate(&state->conf, &state->gate) == -1) {
		drac_why_set(why, "who may ask is not clear");
		return -1;
	}
	if (drac_work_open(state, why) == -1)
		return -1;
	sweep_first(d);
	return state->lookups == NULL ? 0
				      : drac_lookups_start(state->lookups, why);
}

static void
close_all(struct daemon *d)
{
	drac_lookups_close(d->state.lookups);
	drac_front_close(d->state.front);
	drac_step_close(&d->step);
	drac_work_close(&d->state);
	drac_gate_close(d->state.gate);
	if (d->signals != -1)
		(void)close(d->signals);
	drac_conf_free(&d->state.conf);
}

/* How often systemd wants to hear of us; twice as often it will. */
static int64_t
watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	long long ms;

	if (usec == NULL || (pid != NULL && atol(pid) != (long)getpid()))
		return 0;
	ms = atoll(usec) / 2000;
	return ms < 0 ? 0 : ms > TICK_MS ? TICK_MS : ms;
}

static void
say_ready(const struct daemon *d)
{
	char port[32] = "no port";

	if (d->bound_count > 0)
		snprintf(port, sizeof(port), "port %u", d->bound[0].port);
	drac_say(LOG_INFO,
	    "version %s is ready: %s, %" PRIu64 " entries, %s, %s",
	    DRAC_VERSION, d->state.conf.database, d->state.entries,
	    d->state.conf.socket, port);
}

static void
live(struct daemon *d, int ready_fd)
{
	drac_stats.started = time(NULL);
	d->watchdog_ms = watchdog_ms();
	d->tick_ms = d->told_ms = drac_sys_ms();
	d->bound_count = drac_front_bound(d->state.front, d->bound, BOUND_MAX);
	if (ready_fd != -1)
		drac_start_ready(ready_fd);
	set_debug(d);
	say_ready(d);
	drac_portmap(d->bound, d->bound_count, false);
	drac_notify("READY=1");
	tell_state(d);
	serve(d);
	drac_notify("STOPPING=1");
	drac_say(LOG_INFO, "ends: it was told to");
	drac_portmap_wait(true);
	drac_portmap(d->bound, d->bound_count, true);
	drac_portmap_wait(true);
	/* Root's stays: the daemon's user cannot remove it. */
	if (ready_fd != -1)
		(void)unlink(d->pid_file);
}

/* As drac_start_daemon; 0 in the foreground. */
static int
go_back(struct daemon *d, struct drac_child *child, struct drac_why *why)
{
	if (d->options.foreground)
		return 0;
	if (drac_start_pid_path(d->state.conf.socket, d->pid_file) == -1) {
		drac_why_set(why, "%s: %s", d->state.conf.socket,
		    strerror(errno));
		return -1;
	}
	child->pid_file = d->pid_file;
	return drac_start_daemon(child, why);
}

static enum status
run(struct daemon *d)
{
	struct drac_why why = { "" };
	struct drac_child child = { .ready_fd = -1, .status = FINE };
	int role = -1;
	bool good;

	if (drac_start_user(d->state.conf.user, &d->user, &why) == 0)
		role = go_back(d, &child, &why);
	if (role == 1) {
		drac_conf_free(&d->state.conf);
		return (enum status)child.status;
	}
	good = role == 0 && open_all(d, &why) == 0;
	if (good)
		live(d, child.ready_fd);
	else
		drac_say(LOG_ERR, "%s", why.text);
	close_all(d);
	return good ? FINE : WRONG;
}

static enum status
test(const struct drac_options *options)
{
	if (!drac_load_test(options))
		return WRONG;
	puts("the configuration is good");
	return fflush(stdout) == 0 ? FINE : WRONG;
}

int
main(int argc, char **argv)
{
	static struct daemon d = { .signals = -1, .step.fd = -1 };
	enum status status;

	if (drac_start_descriptors() == -1)
		return WRONG;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* a limit for files is an error */
	if (read_options(&d.options, argc, argv, &status) != 1)
		return fflush(stdout) == 0 ? status : WRONG;
	drac_say_open(NULL, d.options.debug);
	if (d.options.test)
		return test(&d.options);
	if (drac_load_conf(&d.options, &d.state.conf) == -1) {
		drac_conf_free(&d.state.conf);
		return WRONG;
	}
	if (d.options.tidy) {
		look_for_predecessor(&d.state.conf);
		drac_conf_free(&d.state.conf);
		return FINE;
	}
	d.state.empty_first = d.options.empty;
	return run(&d);
}
