/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * drac.conf and key=value arguments: one table of keys (conf.c), one
 * setter, one struct of values with defaults. Strict: a whole token, in
 * range, known and not repeated, or it is refused with file and line, and
 * every error of a file is reported, not the first alone. Sentences are
 * printable ASCII: any other octet of outside text is shown as `?`.
 */
#ifndef DRAC_CONF_H
#define DRAC_CONF_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "allow.h"
#include "store.h"
#include "users.h"
#include "why.h"

#define DRAC_CONF_PATH DRAC_SYSCONFDIR "/drac/drac.conf"

/* The largest file that is read, in octets. */
#define DRAC_CONF_SIZE_MAX 65536

#define DRAC_SERVERS_MAX 16
#define DRAC_LISTEN_MAX  32
#define DRAC_LOOKUP_MAX  8

/* A daemon that a login is reported to, as `server` names it. */
struct drac_server {
	char *name;          /* as it was written */
	char *host;          /* address or name; NULL: the local socket */
	unsigned short port; /* host order; 0: ask the host's rpcbind */
};

/* Where the daemon listens. */
struct drac_endpoint {
	struct drac_addr addr; /* unspecified: every address of the family */
	unsigned short port;   /* host order; 0: what `port` says */
};

/* Where the daemon answers lookups. */
struct drac_lookup_at {
	char *path;                /* of a UNIX socket; NULL: */
	struct drac_endpoint here; /* of this host alone, with a port */
};

struct drac_conf {
	char *database;      /* absolute path of the map */
	unsigned lifetime_s; /* how long a login counts: 1..31536000 */
	unsigned renew_s; /* a younger grant stays as it is: 0..lifetime_s-1 */
	unsigned timeout_ms;      /* all waits of one login: 10..60000 */
	struct drac_nets exclude; /* never recorded */
	bool allow_gateway;       /* record this host's own addresses, too */
	unsigned char prefix4;    /* bits that a login opens: 8..32 */
	unsigned char prefix6;    /* 32..128 */
	char **services;          /* PAM services that count; NULL: all */
	size_t service_count;
	struct drac_users users;      /* these alone are recorded, if given */
	struct drac_users users_too;  /* and an argument: on both lists */
	struct drac_users deny_users; /* never recorded */
	bool anonymous_reports;       /* record although no user is told */
	unsigned short *peer_ports;   /* host order; NULL: peer= not given */
	size_t peer_port_count;
	char *rhost_env; /* environment variable with the address, or NULL */
	enum drac_key_style key_style;
	unsigned readers; /* of the map: bits of enum drac_reader */
	mode_t mode;
	struct drac_server *servers; /* to report to; NULL: write the map */
	size_t server_count;
	bool fallback_direct; /* write the map when no server answers */
	char *socket;         /* absolute path of the daemon's local socket */
	struct drac_endpoint *listen; /* NULL: the local socket alone */
	size_t listen_count;
	unsigned short port;    /* 0: any, made known by rpcbind */
	struct drac_nets allow; /* remote hosts that may ask the daemon */
	char *allow_file;       /* more of them, dracd.allow(5); or NULL */
	char **allow_users;     /* local users besides root; or NULL */
	size_t allow_user_count;
	bool allow_any_user;       /* each of them: then allow_users is NULL */
	bool insecure_local;       /* what that was called once */
	unsigned sweep_interval_s; /* 1..3600 */
	char *user;                /* as whom the daemon runs */
	struct drac_lookup_at *lookup; /* NULL: no lookup service */
	size_t lookup_count;
	bool sync;
	bool strict;
	bool debug;
	bool after_requisite; /* module argument only */
	uint64_t given;       /* bit per key of the table: set by the user */
	uint64_t by_argument; /* the same, by an argument */
};

/* Where errors go: one call per error, text without a newline. */
typedef void drac_conf_report(const char *text, void *arg);

/* Fill in the defaults. -1 with ENOMEM. */
int drac_conf_init(struct drac_conf *conf);

/* Release what conf owns. */
void drac_conf_free(struct drac_conf *conf);

/*
 * Read a file safely, as lines.h says: a regular file, owned by root (or by
 * the effective user), not writable by group or others, at most
 * DRAC_CONF_SIZE_MAX octets, no NUL. Lines `key = value`, a flag may stand
 * alone; `#` at the start of a line or after a blank starts a comment,
 * blanks are free. Values of repeatable keys add up. Ends with
 * drac_conf_check if all lines were good.
 * 0 ok; -1 with errno ENOENT when there is no such file (nothing is
 * reported then); -1 with EINVAL after reporting every error as
 * "PATH:LINE: KEY: what is wrong: VALUE" or "PATH: what is wrong"; -1 with
 * the errno of open(2) or read(2), or ENOMEM, reported too. conf keeps the
 * good values.
 */
int drac_conf_load(struct drac_conf *conf, const char *path,
    drac_conf_report *report, void *arg);

/*
 * The part of drac_conf_load after the reading: len octets of text, which
 * is written over and has room for one octet more. name is what errors
 * call it. Results as above.
 */
