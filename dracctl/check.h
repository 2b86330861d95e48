/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What `dracctl check` is made of. check.c keeps the findings and prints
 * them; check_conf.c, check_dovecot.c, check_pam.c (with check_line.c),
 * check_postfix.c, check_sendmail.c, check_exim.c, check_map.c and
 * check_entries.c look for them, in that order, for the later ones want to
 * know what the earlier ones saw. below.c reads other programs' files and
 * runs programs, units.c reads units, map_raw.c the map, locks.c its locks.
 */
#ifndef DRAC_CHECK_H
#define DRAC_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "dracctl.h"
#include "pam_stack.h"

/* Octets of a place: a path, and a line of it. */
#define DRAC_CHECK_WHERE 4352

/*
 * A thing that is wrong. id is one of the table in check.c; where is
 * PATH, PATH:LINE or a program; text says what is wrong and advice what to
 * do, each in whole sentences.
 */
struct drac_finding {
	const char *id;
	bool danger; /* it is to be read first */
	char *where;
	char *text;
	char *advice;
};

/* A PAM service that has our line, and how the module is to work there. */
struct drac_check_service {
	char *name;
	char *where; /* its first line of ours */
	bool tells_local;
	bool writes; /* the map itself: no server at all */
	bool account;
	bool session;
	bool auth;
};

struct drac_check {
	struct drac_ctl *ctl;
	struct drac_finding *finding;
	size_t findings;
	char **looked; /* sentences on what was looked at */
	size_t lookeds;
	struct drac_check_service *service;
	size_t services;
	bool no_memory;

	/* What one room tells the next. */
	char **sessions; /* PAM services for which sessions are opened */
	size_t session_count;
	bool has_dovecot;
	bool has_hook; /* Dovecot's post-login hook records */
	bool has_postfix;
	bool has_sendmail; /* and it reads our map */
	bool has_exim;     /* and it reads our map */
	bool has_proxy;    /* Postfix reads the map as user postfix */
	bool adds_db;      /* a server adds .db to the map's name */
	bool ends_in_db;
	bool has_file;     /* there is a map to look into */
	bool kept;         /* rpc.dracd has the map's lock */
	bool waits_sweep;  /* a server that does not compare times */
	bool asks_service; /* Postfix asks the lookup service */
	bool tells_local;  /* drac.conf or a service reports to rpc.dracd */
	bool by_daemon; /* rpc.dracd is to keep the map: that, or others do */
	bool writes;    /* a service writes the map itself */
};

/* Note a finding, unless there is one of the same id and place. */
__attribute__((format(printf, 5, 6))) void
drac_check_find(struct drac_check *check, const char *id, const char *where,
    const char *advice, const char *format, ...);

/* Note what was looked at: one line for the admin when all is well. */
__attribute__((format(printf, 2, 3))) void
drac_check_looked(struct drac_check *check, const char *format, ...);

/* PATH:NUMBER into where, which is returned. */
const char *drac_check_at(const char *path, unsigned number,
    char where[DRAC_CHECK_WHERE]);

/* Release all that was noted. */
void drac_check_free(struct drac_check *check);

/*
 * A server that looks in the map for the address itself finds no network
 * that prefix4 or prefix6 opens.
 */
void drac_check_prefix(struct drac_check *check, const char *id,
    const char *where, const char *server);

/* Is a map kept on this host, as far as configuration and PAM say? */
bool drac_check_has_map(const struct drac_check *check);

/* Has a PAM service, or the one that stands for it, a line of ours? */
bool drac_check_records(struct drac_check *check, const char *service);

/* Our configuration, for findings about a key. */
const char *drac_check_conf_path(const struct drac_check *check);

/* Make a finding of an error in a configuration: a drac_conf_report. */
void drac_check_conf_error(const char *text, void *check);

/*
 * locks.c: does somebody hold a lock on fd's file all the time, so that for
 * a second no other can have it? records: locks of fcntl(2) count, too. name:
 * "process 712 (smtpd)", or "a process" where it is not known.
 */
#define DRAC_CHECK_HOLDER 96
bool drac_check_is_held(int fd, bool records, char name[DRAC_CHECK_HOLDER]);

