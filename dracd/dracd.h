/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * rpc.dracd, the parts and what passes between them. One loop, and a thread
 * of the lookup service, which shares a table with it and nothing else:
 *
 *   front    sockets: what arrived becomes jobs, done jobs become answers
 *   caller   who may ask, and how a refusal is logged
 *   diag     which user of this host calls, as the kernel tells
 *   work     a turn's jobs against the map: all changes of a turn are one
 *            entry in the journal and one wait for the disk
 *   due      which entry expires when, in memory
 *   lookups  the lookup service, of which lookups.h tells
 *   status   counts, and the text of `dracctl status`
 *   portmap  makes the ports known to rpcbind, in a child, for rpcbind may
 *            not answer
 *   load     the configuration, at the start and again
 *   main     options, signals, the loop
 *   step     has the clock been set?
 *   start    becoming the daemon's user, and a daemon
 *   say      the log, on stderr or to syslog; sd_notify
 *
 * A turn: wait until something is ready; front collects at most
 * DRAC_JOBS_MAX jobs, from each socket and connection in turn; work does
 * them and whatever is due; front sends the answers. While the disk is
 * waited for, calls queue up in the kernel and make the next turn's batch.
 */
#ifndef DRACD_H
#define DRACD_H

#include <sys/types.h>

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "addr.h"
#include "conf.h"
#include "log.h"
#include "store.h"
#include "why.h"
#include "wire.h"

#define DRAC_JOBS_MAX 256u

/* Bounds of the front. */
#define DRAC_CONNS_MAX    512u /* connections in all */
#define DRAC_CONNS_CALLER 64u  /* of one address or one user */
#define DRAC_IDLE_S       60u  /* a connection that says nothing is closed */

/* Of the lookup service. */
#define DRAC_LOOKUPS_MAX 1024u /* connections */

/* Who asks. */
enum drac_road {
	DRAC_ROAD_LOCAL,
	DRAC_ROAD_UDP,
	DRAC_ROAD_TCP
};

struct drac_caller {
	enum drac_road road;
	uid_t uid;             /* DRAC_ROAD_LOCAL; the others: if told */
	bool told;             /* the others: the kernel told the uid */
	pid_t pid;             /* DRAC_ROAD_LOCAL, for the log */
	int fd;                /* DRAC_ROAD_TCP: the connection; borrowed */
	struct drac_addr addr; /* the others */
	unsigned short port;   /* host order, the others */
};

/* Octets of "192.0.2.7 port 757 (udp)", "user 1000, process 77". */
#define DRAC_CALLER_TEXT 96
void drac_caller_text(const struct drac_caller *caller,
    char text[DRAC_CALLER_TEXT]);

/* What a caller may do, in rising order. */
enum drac_right {
	DRAC_RIGHT_NONE,
	DRAC_RIGHT_ADD,  /* procedures NULL, ADD */
	DRAC_RIGHT_ADMIN /* all; root and the daemon's own user, local */
};

/* Why a caller may not; each is counted. */
enum drac_refusal {
	DRAC_REFUSAL_NONE,
	DRAC_REFUSAL_USER,      /* a local user not in allow_users */
	DRAC_REFUSAL_PORT,      /* perhaps of this host, not surely root's */
	DRAC_REFUSAL_HOST,      /* a remote address not on the allow list */
	DRAC_REFUSAL_RIGHT,     /* may add, but not this */
	DRAC_REFUSAL_ANONYMOUS, /* names no user, where users decide */
	DRAC_REFUSAL_LATE,      /* nobody waits for it any more */
	DRAC_REFUSALS
};

/*
 * Who may ask: made from the configuration and the allow file, anew at each
 * reload. An address of this host counts as local whatever the allow list
 * says, since any local user can call from it.
 *
 * What a sender's address proves:
 *   IPv4, and IPv6 over TCP: of this host a reserved port is root, and from
 *       another port the kernel tells which user calls; of others the allow
 *       list decides
 *   IPv6 over UDP: of this host ::1 alone, since the kernel takes the other
 *       addresses of this host from outside, too; of others the allow list
 *       and a reserved port, since any local user can send from any address
 *   nothing: unspecified, multicast, link-local IPv6 of this host
 */
struct drac_gate;
int drac_gate_open(const struct drac_conf *conf, drac_conf_report *report,
    void *arg, struct drac_gate **gate); /* -1: reported */
void drac_gate_close(struct drac_gate *gate);