int drac_conf_parse(struct drac_conf *conf, const char *name, char *text,
    size_t len, drac_conf_report *report, void *arg);

/*
 * One module argument, `key=value` or a bare flag. The first value of a
 * repeatable key given here replaces what the file gave, but exclude and
 * deny_users add to it, and users only narrows it; a single key may be given
 * once here and once in the file. conf=PATH is the module's own
 * affair, to be handled before: it is refused here like any unknown key.
 * 0, or -1 with EINVAL or ENOMEM and why set ("KEY: what is wrong: VALUE").
 * After the last argument call drac_conf_check.
 */
int drac_conf_argument(struct drac_conf *conf, const char *argument,
    struct drac_why *why);

/*
 * What only all values together can tell: renew must be shorter than
 * lifetime, and no socket both local and for lookups. Not checked argument
 * by argument, so that their order is free.
 * 0, or -1 with EINVAL and why set.
 */
int drac_conf_check(const struct drac_conf *conf, struct drac_why *why);

/*
 * A duration: digits with an optional unit, ms, s, m, h or d. A bare
 * number is in seconds. Result in milliseconds; -1 with EINVAL, also when
 * that does not fit.
 */
int drac_duration_parse(const char *text, uint64_t *ms);

/* For tests, manuals and `check`: the table of keys in order. */
struct drac_conf_setting; /* conf.c */
struct drac_conf_key {
	const char *name;
	const char *fallback; /* the default as written in the file; "" none */
	int (*set)(struct drac_conf_setting *setting); /* conf.c's own */
	bool repeatable;
	bool flag;           /* yes or no; the bare word is yes */
	bool argument_only;  /* refused in a file */
	bool file_only;      /* refused as an argument */
	bool adds; /* an argument never takes away what the file gave */
	const char *instead; /* a key that was given up, which still works:
			      * what to write in its place */
};
const struct drac_conf_key *drac_conf_keys(size_t *count);

/*
 * The keys that the user set although they were given up: each call finds the
 * next one from *at on, which begins with 0, and puts a warning into why.
 */
bool drac_conf_given_up(const struct drac_conf *conf, size_t *at,
    struct drac_why *why);

/* May local users besides root report? Every one of them? */
bool drac_conf_takes_users(const struct drac_conf *conf);
bool drac_conf_takes_any_user(const struct drac_conf *conf);

/* Did the user set this key? Otherwise it has its default. */
bool drac_conf_is_given(const struct drac_conf *conf, const char *name);

/*
 * As drac_conf_load with path, or where that is NULL with DRAC_CONF_PATH,
 * which need not be there. A file that was named must be: that it is missing
 * is reported, too.
 */
int drac_conf_load_named(struct drac_conf *conf, const char *path,
    drac_conf_report *report, void *arg);

/* What keeps an address from being recorded, one or the other. */
struct drac_conf_ban {
	enum drac_scope scope;      /* not DRAC_SCOPE_HOST: by what it is */
	const struct drac_net *net; /* by this network of exclude; borrowed */
};

/*
 * May a login from addr be recorded, as far as the configuration tells? The
 * module, the daemon and the tools ask this; false: *ban tells why not. With
 * allow_gateway = no, whoever runs on the host where the login came in asks
 * drac_route_of, too.
 */
bool drac_conf_may_record(const struct drac_conf *conf,
    const struct drac_addr *addr, struct drac_conf_ban *ban);

/* What keeps a user from being recorded. */
enum drac_conf_user {
	DRAC_CONF_USER_GOOD,
	DRAC_CONF_USER_DENIED,   /* in deny_users */
	DRAC_CONF_USER_OTHER,    /* not in users */
	DRAC_CONF_USER_ANONYMOUS /* nobody told who it is */
};

/*
 * May a login of this user be recorded? Every road asks this but the
 * administrator's. user NULL or "": nobody told; with users or deny_users
 * given that is refused unless anonymous_reports = yes.
 */
enum drac_conf_user drac_conf_admits(const struct drac_conf *conf,
    const char *user);

/* "this user is in deny_users" and the like; "" for a good one. */
const char *drac_conf_user_text(enum drac_conf_user what);

/* Do logins to this PAM service count? Case does not matter. */
bool drac_conf_counts_service(const struct drac_conf *conf,
    const char *service);

/* Is the daemon of this host among the servers? */
bool drac_conf_tells_local(const struct drac_conf *conf);

/* What a recorded address opens; conf stays the owner of exclude. */
struct drac_cover drac_conf_cover(const struct drac_conf *conf);

/*
 * Is addr recorded in such a way that a Postfix which reads the file does not
 * find it? drac_key_begins_others() tells why.
 */
bool drac_conf_hides(const struct drac_conf *conf,
    const struct drac_addr *addr);

/*
 * Copy what the store needs; conf stays the owner of path and exclude. may_create
 * is false: whoever wants a map made says so.
 */
void drac_conf_store_opts(const struct drac_conf *conf,
    struct drac_store_opts *opts);

#endif