/* The rooms. */
void drac_check_conf(struct drac_check *check);
void drac_check_pam(struct drac_check *check);
void drac_check_dovecot(struct drac_check *check);
void drac_check_postfix(struct drac_check *check);
void drac_check_sendmail(struct drac_check *check);
void drac_check_exim(struct drac_check *check);
void drac_check_map(struct drac_check *check);
void drac_check_entries(struct drac_check *check);

/*
 * below.c: files and programs of the host, all of them below ctl->root.
 */

/* ctl->root and path in one; to be freed. NULL: ENOMEM. */
char *drac_below(const struct drac_ctl *ctl, const char *path);

/* Set ctl->opts from ctl->conf, with the map below the root. -1: ENOMEM. */
int drac_below_map(struct drac_ctl *ctl);

/* A path without the root that was put before it. */
const char *drac_below_name(const struct drac_ctl *ctl, const char *path);

/*
 * A whole regular file of at most 4 MiB with a NUL behind it, to be freed;
 * no NUL is within. path is taken below the root. NULL with errno.
 */
char *drac_below_read(const struct drac_ctl *ctl, const char *path);

/*
 * Run a program of the usual directories: argv[0] is its name, and nothing
 * of our environment, descriptors and rights beyond the user's goes with it.
 * What it printed, at most 1 MiB, to be freed; NULL with errno: ENOENT there
 * is no such program, ETIMEDOUT it took more than five seconds, ECHILD it
 * failed, EFBIG it said more.
 */
char *drac_below_run(const struct drac_ctl *ctl, char *const argv[]);

/* Is there such a program? */
bool drac_below_has(const struct drac_ctl *ctl, const char *name);

/*
 * The next line of a text that is written over: blanks at both ends are
 * gone. NULL at the end.
 */
char *drac_below_line(char **text);

/*
 * units.c: may a unit write to the directory of path? 1 yes; 0 no, and
 * where is the line that forbids it; -1: there is no such unit.
 */
int drac_unit_writes(const struct drac_ctl *ctl, const char *unit,
    const char *path, char where[DRAC_CHECK_WHERE]);

/*
 * The configuration of a mail server as far as explain wants it, too.
 */
struct drac_postfix {
	bool uses_file;    /* a list names our map */
	bool uses_service; /* or the lookup service */
};
void drac_postfix_read(struct drac_ctl *ctl, struct drac_postfix *postfix);

struct drac_sendmail {
	const char *path;   /* sendmail.cf; NULL: there is none */
	bool uses_file;     /* a ruleset looks into our map */
	bool uses_socket;   /* or asks a service */
	bool by_link;       /* the map has another name there */
	bool strips;        /* the tag IPv6: */
	bool compressed;    /* UseCompressedIPv6Addresses */
	bool keeps_case;    /* -f */
	bool compares;      /* the expiry with the clock */
	bool hash;          /* instead of btree */
	bool tag_unguarded; /* -T, and what it marks is taken for a grant */
	unsigned map_line;
	unsigned use_line;
};
void drac_sendmail_read(const struct drac_ctl *ctl,
    struct drac_sendmail *sendmail);

struct drac_exim {
	const char *path; /* of its configuration; NULL: none */
	unsigned line;    /* the first that names our map; 0: none */
	unsigned socket_line;
	bool dbm;   /* looks for keys with a NUL */
	bool dbmnz; /* and without */
	bool net;   /* as a host list: IPv6 in a form of its own */
	bool bare;  /* without .db */
	bool compares;
};
void drac_exim_read(const struct drac_ctl *ctl, struct drac_exim *exim);

/*
 * Is path the map below another name, as a symbolic link is? suffix is put
 * behind it. Where the map is missing, no name is.
 */
bool drac_below_leads_to_map(const struct drac_ctl *ctl, const char *path,
    size_t length, const char *suffix);

/* The map's path without .db, as Postfix and sendmail name it; to be freed. */
char *drac_map_base(const struct drac_ctl *ctl);

/*
 * map_raw.c: the map as a mail server reads it, key by key. It is opened
 * for each; so few are asked for. 1 there, 0 not, -1 with errno and why.
 */
struct drac_raw {
	struct drac_text key;
	size_t length; /* of the value */
	char value[32];
};
int drac_map_raw(struct drac_ctl *ctl, struct drac_raw *raw,
    struct drac_why *why);

#endif