/*
 * What an administrator has to write to let a refused caller of this host in:
 * "from user mail (uid 8): set allow_users = mail, or any". Empty when it is
 * not known who that is, or when that would not help. May read /etc/passwd.
 */
#define DRAC_ADVICE_TEXT 160
void drac_gate_advise(struct drac_gate *gate, struct drac_caller *caller,
    enum drac_refusal refusal, char text[DRAC_ADVICE_TEXT]);

/* Take out of allow_users who cannot be found, each reported. */
void drac_gate_leave_out(struct drac_conf *conf, drac_conf_report *report,
    void *arg);
enum drac_right drac_gate_ask(struct drac_gate *gate,
    struct drac_caller *caller, enum drac_refusal *refusal);

/* A call, and after drac_work_do its answer. */
struct drac_job {
	struct drac_call call;
	struct drac_caller caller;
	bool local;              /* speaks version 3: reply is what counts */
	enum drac_answer answer; /* the word, for all versions */
	struct drac_reply reply; /* version 3: everything; listed and text are
				  * work's, good until its next call */
	enum drac_right right;   /* work's own */
	size_t way;              /* front's own: where the answer goes */
	uint64_t way_number;
};

/* The front. */
struct drac_front;

/*
 * Open the sockets that conf asks for, or take those that systemd hands
 * over (LISTEN_FDS). To be called with the privileges of the start. With
 * port 0 a process that may binds a free reserved port, one for all
 * addresses. The local socket becomes the user's, and is open to others
 * only where allow_users names some. A stale one is replaced; one that
 * answers is not (EADDRINUSE). 0 with *why empty or a sentence on what was left out (an
 * address family that this host lacks); -1 with errno and why.
 */
int drac_front_open(const struct drac_conf *conf, struct drac_front **front,
    struct drac_why *why);

/*
 * How many sockets systemd hands over to us, from descriptor 3 on; 0 after
 * they have been taken.
 */
long drac_handed_offered(void);

/*
 * After a reload: who may open the local socket, everybody or its owner
 * alone. One that systemd made stays as it is. -1 with errno and why.
 */
int drac_front_admit(const struct drac_front *front,
    const struct drac_conf *conf, struct drac_why *why);

/* Close all; the local socket's file is removed unless systemd made it. */
void drac_front_close(struct drac_front *front);

/* To be polled for reading: something can be collected. */
int drac_front_fd(const struct drac_front *front);

/*
 * At most max jobs, without waiting. Malformed calls are answered or
 * dropped here and counted. now_ms: CLOCK_MONOTONIC, for idle connections.
 */
size_t drac_front_collect(struct drac_front *front, int64_t now_ms,
    struct drac_job *jobs, size_t max);

/* Send the answers of jobs collected last. A slow reader loses them. */
void drac_front_answer(struct drac_front *front, const struct drac_job *jobs,
    size_t count);

/* More is waiting than the last collect took; to be asked after answering. */
bool drac_front_more(const struct drac_front *front);

/* The internet sockets, for portmap: one call of visit for each. */
struct drac_bound {
	bool tcp;
	bool v6;
	struct drac_addr addr;
	unsigned short port;
};
size_t drac_front_bound(const struct drac_front *front,
    struct drac_bound *bound, size_t max);

/*
 * The sockets that systemd handed over for the lookup service: how many.
 * They are the caller's now.
 */
size_t drac_front_lookups(struct drac_front *front, int fds[DRAC_LOOKUP_MAX]);

/* Counts. One struct, zeroed at the start; everybody adds to it. */
struct drac_stats {
	time_t started;
	uint64_t calls[3]; /* by enum drac_road */
	uint64_t added;    /* written */
	uint64_t renewed;  /* of these: there already */
	uint64_t fresh;    /* recorded moments ago: not written again */
	uint64_t excluded; /* never recorded, by scope or exclude */
	uint64_t refused[DRAC_REFUSALS];
	uint64_t malformed; /* octets that are no call, or a faulty one */
	uint64_t failed;    /* could not be recorded */
	uint64_t taken_back;
	uint64_t dropped;
	uint64_t expired;     /* removed when their time was up */
	uint64_t sweeps;      /* turns that removed something, and `sweep` */
	uint64_t batches;     /* changes of the map: waits for the disk */
	uint64_t connections; /* accepted */
	uint64_t evicted;     /* closed: idle, or one too many */
	size_t open;          /* connections now */

	/* Of the lookup service, which another thread adds to. */
	_Atomic uint64_t lookups; /* answered, and of these: */
	_Atomic uint64_t lookup_found;
	_Atomic uint64_t lookup_notfound;
	_Atomic uint64_t lookup_temp;
	_Atomic uint64_t lookup_malformed; /* no request; closed */
	_Atomic uint64_t lookup_conns;     /* accepted */
	_Atomic uint64_t lookup_evicted;   /* closed: idle, one too many */
	_Atomic uint64_t lookup_open;      /* now */
};

/* What each caller did: an add that was let in, or a refusal. */
void drac_status_note(const struct drac_caller *caller, bool refused,
    time_t now);

/*
 * The text of STATUS: `name value` lines, then at most 64 lines `caller
 * CALLER adds N refused N last SECONDS`: an address or `user:UID`, and how
 * long ago it called last; who was silent longest makes room, but those that
 * were only ever refused have half of the lines at most. The whole of it fits into 16 KiB; in less room whole lines are left out.
 */
struct drac_state;
void drac_status_text(const struct drac_state *state, time_t now, char *text,
    size_t room);

/* The state of the daemon: main owns it. */
struct drac_state {
	struct drac_conf conf;
	struct drac_gate *gate;
	struct drac_front *front;
	struct drac_store *store;
	struct drac_due *due;
	struct drac_work *work;       /* work's own */
	struct drac_lookups *lookups; /* NULL: no such service */
	uint64_t entries;             /* of the map, as far as we know */
	bool empty_first;             /* -i */
	bool debug;
};
extern struct drac_stats drac_stats;

/* The command line. */
struct drac_options {
	const char *conf_path; /* NULL: the default one, which may be missing */
	const char *minutes;   /* NULL: as configured, as is database */
	const char *database;
	bool debug;
	bool foreground;
	bool empty;
	bool test;
	bool tidy;
};

/*
 * The configuration, whose errors are all logged. conf is to be freed after
 * a failure, too; *gate is then NULL.
 */
int drac_load_conf(const struct drac_options *options, struct drac_conf *conf);
int drac_load_gate(const struct drac_conf *conf, struct drac_gate **gate);

/* At the start: go on without those of allow_users who are not found. */
void drac_load_users(struct drac_conf *conf);

/* -t: is all of it good? */
bool drac_load_test(const struct drac_options *options);

/* Anew. All stays as it was unless all is good; listen and the like stay. */
void drac_load_again(struct drac_state *state,
    const struct drac_options *options);

/*
 * Which entry expires when. Every entry of the map is here at least once,
 * at its expiry or earlier: whoever is told that one is due looks into
 * the map. 8 octets for an IPv4 entry, 20 for IPv6.
 */
struct drac_due;
struct drac_due *drac_due_new(void);
void drac_due_free(struct drac_due *due);
void drac_due_clear(struct drac_due *due);
int drac_due_add(struct drac_due *due, const struct drac_addr *addr,
    time_t expiry);                                             /* -1: ENOMEM */
bool drac_due_next(const struct drac_due *due, time_t *expiry); /* earliest */
/*
 * Take one out that is due at now; false: none. Several of one address and
 * expiry come one after the other.
 */
bool drac_due_take(struct drac_due *due, time_t now, struct drac_addr *addr);
size_t drac_due_count(const struct drac_due *due);

/* Work. */

/*
 * Open the map, learn its entries, empty it first if that was asked. -1:
 * why is set; drac_work_close is the caller's.
 */
int drac_work_open(struct drac_state *state, struct drac_why *why);

/*
 * Before anybody is served: remove what has expired, some thousands at a
 * time. 1: there is more; 0: no more, or it failed, which is logged and does
 * not keep anybody from being served.
 */
int drac_work_sweep(struct drac_state *state, time_t now);

/* Look through the map soon, for what its addresses open has changed. */
void drac_work_learn(struct drac_state *state);

/* The clock was set: look after the map now, before the next job. */
void drac_work_stepped(struct drac_state *state, time_t now);

/*
 * Do the jobs, and what is due, in one batch where they change the map; fill
 * in the answers.
 */
void drac_work_do(struct drac_state *state, struct drac_job *jobs, size_t count,
    time_t now);

/*
 * Remove what is due, at most a batch of it, and look after the map each
 * sweep_interval. Returns the milliseconds until there is something to do
 * again, 0 when there is more at once. Of 1000 and more the caller takes off
 * how much of the second `now` has passed.
 */
int drac_work_idle(struct drac_state *state, time_t now, int64_t now_ms);

void drac_work_close(struct drac_state *state);

/*
 * Steps of the clock. fd is to be polled for reading: the clock was set, or
 * the host woke up. It is -1 when there is none to be had (open: -1 with
 * errno); steps are then seen when somebody calls. seen: by how many seconds
 * the clock was set since it was asked last, back when negative; 0: not, or
 * by less than one.
 */
struct drac_step {
	int fd;
	int64_t ahead_ms; /* step's own */
};
int drac_step_open(struct drac_step *step);
time_t drac_step_seen(struct drac_step *step);
void drac_step_close(struct drac_step *step);

/*
 * The log, of lib/log. log: the socket of the log daemon, borrowed for ever;
 * NULL: stderr. No line is waited for: one that is not taken at once is
 * lost, and the next one or drac_say_flush reports how many were.
 */
void drac_say_open(const char *log, bool debug);
__attribute__((format(printf, 2, 3))) void drac_say(int level,
    const char *format, ...);

/*
 * The same for what an outsider can cause at will: one line a cause and
 * minute, and then how many were left out. Refusals are warnings;
 * DRAC_REFUSAL_NONE stands for what failed on our side, an error.
 */
__attribute__((format(printf, 2, 3))) void
drac_say_limited(enum drac_refusal cause, const char *format, ...);
bool drac_say_is_due(enum drac_refusal cause); /* it would be a line now */
void drac_say_flush(int64_t now_ms); /* tell what was left out, or lost */

/* sd_notify(3) without the library: "READY=1" and the like. */
void drac_notify(const char *what);

/*
 * Have the bound ports known to rpcbind, for versions 1 and 2, in a child
 * that is ended after five seconds; `undo` takes them back. What is there
 * for another port, and may not be replaced, is an error in the log. drac_portmap_wait
 * is to be called on SIGCHLD and every few seconds; it logs what became of
 * the child, and ends it when its time is up.
 */
void drac_portmap(const struct drac_bound *bound, size_t count, bool undo);
void drac_portmap_wait(bool block);

/*
 * As root: what stands at rpcbind for a daemon that does not answer there is
 * taken away, in such a child, and logged. Returns when that is done.
 */
void drac_portmap_clear(void);

/*
 * A rpcbind is there that was not told, did not take it, or was told ten
 * minutes ago: it may have been started again without a trace.
 */
bool drac_portmap_anew(void);

/*
 * Starting. Who the daemon is to be: with root's privileges the user of
 * that name, otherwise whoever we are (switching is false then). -1 and why:
 * no such user.
 */
struct drac_user {
	const char *name; /* borrowed */
	uid_t uid;
	gid_t gid;
	bool switching;
};
int drac_start_user(const char *name, struct drac_user *user,
    struct drac_why *why);

/*
 * What of 0, 1 and 2 is closed gets /dev/null; all others are closed but for
 * sockets that systemd hands over.
 */
int drac_start_descriptors(void);

/*
 * As many descriptors as we may have. *why: empty, or that they are too few
 * for DRAC_CONNS_MAX and DRAC_LOOKUPS_MAX connections.
 */
void drac_start_limits(struct drac_why *why);

/*
 * Make the directory of the socket for user when it is missing and we are
 * root; its last component only.
 */
int drac_start_directory(const char *socket, const struct drac_user *user,
    struct drac_why *why);

/* Be user for ever, without any capability. -1: we may still be root. */
int drac_start_drop(const struct drac_user *user, struct drac_why *why);

/*
 * Fork. In the child 0, and a descriptor for drac_start_ready, which lets
 * the parent go and gives up terminal and stdio. In the parent 1 when the
 * child is ready and in pid_file, or has ended, and *status to exit with.
 * -1 and why.
 */
struct drac_child {
	const char *pid_file; /* borrowed */
	int ready_fd;
	int status;
};
int drac_start_daemon(struct drac_child *child, struct drac_why *why);
void drac_start_ready(int ready_fd);

/*
 * Where the number of the process is kept: what root will trust is not
 * beside the socket, where the daemon's user may write.
 */
#define DRAC_PID_PATH "/run/rpc.dracd.pid"
int drac_start_pid_path(const char *socket, char path[PATH_MAX]); /* -1 */

/*
 * A new file in the place of what is there, be it a link. -1 with errno:
 * nothing, or a file of no use.
 */
int drac_start_pid_file(const char *path, pid_t pid);

#endif
