/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Configuration: every key through file and argument, every refusal with
 * its sentence, the safety of the file, and the shipped conf/drac.conf
 * (found from the root of the source, where tests run).
 */
#include "conf.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "test.h"
#include "told.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define SHIPPED "conf/drac.conf"

static int
parse(struct drac_conf *conf, const char *content, size_t len,
    struct told *told)
{
	char *text = malloc(len + 1); /* exactly, for the sanitizer */
	int answer;

	*told = (struct told){ 0 };
	if (text == NULL)
		abort();
	memcpy(text, content, len);
	answer = drac_conf_parse(conf, "f", text, len, take, told);
	free(text);
	return answer;
}

static void
init(struct drac_conf *conf)
{
	if (drac_conf_init(conf) == -1)
		abort();
}

/* More text at the end of text. */
__attribute__((format(printf, 3, 4))) static void
add(char *text, size_t size, const char *format, ...)
{
	size_t len = strlen(text);
	va_list ap;

	va_start(ap, format);
	vsnprintf(text + len, size - len, format, ap);
	va_end(ap);
}

static void
add_nets(char *text, size_t size, const struct drac_nets *nets)
{
	char net[DRAC_ADDR_TEXT];

	for (size_t i = 0; i < nets->count; i++) {
		drac_addr_text(&nets->net[i].addr, net);
		add(text, size, " %s/%d", net, nets->net[i].bits);
	}
}

static void
add_words(char *text, size_t size, char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add(text, size, " %s", words[i]);
}

static void
add_users(char *text, size_t size, const char *name,
    const struct drac_users *users)
{
	add(text, size, " %s%s:", name, users->given ? "" : "*");
	for (size_t at = 0; at < users->size;
	     at += strlen(users->names + at) + 1)
		add(text, size, " %s", users->names + at);
}

static void
describe_users(const struct drac_conf *conf, char *text, size_t size)
{
	add_users(text, size, "only", &conf->users);
	add_users(text, size, "and", &conf->users_too);
	add_users(text, size, "deny", &conf->deny_users);
	add(text, size, " anonymous=%d", conf->anonymous_reports);
}

/* The keys about reporting to a daemon, and those of the daemon. */
static void
describe_daemon(const struct drac_conf *conf, char *text, size_t size)
{
	char addr[DRAC_ADDR_TEXT];

	add(text, size, " servers%s:", conf->servers == NULL ? "*" : "");
	for (size_t i = 0; i < conf->server_count; i++)
		add(text, size, " %s>%s@%d", conf->servers[i].name,
		    conf->servers[i].host != NULL ? conf->servers[i].host : "-",
		    conf->servers[i].port);
	add(text, size,
	    " fallback=%d socket=%s listen%s:", conf->fallback_direct,
	    conf->socket, conf->listen == NULL ? "*" : "");
	for (size_t i = 0; i < conf->listen_count; i++) {
		drac_addr_text(&conf->listen[i].addr, addr);
		add(text, size, " %s@%d", addr, conf->listen[i].port);
	}
	add(text, size, " port=%d allow:", conf->port);
	add_nets(text, size, &conf->allow);
	add(text, size, " file=%s users%s:",
	    conf->allow_file != NULL ? conf->allow_file : "-",
	    conf->allow_users == NULL ? "*" : "");
	add_words(text, size, conf->allow_users, conf->allow_user_count);
	add(text, size, " any=%d insecure=%d sweep=%u user=%s bits=%d/%d",
	    conf->allow_any_user, conf->insecure_local, conf->sweep_interval_s,
	    conf->user, conf->prefix4, conf->prefix6);
}

static void
describe_lookup(const struct drac_conf *conf, char *text, size_t size)
{
	char addr[DRAC_ADDR_TEXT];

	add(text, size, " lookup%s:", conf->lookup == NULL ? "*" : "");
	for (size_t i = 0; i < conf->lookup_count; i++) {
		const struct drac_lookup_at *at = &conf->lookup[i];

		drac_addr_text(&at->here.addr, addr);
		if (at->path != NULL)
			add(text, size, " %s", at->path);
		else
			add(text, size, " %s@%d", addr, at->here.port);
	}
}

/* Every value of conf as text, so that two can be compared and a failure
 * can be read. */
static void
describe(const struct drac_conf *conf, char *text, size_t size)
{
	snprintf(text, size,
	    "%s life=%u renew=%u timeout=%u env=%s style=%d gateway=%d readers=%u "
	    "mode=%o sync=%d strict=%d debug=%d after=%d nets:",
	    conf->database, conf->lifetime_s, conf->renew_s, conf->timeout_ms,
	    conf->rhost_env != NULL ? conf->rhost_env : "-",
	    (int)conf->key_style, conf->allow_gateway, conf->readers,
	    (unsigned)conf->mode, conf->sync, conf->strict, conf->debug,
	    conf->after_requisite);
	add_nets(text, size, &conf->exclude);
	add(text, size, " services%s:", conf->services == NULL ? "*" : "");
	add_words(text, size, conf->services, conf->service_count);
	add(text, size, " ports%s:", conf->peer_ports == NULL ? "*" : "");
	for (size_t i = 0; i < conf->peer_port_count; i++)
		add(text, size, " %d", conf->peer_ports[i]);
	describe_users(conf, text, size);
	describe_daemon(conf, text, size);
	describe_lookup(conf, text, size);
}

#define USERS " only*: and*: deny*: anonymous=0"

#define DAEMON                                                                   \
	" servers*: fallback=0 socket=/run/drac/dracd.sock "                     \
	"listen: 127.0.0.1@0 ::1@0 port=0 allow: "                               \
	"file=/etc/mail/dracd.allow users*: any=0 insecure=0 sweep=10 user=drac" \
	" bits=32/128"                                                           \
	" lookup: /run/drac/lookup.sock"

#define DEFAULTS                                                                \
	"/var/lib/drac/dracd.db life=1800 renew=10 timeout=1000 env=- "         \
	"style=0 gateway=0 readers=7 mode=600 sync=1 strict=0 debug=0 after=0 " \
	"nets: services*: ports*:" USERS DAEMON

static void
check_is(const struct drac_conf *conf, const char *expected, const char *row)
{
	char text[1024];

	describe(conf, text, sizeof text);
	if (strcmp(text, expected) != 0)
		printf("  [%s]\n  got      %s\n  expected %s\n", row, text,
		    expected);
	CHECK_ROW(strcmp(text, expected) == 0, row);
}

/* The defaults, one part of them replaced. */
static void
replace(char *text, size_t size, const char *from, const char *to)
{
	const char *at = strstr(DEFAULTS, from);

	if (at == NULL)
		abort();
	snprintf(text, size, "%.*s%s%s", (int)(at - DEFAULTS), DEFAULTS, to,
	    at + strlen(from));
}

static void
init_gives_defaults(void)
{
	struct drac_conf conf;

	init(&conf);
	check_is(&conf, DEFAULTS, "init");
	CHECK(conf.given == 0 && conf.by_argument == 0);
	CHECK(drac_conf_check(&conf, NULL) == 0);
	drac_conf_free(&conf);
	CHECK(conf.database == NULL);
	drac_conf_free(&conf);
}

/* One row per key, in the order of the table: a value other than the
 * default, and what it changes. */
static const struct {
	const char *key, *value, *from, *to;
} flips[] = {
	{ "database", "/srv/a b#c/x.db", "/var/lib/drac/dracd.db",
	    "/srv/a b#c/x.db" },
	{ "lifetime", "2h", "life=1800", "life=7200" },
	{ "renew", "0", "renew=10", "renew=0" },
	{ "timeout", "250ms", "timeout=1000", "timeout=250" },
	{ "exclude", "192.0.2.0/24, 2001:db8::1 198.51.100.9",
	    "nets:", "nets: 192.0.2.0/24 2001:db8::1/128 198.51.100.9/32" },
	{ "allow_gateway", "yes", "gateway=0", "gateway=1" },
	{ "prefix4", "24", "bits=32/128", "bits=24/128" },
	{ "prefix6", "64", "bits=32/128", "bits=32/64" },
	{ "services", "dovecot, pop3 imap",
	    "services*:", "services: dovecot pop3 imap" },
	{ "users", "alice, bob@example.org",
	    "only*:", "only: alice bob@example.org" },
	{ "deny_users", "eve Mallory", "deny*:", "deny: eve Mallory" },
	{ "anonymous_reports", "yes", "anonymous=0", "anonymous=1" },
	{ "peer", "port:110,143,993 , 65535",
	    "ports*:", "ports: 110 143 993 65535" },
	{ "rhost_env", "TCPREMOTEIP", "env=-", "env=TCPREMOTEIP" },
	{ "key_style", "both", "style=0", "style=4" },
	{ "readers", "exim, sendmail", "readers=7", "readers=6" },
	{ "mode", "0644", "mode=600", "mode=644" },
	{ "sync", "no", "sync=1", "sync=0" },
	{ "strict", "yes", "strict=0", "strict=1" },
	{ "debug", "yes", "debug=0", "debug=1" },
	{ "server", "local, 192.0.2.1:700 [2001:db8::1]:700 pop.example.org",
	    "servers*:",
	    "servers: local>-@0 192.0.2.1:700>192.0.2.1@700 "
	    "[2001:db8::1]:700>2001:db8::1@700 "
	    "pop.example.org>pop.example.org@0" },
	{ "fallback", "direct", "fallback=0", "fallback=1" },
	{ "socket", "/run/x", "socket=/run/drac/dracd.sock", "socket=/run/x" },
	{ "listen", "loopback:700, 192.0.2.1 [2001:db8::1]:800",
	    "listen: 127.0.0.1@0 ::1@0",
	    "listen: 127.0.0.1@700 ::1@700 192.0.2.1@0 2001:db8::1@800" },
	{ "port", "900", "port=0", "port=900" },
	{ "allow", "192.0.2.0/24, 2001:db8::/32",
	    "allow:", "allow: 192.0.2.0/24 2001:db8::/32" },
	{ "allow_file", "/etc/a", "file=/etc/mail/dracd.allow", "file=/etc/a" },
	{ "allow_users", "cyrus, mail", "users*:", "users: cyrus mail" },
	{ "insecure_local", "yes", "insecure=0", "insecure=1" },
	{ "sweep_interval", "1m", "sweep=10", "sweep=60" },
	{ "lookup", "/run/l, 127.0.0.1:7777 [::1]:7778",
	    "lookup: /run/drac/lookup.sock",
	    "lookup: /run/l 127.0.0.1@7777 ::1@7778" },
	{ "user", "mail", "user=drac", "user=mail" },
	{ "after_requisite", "yes", "after=0", "after=1" },
};

static void
flip(size_t i, bool by_file)
{
	struct drac_conf conf;
	struct drac_why why = { "" };
	struct told told;
	char text[256], expected[1024];
	int answer;

	bool narrowed = !by_file && strcmp(flips[i].key, "users") == 0;

	snprintf(text, sizeof text, "%s=%s", flips[i].key, flips[i].value);
	replace(expected, sizeof expected, narrowed ? "and*:" : flips[i].from,
	    narrowed ? "and: alice bob@example.org" : flips[i].to);
	init(&conf);
	if (by_file)
		answer = parse(&conf, text, strlen(text), &told);
	else
		answer = drac_conf_argument(&conf, text, &why);
	CHECK_ROW(answer == 0, text);
	CHECK_ROW(conf.given == UINT64_C(1) << i, text);
	CHECK_ROW(conf.by_argument == (by_file ? 0 : UINT64_C(1) << i), text);
	check_is(&conf, expected, text);
	drac_conf_free(&conf);
}

static void
flips_every_key(void)
{
	size_t count;
	const struct drac_conf_key *keys = drac_conf_keys(&count);

	CHECK(count == COUNT(flips));
	for (size_t i = 0; i < count && i < COUNT(flips); i++) {
		CHECK_ROW(strcmp(keys[i].name, flips[i].key) == 0,
		    keys[i].name);
		if (!keys[i].file_only)
			flip(i, false);
		if (!keys[i].argument_only)
			flip(i, true);
	}
}

static void
bare_word_is_yes_for_flags_alone(void)
{
	size_t count;
	const struct drac_conf_key *keys = drac_conf_keys(&count);

	for (size_t i = 0; i < count; i++) {
		struct drac_conf conf;
		struct drac_why why = { "" };
		char sentence[64], expected[1024];
		bool good;

		init(&conf);
		snprintf(sentence, sizeof sentence, "%s: no value",
		    keys[i].name);
		replace(expected, sizeof expected, flips[i].from, flips[i].to);
		if (strcmp(keys[i].fallback, "yes") == 0 || !keys[i].flag)
			snprintf(expected, sizeof expected, "%s", DEFAULTS);
		if (keys[i].file_only) {
			snprintf(sentence, sizeof sentence,
			    "%s: for the file only", keys[i].name);
			snprintf(expected, sizeof expected, "%s", DEFAULTS);
		}
		good = keys[i].flag && !keys[i].file_only;
		CHECK_ROW(drac_conf_argument(&conf, keys[i].name, &why) ==
			      (good ? 0 : -1),
		    keys[i].name);
		CHECK_ROW(good || strcmp(why.text, sentence) == 0,
		    keys[i].name);
		check_is(&conf, expected, keys[i].name);
		drac_conf_free(&conf);
	}
}

static void
value_accepts(void)
{
	static const struct {
		const char *text, *from, *to;
	} rows[] = {
		{ "lifetime=1s", "life=1800", "life=1" },
		{ "lifetime=365d", "life=1800", "life=31536000" },
		{ "lifetime=90000ms", "life=1800", "life=90" },
		{ "lifetime=45", "life=1800", "life=45" },
		{ "renew=29m", "renew=10", "renew=1740" },
		{ "timeout=10ms", "timeout=1000", "timeout=10" },
		{ "timeout=60s", "timeout=1000", "timeout=60000" },
		{ "timeout=1m", "timeout=1000", "timeout=60000" },
		{ "timeout=2", "timeout=1000", "timeout=2000" },
		{ "exclude=", "nets:", "nets:" },
		{ "exclude=::ffff:192.0.2.7", "nets:", "nets: 192.0.2.7/32" },
		{ "exclude=0.0.0.0/0,::/0", "nets:", "nets: 0.0.0.0/0 ::/0" },
		{ "services=", "nets:", "nets:" },
		{ "services=x", "services*:", "services: x" },
		{ "services=a\tb", "services*:", "services: a b" },
		{ "peer=", "nets:", "nets:" },
		{ "peer=port:1", "ports*:", "ports: 1" },
		{ "peer=port: 110 143", "ports*:", "ports: 110 143" },
		{ "rhost_env=", "nets:", "nets:" },
		{ "rhost_env=_A9", "env=-", "env=_A9" },
		{ "key_style=plain", "style=0", "style=0" },
		{ "key_style=nul", "style=0", "style=1" },
		{ "key_style=cidr", "style=0", "style=2" },
		{ "key_style=sendmail", "style=0", "style=3" },
		{ "mode=600", "mode=600", "mode=600" },
		{ "mode=604", "mode=600", "mode=604" },
		{ "mode=0604", "mode=600", "mode=604" },
		{ "mode=640", "mode=600", "mode=640" },
		{ "mode=0640", "mode=600", "mode=640" },
		{ "mode=0644", "mode=600", "mode=644" },
		{ "strict = yes", "strict=0", "strict=1" },
		{ "server=", "nets:", "nets:" },
		{ "server=local", "servers*:", "servers: local>-@0" },
		{ "server=192.0.2.1",
		    "servers*:", "servers: 192.0.2.1>192.0.2.1@0" },
		{ "server=192.0.2.1:1",
		    "servers*:", "servers: 192.0.2.1:1>192.0.2.1@1" },
		{ "server=127.0.0.1:65535",
		    "servers*:", "servers: 127.0.0.1:65535>127.0.0.1@65535" },
		{ "server=2001:db8::1",
		    "servers*:", "servers: 2001:db8::1>2001:db8::1@0" },
		{ "server=[2001:db8::1]",
		    "servers*:", "servers: [2001:db8::1]>2001:db8::1@0" },
		{ "server=::1", "servers*:", "servers: ::1>::1@0" },
		{ "server=pop-1.example.org:700", "servers*:",
		    "servers: pop-1.example.org:700>"
		    "pop-1.example.org@700" },
		{ "fallback=none", "nets:", "nets:" },
		{ "listen=", "listen: 127.0.0.1@0 ::1@0", "listen*:" },
		{ "listen=loopback", "nets:", "nets:" },
		{ "listen=any", "listen: 127.0.0.1@0 ::1@0",
		    "listen: 0.0.0.0@0 ::@0" },
		{ "listen=any:700", "listen: 127.0.0.1@0 ::1@0",
		    "listen: 0.0.0.0@700 ::@700" },
		{ "listen=0.0.0.0", "listen: 127.0.0.1@0 ::1@0",
		    "listen: 0.0.0.0@0" },
		{ "listen=[::]:700", "listen: 127.0.0.1@0 ::1@0",
		    "listen: ::@700" },
		{ "listen=::", "listen: 127.0.0.1@0 ::1@0", "listen: ::@0" },
		{ "listen=::ffff:192.0.2.1", "listen: 127.0.0.1@0 ::1@0",
		    "listen: 192.0.2.1@0" },
		{ "listen=192.0.2.1:700,192.0.2.1:701",
		    "listen: 127.0.0.1@0 ::1@0",
		    "listen: 192.0.2.1@700 192.0.2.1@701" },
		{ "port=0", "nets:", "nets:" },
		{ "port=65535", "port=0", "port=65535" },
		{ "allow=", "nets:", "nets:" },
		{ "allow=192.0.2.7", "allow:", "allow: 192.0.2.7/32" },
		{ "allow_file=", "file=/etc/mail/dracd.allow", "file=-" },
		{ "allow_users=", "nets:", "nets:" },
		{ "allow_users=a", "users*:", "users: a" },
		{ "allow_users=any", "any=0", "any=1" },
		{ "allow_users=a,any,b", "any=0", "any=1" },
		{ "allow_users=anyone", "users*:", "users: anyone" },
		{ "prefix4=8", "bits=32/128", "bits=8/128" },
		{ "prefix4=32", "nets:", "nets:" },
		{ "prefix6=32", "bits=32/128", "bits=32/32" },
		{ "prefix6=128", "nets:", "nets:" },
		{ "sweep_interval=1s", "sweep=10", "sweep=1" },
		{ "sweep_interval=1h", "sweep=10", "sweep=3600" },
		{ "lookup=", "lookup: /run/drac/lookup.sock", "lookup*:" },
		{ "lookup=127.1.2.3:1", "lookup: /run/drac/lookup.sock",
		    "lookup: 127.1.2.3@1" },
		{ "lookup=/a /b,/c /d /e,/f /g /h",
		    "lookup: /run/drac/lookup.sock",
		    "lookup: /a /b /c /d /e /f /g /h" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_conf conf;
		struct drac_why why;
		char expected[1024];

		init(&conf);
		replace(expected, sizeof expected, rows[i].from, rows[i].to);
		CHECK_ROW(drac_conf_argument(&conf, rows[i].text, &why) == 0,
		    rows[i].text);
		check_is(&conf, expected, rows[i].text);
		drac_conf_free(&conf);
	}
}

#define NO_SERVER "server: not local, HOST or HOST:PORT: "
#define NO_LOOKUP "lookup: not an absolute path or a loopback ADDRESS:PORT: "
#define NO_LISTEN "listen: not loopback, any, ADDRESS or ADDRESS:PORT: "

static void
value_refuses(void)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "no key before '='" },
		{ "=", "no key before '='" },
		{ "=30m", "no key before '='" },
		{ "lifetme=30m", "lifetme: unknown key" },
		{ "Lifetime=30m", "Lifetime: unknown key" },
		{ "life", "life: unknown key" },
		{ "lifetimes=1", "lifetimes: unknown key" },
		{ "life time=1", "life: unknown key" },
		{ "conf=/etc/x", "conf: unknown key" },
		{ "servers=local", "servers: unknown key" },
		{ "nodebug", "nodebug: unknown key" },
		{ "lifetime 30m", "lifetime: no '=' after it" },
		{ "strict yes", "strict: no '=' after it" },
		{ "lifetime=", "lifetime: no value" },
		{ "lifetime==30m", "lifetime: not a duration: =30m" },
		{ "lifetime=30x", "lifetime: not a duration: 30x" },
		{ "lifetime=m", "lifetime: not a duration: m" },
		{ "lifetime=-5m", "lifetime: not a duration: -5m" },
		{ "lifetime=+5m", "lifetime: not a duration: +5m" },
		{ "lifetime=1.5h", "lifetime: not a duration: 1.5h" },
		{ "lifetime=0x10", "lifetime: not a duration: 0x10" },
		{ "lifetime=30 m", "lifetime: not a duration: 30 m" },
		{ "lifetime=30M", "lifetime: not a duration: 30M" },
		{ "lifetime=1h30m", "lifetime: not a duration: 1h30m" },
		{ "lifetime=30m ", "lifetime: not a duration: 30m " },
		{ "lifetime=99999999999999999999",
		    "lifetime: not a duration: 99999999999999999999" },
		{ "lifetime=0", "lifetime: not 1s to 365d: 0" },
		{ "lifetime=366d", "lifetime: not 1s to 365d: 366d" },
		{ "lifetime=4294967297s",
		    "lifetime: not 1s to 365d: 4294967297s" },
		{ "lifetime=1500ms", "lifetime: not whole seconds: 1500ms" },
		{ "renew=x", "renew: not a duration: x" },
		{ "renew=999ms", "renew: not whole seconds: 999ms" },
		{ "renew=366d", "renew: not 0s to 365d: 366d" },
		{ "timeout=x", "timeout: not a duration: x" },
		{ "timeout=0", "timeout: not 10ms to 60s: 0" },
		{ "timeout=9ms", "timeout: not 10ms to 60s: 9ms" },
		{ "timeout=60001ms", "timeout: not 10ms to 60s: 60001ms" },
		{ "timeout=100", "timeout: not 10ms to 60s: 100" },
		{ "database=", "database: no value" },
		{ "database=dracd.db",
		    "database: not an absolute path: dracd.db" },
		{ "database=./x", "database: not an absolute path: ./x" },
		{ "database=/var/lib/", "database: not the path of a file: "
					"/var/lib/" },
		{ "database=/", "database: not the path of a file: /" },
		{ "exclude=localhost", "exclude: not a network: localhost" },
		{ "exclude=192.0.2.1/24",
		    "exclude: bits set after the prefix: 192.0.2.1/24" },
		{ "exclude=192.0.2.0/24,010.0.0.1",
		    "exclude: not a network: 010.0.0.1" },
		{ "exclude=192.0.2.7,,192.0.2.8",
		    "exclude: a comma without a word: 192.0.2.7,,192.0.2.8" },
		{ "exclude=,192.0.2.8",
		    "exclude: a comma without a word: ,192.0.2.8" },
		{ "exclude=192.0.2.8 ,",
		    "exclude: a comma without a word: 192.0.2.8 ," },
		{ "exclude=,", "exclude: a comma without a word: ," },
		{ "exclude=192.0.2.7;192.0.2.8",
		    "exclude: not a network: 192.0.2.7;192.0.2.8" },
		{ "services=a,/etc/passwd",
		    "services: not the name of a PAM service: /etc/passwd" },
		{ "services=a,", "services: a comma without a word: a," },
		{ "users=alice,", "users: a comma without a word: alice," },
		{ "users=@example.org",
		    "users: not the name of a user: @example.org" },
		{ "deny_users=alice,users/x",
		    "deny_users: not the name of a user: users/x" },
		{ "deny_users=/nonexistent/names",
		    "deny_users: /nonexistent/names: No such file or "
		    "directory" },
		{ "users=/dev/null", "users: /dev/null: not a regular file" },
		{ "anonymous_reports=yes",
		    "anonymous_reports: for the file only" },
		{ "peer=110", "peer: not port:NUMBER,NUMBER...: 110" },
		{ "peer=Port:110",
		    "peer: not port:NUMBER,NUMBER...: Port:110" },
		{ "peer=port:", "peer: no port after it: port:" },
		{ "peer=port: ", "peer: no port after it: port: " },
		{ "peer=port:0", "peer: not a port: 0" },
		{ "peer=port:65536", "peer: not a port: 65536" },
		{ "peer=port:110,x", "peer: not a port: x" },
		{ "peer=port:110-143", "peer: not a port: 110-143" },
		{ "peer=port:-1", "peer: not a port: -1" },
		{ "peer=port:110,", "peer: a comma without a word: 110," },
		{ "peer=port: ,110", "peer: a comma without a word:  ,110" },
		{ "rhost_env=9A",
		    "rhost_env: not a variable name (A-Z, 0-9 and _): 9A" },
		{ "rhost_env=a",
		    "rhost_env: not a variable name (A-Z, 0-9 and _): a" },
		{ "rhost_env=A B",
		    "rhost_env: not a variable name (A-Z, 0-9 and _): A B" },
		{ "rhost_env=A=B",
		    "rhost_env: not a variable name (A-Z, 0-9 and _): A=B" },
		{ "readers=", "readers: no value" },
		{ "readers=Postfix",
		    "readers: not postfix, sendmail or exim: Postfix" },
		{ "readers=exim,qmail",
		    "readers: not postfix, sendmail or exim: qmail" },
		{ "readers=exim exim", "readers: named twice: exim" },
		{ "key_style=", "key_style: no value" },
		{ "key_style=Plain",
		    "key_style: not plain, nul, cidr, sendmail or both: "
		    "Plain" },
		{ "key_style=plain,nul",
		    "key_style: not plain, nul, cidr, sendmail or both: "
		    "plain,nul" },
		{ "mode=", "mode: no value" },
		{ "mode=0666", "mode: not 0600, 0604, 0640 or 0644: 0666" },
		{ "mode=0660", "mode: not 0600, 0604, 0640 or 0644: 0660" },
		{ "mode=0755", "mode: not 0600, 0604, 0640 or 0644: 0755" },
		{ "mode=0400", "mode: not 0600, 0604, 0640 or 0644: 0400" },
		{ "mode=0044", "mode: not 0600, 0604, 0640 or 0644: 0044" },
		{ "mode=4644", "mode: not 0600, 0604, 0640 or 0644: 4644" },
		{ "mode=00644", "mode: not 0600, 0604, 0640 or 0644: 00644" },
		{ "mode=rw", "mode: not 0600, 0604, 0640 or 0644: rw" },
		{ "sync=1", "sync: not yes or no: 1" },
		{ "sync=Yes", "sync: not yes or no: Yes" },
		{ "strict=true", "strict: not yes or no: true" },
		{ "debug=", "debug: no value" },
		{ "after_requisite=maybe",
		    "after_requisite: not yes or no: maybe" },
		{ "strict=\x1b[2J\n\xc3\xa4", "strict: not yes or no: "
					      "?[2J???" },
		{ "\x1b[2J=1", "?[2J: unknown key" },
		{ "server=127.1", NO_SERVER "127.1" },
		{ "server=010.0.0.1", NO_SERVER "010.0.0.1" },
		{ "server=192.0.2.1:0", NO_SERVER "192.0.2.1:0" },
		{ "server=192.0.2.1:65536", NO_SERVER "192.0.2.1:65536" },
		{ "server=192.0.2.1:", NO_SERVER "192.0.2.1:" },
		{ "server=192.0.2.1:x", NO_SERVER "192.0.2.1:x" },
		{ "server=192.0.2.1:-1", NO_SERVER "192.0.2.1:-1" },
		{ "server=192.0.2.1:7:8", NO_SERVER "192.0.2.1:7:8" },
		{ "server=[192.0.2.1]:700", NO_SERVER "[192.0.2.1]:700" },
		{ "server=[2001:db8::1", NO_SERVER "[2001:db8::1" },
		{ "server=[2001:db8::1]700", NO_SERVER "[2001:db8::1]700" },
		{ "server=[2001:db8::1]:0", NO_SERVER "[2001:db8::1]:0" },
		{ "server=[]:700", NO_SERVER "[]:700" },
		{ "server=:700", NO_SERVER ":700" },
		{ "server=2001:db8::g", NO_SERVER "2001:db8::g" },
		{ "server=fe80::1%eth0", NO_SERVER "fe80::1%eth0" },
		{ "server=fe80::1", NO_SERVER "fe80::1" },
		{ "server=224.0.0.1", NO_SERVER "224.0.0.1" },
		{ "server=0.0.0.0", NO_SERVER "0.0.0.0" },
		{ "server=255.255.255.255", NO_SERVER "255.255.255.255" },
		{ "server=local:700", NO_SERVER "local:700" },
		{ "server=a/b", NO_SERVER "a/b" },
		{ "server=a_b!", NO_SERVER "a_b!" },
		{ "server=192.0.2.0/24", NO_SERVER "192.0.2.0/24" },
		{ "server=local,,192.0.2.1",
		    "server: a comma without a word: local,,192.0.2.1" },
		{ "server=local,", "server: a comma without a word: local," },
		{ "server=local 192.0.2.1 local",
		    "server: named twice: local" },
		{ "server=a.example.org,a.example.org:7,a.example.org",
		    "server: named twice: a.example.org" },
		{ "server=a b c d e f g h i j k l m n o p q",
		    "server: more than 16 servers: q" },
		{ "fallback=", "fallback: no value" },
		{ "fallback=yes", "fallback: not none or direct: yes" },
		{ "fallback=Direct", "fallback: not none or direct: Direct" },
		{ "socket=", "socket: no value" },
		{ "socket=dracd.sock",
		    "socket: not an absolute path: dracd.sock" },
		{ "socket=@dracd", "socket: not an absolute path: @dracd" },
		{ "socket=/run/", "socket: not the path of a file: /run/" },
		{ "listen=127.1", NO_LISTEN "127.1" },
		{ "listen=localhost", NO_LISTEN "localhost" },
		{ "listen=all", NO_LISTEN "all" },
		{ "listen=LOOPBACK", NO_LISTEN "LOOPBACK" },
		{ "listen=224.0.0.1", NO_LISTEN "224.0.0.1" },
		{ "listen=ff02::1", NO_LISTEN "ff02::1" },
		{ "listen=fe80::1", NO_LISTEN "fe80::1" },
		{ "listen=fe80::1%eth0", NO_LISTEN "fe80::1%eth0" },
		{ "listen=0.0.0.7", NO_LISTEN "0.0.0.7" },
		{ "listen=255.255.255.255", NO_LISTEN "255.255.255.255" },
		{ "listen=192.0.2.0/24", NO_LISTEN "192.0.2.0/24" },
		{ "listen=192.0.2.1:0", NO_LISTEN "192.0.2.1:0" },
		{ "listen=192.0.2.1:65536", NO_LISTEN "192.0.2.1:65536" },
		{ "listen=loopback:", NO_LISTEN "loopback:" },
		{ "listen=any:x", NO_LISTEN "any:x" },
		{ "listen=[any]:700", NO_LISTEN "[any]:700" },
		{ "listen=[192.0.2.1]:700", NO_LISTEN "[192.0.2.1]:700" },
		{ "listen=[::1]700", NO_LISTEN "[::1]700" },
		{ "listen=:700", NO_LISTEN ":700" },
		{ "listen=2001:db8::1]:7", NO_LISTEN "2001:db8::1]:7" },
		{ "listen=loopback,", "listen: a comma without a word: "
				      "loopback," },
		{ "listen=loopback 127.0.0.1",
		    "listen: named twice: 127.0.0.1" },
		{ "listen=::ffff:192.0.2.1,192.0.2.1",
		    "listen: named twice: 192.0.2.1" },
		{ "listen=::,any:7,any", "listen: named twice: any" },
		{ "port=", "port: no value" },
		{ "port=65536", "port: not a port: 65536" },
		{ "port=-1", "port: not a port: -1" },
		{ "port=http", "port: not a port: http" },
		{ "port=700,701", "port: not a port: 700,701" },
		{ "port=99999999999999999999",
		    "port: not a port: 99999999999999999999" },
		{ "allow=192.0.2.1/24",
		    "allow: bits set after the prefix: 192.0.2.1/24" },
		{ "allow=192.0.2.7,pop.example.org",
		    "allow: not a network: pop.example.org" },
		{ "allow=192.0.2.0/255.255.255.0",
		    "allow: not a network: 192.0.2.0/255.255.255.0" },
		{ "allow=,", "allow: a comma without a word: ," },
		{ "allow_file=x", "allow_file: not an absolute path: x" },
		{ "allow_file=/etc/",
		    "allow_file: not the path of a file: /etc/" },
		{ "allow_users=a,b/c",
		    "allow_users: not the name of a user: b/c" },
		{ "allow_users=a,,b",
		    "allow_users: a comma without a word: a,,b" },
		{ "insecure_local=1", "insecure_local: not yes or no: 1" },
		{ "insecure_local=", "insecure_local: no value" },
		{ "prefix4=7", "prefix4: not 8 to 32: 7" },
		{ "prefix4=33", "prefix4: not 8 to 32: 33" },
		{ "prefix4=/24", "prefix4: not 8 to 32: /24" },
		{ "prefix4=", "prefix4: no value" },
		{ "prefix6=31", "prefix6: not 32 to 128: 31" },
		{ "prefix6=129", "prefix6: not 32 to 128: 129" },
		{ "prefix6=64 ", "prefix6: not 32 to 128: 64 " },
		{ "sweep_interval=x", "sweep_interval: not a duration: x" },
		{ "sweep_interval=0", "sweep_interval: not 1s to 1h: 0" },
		{ "sweep_interval=3601", "sweep_interval: not 1s to 1h: 3601" },
		{ "sweep_interval=366d", "sweep_interval: not 1s to 1h: 366d" },
		{ "sweep_interval=999ms",
		    "sweep_interval: not whole seconds: 999ms" },
		{ "lookup=x", NO_LOOKUP "x" },
		{ "lookup=loopback:7777", NO_LOOKUP "loopback:7777" },
		{ "lookup=127.0.0.1", NO_LOOKUP "127.0.0.1" },
		{ "lookup=127.0.0.1:0", NO_LOOKUP "127.0.0.1:0" },
		{ "lookup=::1", NO_LOOKUP "::1" },
		{ "lookup=192.0.2.1:7777",
		    "lookup: not a loopback address: 192.0.2.1:7777" },
		{ "lookup=/a,0.0.0.0:7777",
		    "lookup: not a loopback address: 0.0.0.0:7777" },
		{ "lookup=[::]:7777",
		    "lookup: not a loopback address: [::]:7777" },
		{ "lookup=/run/", "lookup: not the path of a file: /run/" },
		{ "lookup=/a,/b,/a", "lookup: named twice: /a" },
		{ "lookup=127.0.0.1:7,[::ffff:127.0.0.1]:7",
		    "lookup: named twice: [::ffff:127.0.0.1]:7" },
		{ "lookup=/a /b /c /d /e /f /g /h /i",
		    "lookup: more than 8 sockets: /i" },
		{ "lookup=/a,,/b", "lookup: a comma without a word: /a,,/b" },
		{ "user=", "user: no value" },
		{ "user=a b", "user: not the name of a user: a b" },
		{ "user=a,b", "user: not the name of a user: a,b" },
		{ "user=/a", "user: not the name of a user: /a" },
		{ "user=a:b", "user: not the name of a user: a:b" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_conf conf;
		struct drac_why why = { "" };

		init(&conf);
		errno = 0;
		CHECK_ROW(drac_conf_argument(&conf, rows[i].text, &why) == -1,
		    rows[i].text);
		CHECK_ROW(errno == EINVAL, rows[i].text);
		CHECK_ROW(strcmp(why.text, rows[i].why) == 0, why.text);
		CHECK_ROW(conf.given == 0, rows[i].text);
		check_is(&conf, DEFAULTS, rows[i].text);
		drac_conf_free(&conf);
	}
}

static void
long_value_is_cut_in_the_sentence(void)
{
	struct drac_conf conf;
	struct drac_why why;
	char text[PATH_MAX + 64] = "database=/";

	memset(text + 10, 'x', sizeof text - 11);
	text[sizeof text - 1] = '\0';
	init(&conf);
	CHECK(drac_conf_argument(&conf, text, &why) == -1);
	CHECK(strncmp(why.text, "database: path too long: /xxx", 29) == 0);
	CHECK(strlen(why.text) < 200);
	text[9 + PATH_MAX - 1] = '\0'; /* the longest there is */
	drac_conf_free(&conf);
	init(&conf);
	CHECK(drac_conf_argument(&conf, text, &why) == 0);
	CHECK(strlen(conf.database) == PATH_MAX - 1);
	drac_conf_free(&conf);
}

static void
duration_parses(void)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} rows[] = {
		{ "0", 0 },
		{ "0ms", 0 },
		{ "7", 7000 },
		{ "1ms", 1 },
		{ "90s", 90000 },
		{ "30m", 1800000 },
		{ "1h", 3600000 },
		{ "365d", 31536000000 },
		{ "1000000d", 86400000000000 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t ms = 77;

		CHECK_ROW(drac_duration_parse(rows[i].text, &ms) == 0,
		    rows[i].text);
		CHECK_ROW(ms == rows[i].ms, rows[i].text);
	}
}

static void
duration_refuses(void)
{
	static const char *const rows[] = { "", " ", "s", "ms", "-1", "+1",
		"1 s", " 1", "1 ", "1S", "1sec", "1min", "1w", "1y", "1.5",
		"1e3", "0x1", "1h30m", "1,000", "18446744073709551616",
		"18446744073709551616ms", "213503982335d",
		"99999999999999999999999999999999999d" };

	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t ms = 77;

		errno = 0;
		CHECK_ROW(drac_duration_parse(rows[i], &ms) == -1, rows[i]);
		CHECK_ROW(errno == EINVAL && ms == 77, rows[i]);
	}
}

static void
check_wants_renew_below_lifetime(void)
{
	static const struct {
		const char *first, *second;
		int answer;
	} rows[] = {
		{ "lifetime=5s", "renew=1s", 0 },
		{ "renew=1s", "lifetime=5s", 0 },
		{ "lifetime=11s", "debug", 0 },
		{ "lifetime=10s", "debug", -1 },
		{ "renew=30m", "debug", -1 },
		{ "renew=1h", "lifetime=2h", 0 },
		{ "lifetime=1s", "renew=0", 0 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_conf conf;
		struct drac_why why = { "" };

		init(&conf);
		CHECK(drac_conf_argument(&conf, rows[i].first, &why) == 0);
		CHECK(drac_conf_argument(&conf, rows[i].second, &why) == 0);
		CHECK_ROW(drac_conf_check(&conf, &why) == rows[i].answer,
		    rows[i].first);
		drac_conf_free(&conf);
	}
}

static void
check_says_both_values(void)
{
	struct drac_conf conf;
	struct drac_why why = { "" };

	init(&conf);
	CHECK(drac_conf_argument(&conf, "lifetime=5", &why) == 0);
	errno = 0;
	CHECK(drac_conf_check(&conf, &why) == -1 && errno == EINVAL);
	CHECK_ROW(strcmp(why.text,
		      "renew: not shorter than lifetime (5s): 10s") == 0,
	    why.text);
	drac_conf_free(&conf);
}

static void
check_wants_another_socket_for_lookups(void)
{
	struct drac_conf conf;
	struct drac_why why = { "" };

	init(&conf);
	CHECK(drac_conf_argument(&conf, "lookup=/a,/run/s", &why) == 0);
	CHECK(drac_conf_check(&conf, &why) == 0);
	CHECK(drac_conf_argument(&conf, "socket=/run/s", &why) == 0);
	errno = 0;
	CHECK(drac_conf_check(&conf, &why) == -1 && errno == EINVAL);
	CHECK_ROW(strcmp(why.text, "lookup: is the local socket: /run/s") == 0,
	    why.text);
	drac_conf_free(&conf);
}

static void
given_is_what_the_user_has_set(void)
{
	struct drac_conf conf;
	struct drac_why why = { "" };

	init(&conf);
	CHECK(!drac_conf_is_given(&conf, "lookup"));
	CHECK(drac_conf_argument(&conf, "lookup=x", &why) == -1);
	CHECK(!drac_conf_is_given(&conf, "lookup"));
	CHECK(drac_conf_argument(&conf, "lookup=", &why) == 0);
	CHECK(drac_conf_is_given(&conf, "lookup"));
	CHECK(!drac_conf_is_given(&conf, "listen"));
	CHECK(!drac_conf_is_given(&conf, "no such key"));
	drac_conf_free(&conf);
}

static void
argument_refuses_second_value(void)
{
	struct drac_conf conf;
	struct drac_why why = { "" };

	init(&conf);
	CHECK(drac_conf_argument(&conf, "lifetime=1h", &why) == 0);
	CHECK(drac_conf_argument(&conf, "lifetime=2h", &why) == -1);
	CHECK(errno == EINVAL);
	CHECK_ROW(strcmp(why.text, "lifetime: given twice") == 0, why.text);
	CHECK(drac_conf_argument(&conf, "debug", NULL) == 0);
	CHECK(drac_conf_argument(&conf, "debug", NULL) == -1);
	CHECK(conf.lifetime_s == 3600);
	drac_conf_free(&conf);
}

static void
argument_overrides_file(void)
{
	static const char file[] = "lifetime = 1h\nservices = a b\nstrict\n"
				   "peer = port:110\nrhost_env = A\n"
				   "database = /a\nexclude = 192.0.2.1\n";
	struct drac_conf conf;
	struct told told;

	init(&conf);
	CHECK(parse(&conf, file, sizeof file - 1, &told) == 0);
	CHECK(drac_conf_argument(&conf, "lifetime=2h", NULL) == 0);
	CHECK(drac_conf_argument(&conf, "services=c", NULL) == 0);
	CHECK(drac_conf_argument(&conf, "strict=no", NULL) == 0);
	CHECK(drac_conf_argument(&conf, "peer=", NULL) == 0);
	CHECK(drac_conf_argument(&conf, "rhost_env=", NULL) == 0);
	CHECK(drac_conf_argument(&conf, "database=/b", NULL) == 0);
	check_is(&conf,
	    "/b life=7200 renew=10 timeout=1000 env=- style=0 gateway=0 readers=7 "
	    "mode=600 sync=1 strict=0 debug=0 after=0 nets: 192.0.2.1/32 services: c "
	    "ports*:" USERS DAEMON,
	    "overridden");
	drac_conf_free(&conf);
}

/* Three lines of each repeatable key, then four arguments, the second of
 * which is bad at its end and leaves nothing behind. */
static const struct {
	const char *key, *file[3], *argument[4], *from, *by_file, *by_argument;
} repeatable[] = {
	{ .key = "exclude",
	    .file = { "192.0.2.1, 192.0.2.2", "192.0.2.3", "" },
	    .argument = { "198.51.100.1", "198.51.100.2,x", "198.51.100.3",
		"" },
	    .from = "nets:",
	    .by_file = "nets: 192.0.2.1/32 192.0.2.2/32 192.0.2.3/32",
	    .by_argument = "nets: 192.0.2.1/32 192.0.2.2/32 192.0.2.3/32 "
			   "198.51.100.1/32 198.51.100.3/32" },
	{ .key = "users",
	    .file = { "alice, bob", "", "carol" },
	    .argument = { "alice", "dave,x/y", "", "carol" },
	    .from = "only*: and*:",
	    .by_file = "only: alice bob carol and*:",
	    .by_argument = "only: alice bob carol and: alice carol" },
	{ .key = "deny_users",
	    .file = { "", "alice", "bob" },
	    .argument = { "carol", "dave,@admins", "", "eve" },
	    .from = "deny*:",
	    .by_file = "deny: alice bob",
	    .by_argument = "deny: alice bob carol eve" },
	{ .key = "server",
	    .file = { "", "local", "192.0.2.1:7 a" },
	    .argument = { "192.0.2.2", "192.0.2.3 192.0.2.4:0", "", "local" },
	    .from = "servers*:",
	    .by_file = "servers: local>-@0 192.0.2.1:7>192.0.2.1@7 a>a@0",
	    .by_argument = "servers: 192.0.2.2>192.0.2.2@0 local>-@0" },
	{ .key = "listen",
	    .file = { "192.0.2.1", "192.0.2.2:7", "::1" },
	    .argument = { "any", "192.0.2.3,224.0.0.1", "127.0.0.1:9", "" },
	    .from = "listen: 127.0.0.1@0 ::1@0",
	    .by_file = "listen: 192.0.2.1@0 192.0.2.2@7 ::1@0",
	    .by_argument = "listen: 0.0.0.0@0 ::@0 127.0.0.1@9" },
	{ .key = "allow",
	    .file = { "192.0.2.1", "", "2001:db8::/32" },
	    .argument = { "198.51.100.1", "198.51.100.2,x", "", "::1" },
	    .from = "allow:",
	    .by_file = "allow: 192.0.2.1/32 2001:db8::/32",
	    .by_argument = "allow: 198.51.100.1/32 ::1/128" },
	{ .key = "lookup",
	    .file = { "/a /b", "", "127.0.0.1:7" },
	    .argument = { "/c", "/d,127.0.0.1", "[::1]:7", "" },
	    .from = "lookup: /run/drac/lookup.sock",
	    .by_file = "lookup: /a /b 127.0.0.1@7",
	    .by_argument = "lookup: /c ::1@7" },
};

static void
repeat(size_t row)
{
	const char *key = repeatable[row].key;
	struct drac_conf conf;
	struct told told;
	char text[256] = "", expected[1024];

	init(&conf);
	for (size_t i = 0; i < 3; i++)
		add(text, sizeof text, "%s = %s\n", key,
		    repeatable[row].file[i]);
	CHECK_ROW(parse(&conf, text, strlen(text), &told) == 0, told.text);
	replace(expected, sizeof expected, repeatable[row].from,
	    repeatable[row].by_file);
	check_is(&conf, expected, key);
	for (size_t i = 0; i < 4; i++) {
		snprintf(text, sizeof text, "%s=%s", key,
		    repeatable[row].argument[i]);
		CHECK_ROW(drac_conf_argument(&conf, text, NULL) ==
			      (i == 1 ? -1 : 0),
		    text);
	}
	replace(expected, sizeof expected, repeatable[row].from,
	    repeatable[row].by_argument);
	check_is(&conf, expected, key);
	drac_conf_free(&conf);
}

static void
repeatable_adds_up_and_takes_arguments(void)
{
	size_t count, found = 0;
	const struct drac_conf_key *keys = drac_conf_keys(&count);

	for (size_t i = 0; i < count; i++)
		found += keys[i].repeatable;
	CHECK(found == COUNT(repeatable));
	for (size_t i = 0; i < COUNT(repeatable); i++)
		repeat(i);
}

static void
bad_replacement_keeps_what_was(void)
{
	static const struct {
		const char *good, *bad, *from, *to;
	} rows[] = {
		{ "exclude=192.0.2.1", "exclude=192.0.2.9,x",
		    "nets:", "nets: 192.0.2.1/32" },
		{ "services=a", "services=b,/c", "services*:", "services: a" },
		{ "users=a", "users=b,c/d", "only*:", "only: a" },
		{ "deny_users=a", "deny_users=b,/nonexistent/c",
		    "deny*:", "deny: a" },
		{ "peer=port:1", "peer=port:2,x", "ports*:", "ports: 1" },
		{ "server=local", "server=192.0.2.9,x!",
		    "servers*:", "servers: local>-@0" },
		{ "server=", "server=192.0.2.9,x!", "nets:", "nets:" },
		{ "listen=192.0.2.1", "listen=192.0.2.9,x",
		    "listen: 127.0.0.1@0 ::1@0", "listen: 192.0.2.1@0" },
		{ "listen=", "listen=192.0.2.9,x", "listen: 127.0.0.1@0 ::1@0",
		    "listen*:" },
		{ "allow=192.0.2.1", "allow=192.0.2.9,x",
		    "allow:", "allow: 192.0.2.1/32" },
		{ "allow_users=a", "allow_users=b,/c", "users*:", "users: a" },
		{ "allow_file=/a", "allow_file=b", "file=/etc/mail/dracd.allow",
		    "file=/a" },
		{ "socket=/a", "socket=/b/", "socket=/run/drac/dracd.sock",
		    "socket=/a" },
		{ "port=7", "port=65536", "port=0", "port=7" },
		{ "user=a", "user=b/", "user=drac", "user=a" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_conf conf;
		struct told told;
		char expected[1024];

		init(&conf);
		CHECK(parse(&conf, rows[i].good, strlen(rows[i].good), &told) ==
		      0);
		CHECK_ROW(drac_conf_argument(&conf, rows[i].bad, NULL) == -1,
		    rows[i].bad);
		replace(expected, sizeof expected, rows[i].from, rows[i].to);
		check_is(&conf, expected, rows[i].bad);
		drac_conf_free(&conf);
	}
}

/* A server list is NULL or has members, whatever was refused before. */
static void
bad_word_leaves_empty_list_null(void)
{
	static const char *const rows[] = { "server=", "server=192.0.2.9,a!",
		"server=192.0.2.9,", "server=a!" };
	struct drac_conf conf;

	init(&conf);
	for (size_t i = 0; i < COUNT(rows); i++) {
		CHECK_ROW(drac_conf_argument(&conf, rows[i], NULL) ==
			      (i == 0 ? 0 : -1),
		    rows[i]);
		check_is(&conf, DEFAULTS, rows[i]);
	}
	drac_conf_free(&conf);
}

/* One more a line until the list is full; the first ones stay. */
static void
lists_are_limited_line_by_line(void)
{
	static const struct {
		const char *key;
		unsigned most;
	} rows[] = { { "server", DRAC_SERVERS_MAX },
		{ "listen", DRAC_LISTEN_MAX } };

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_conf conf;
		char text[64];

		init(&conf);
		for (unsigned n = 1; n <= rows[i].most + 1; n++) {
			snprintf(text, sizeof text, "%s=192.0.2.%u",
			    rows[i].key, n);
			CHECK_ROW(drac_conf_argument(&conf, text, NULL) ==
				      (n <= rows[i].most ? 0 : -1),
			    text);
		}
		CHECK(conf.server_count == (i == 0 ? rows[i].most : 0));
		CHECK(conf.listen_count == (i == 1 ? rows[i].most : 2));
		drac_conf_free(&conf);
	}
}

/* sun_path has 108 octets, one of them for the NUL. */
static void
socket_fits_its_address(void)
{
	struct drac_conf conf;
	struct drac_why why;
	char text[] = "socket=/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		      "xxxxxxxx";

	CHECK(strlen(text) > 7 + 108);
	text[7 + 108] = '\0';
	init(&conf);
	CHECK(drac_conf_argument(&conf, text, &why) == -1);
	CHECK(strncmp(why.text, "socket: path too long: /xxx", 27) == 0);
	drac_conf_free(&conf);
	text[7 + 107] = '\0';
	init(&conf);
	CHECK(drac_conf_argument(&conf, text, &why) == 0);
	CHECK(strlen(conf.socket) == 107);
	drac_conf_free(&conf);
}

#define LITERAL(text) (text), sizeof(text) - 1

static void
text_parses(void)
{
	static const struct {
		const char *text;
		size_t len;
		const char *from, *to;
	} rows[] = {
		{ LITERAL(""), "nets:", "nets:" },
		{ LITERAL("\n\n \t\n"), "nets:", "nets:" },
		{ LITERAL("# lifetime = 1h\n  # x\n#"), "nets:", "nets:" },
		{ LITERAL("lifetime=1h"), "life=1800", "life=3600" },
		{ LITERAL("\t lifetime \t=\t 1h \t\n"), "life=1800",
		    "life=3600" },
		{ LITERAL("lifetime = 1h # one hour = 60m\n"), "life=1800",
		    "life=3600" },
		{ LITERAL("lifetime = 1h\t#\n"), "life=1800", "life=3600" },
		{ LITERAL("exclude = # none\n"), "nets:", "nets:" },
		{ LITERAL("strict # really\n"), "strict=0", "strict=1" },
		{ LITERAL("database = /a#b #c"), "/var/lib/drac/dracd.db",
		    "/a#b" },
		{ LITERAL("database = /a=b"), "/var/lib/drac/dracd.db",
		    "/a=b" },
		{ LITERAL("database = /\xc3\xa4"), "/var/lib/drac/dracd.db",
		    "/\xc3\xa4" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_conf conf;
		struct told told;
		char expected[1024];

		init(&conf);
		replace(expected, sizeof expected, rows[i].from, rows[i].to);
		CHECK_ROW(parse(&conf, rows[i].text, rows[i].len, &told) == 0,
		    rows[i].text);
		CHECK_ROW(told.count == 0, told.text);
		check_is(&conf, expected, rows[i].text);
		drac_conf_free(&conf);
	}
}

static void
text_refuses(void)
{
	static const struct {
		const char *text;
		size_t len;
		const char *errors;
	} rows[] = {
		{ LITERAL("lifetime 30m\n"),
		    "f:1: lifetime: no '=' after it\n" },
		{ LITERAL("\n\nlifetme = 30m\n"),
		    "f:3: lifetme: unknown key\n" },
		{ LITERAL("lifetime = 30x"),
		    "f:1: lifetime: not a duration: 30x\n" },
		{ LITERAL("lifetime = 30m#x"),
		    "f:1: lifetime: not a duration: 30m#x\n" },
		{ LITERAL("lifetime = # 30m"), "f:1: lifetime: no value\n" },
		{ LITERAL("lifetime\n"), "f:1: lifetime: no value\n" },
		{ LITERAL("= 30m\n"), "f:1: no key before '='\n" },
		{ LITERAL("conf = /x\n"), "f:1: conf: unknown key\n" },
		{ LITERAL("[global]\n"), "f:1: [global]: unknown key\n" },
		{ LITERAL("\xef\xbb\xbfsync = no\n"),
		    "f:1: ???sync: unknown key\n" },
		{ LITERAL("after_requisite\n"),
		    "f:1: after_requisite: for module arguments only\n" },
		{ LITERAL("lifetime = 1h\n\nsync\nlifetime = 1h\n"),
		    "f:4: lifetime: given twice (first at line 1)\n" },
		{ LITERAL("mode = 0\nmode = 0644\nmode = 0600"),
		    "f:1: mode: not 0600, 0604, 0640 or 0644: 0\n"
		    "f:2: mode: given twice (first at line 1)\n"
		    "f:3: mode: given twice (first at line 1)\n" },
		{ LITERAL("sync = no\r\nx = 1\r\nstrict\r\n"),
		    "f:1: the line ends in CR LF, not in LF\n"
		    "f:2: x: unknown key\n" },
		{ LITERAL("sync = n\ro\n"), "f:1: sync: not yes or no: n?o\n" },
		{ LITERAL("sync = no\0\nx\n"),
		    "f:1: a NUL octet\nf:2: x: unknown key\n" },
		{ LITERAL("\0"), "f:1: a NUL octet\n" },
		{ LITERAL("a\nsync = yes\nexclude = 192.0.2.7\nb = \n"
			  "exclude = 127.1"),
		    "f:1: a: unknown key\nf:4: b: unknown key\n"
		    "f:5: exclude: not a network: 127.1\n" },
		{ LITERAL("lifetime = 10s\n"),
		    "f: renew: not shorter than lifetime (10s): 10s\n" },
		/* Not all is known, so no guess about the rest. */
		{ LITERAL("lifetime = 10s\nrenew = x\n"),
		    "f:2: renew: not a duration: x\n" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_conf conf;
		struct told told;

		init(&conf);
		errno = 0;
		CHECK_ROW(parse(&conf, rows[i].text, rows[i].len, &told) == -1,
		    rows[i].text);
		CHECK_ROW(errno == EINVAL, rows[i].text);
		CHECK_ROW(strcmp(told.text, rows[i].errors) == 0, told.text);
		drac_conf_free(&conf);
	}
}

static unsigned long
key_bit(const char *name)
{
	for (size_t i = 0; i < COUNT(flips); i++) {
		if (strcmp(flips[i].key, name) == 0)
			return UINT64_C(1) << i;
	}
	return 0;
}

static void
good_values_are_kept_beside_errors(void)
{
	static const char file[] = "lifetime = 1h\nfoo = 1\nmode = 0600\n";
	struct drac_conf conf;
	struct told told;

	init(&conf);
	CHECK(parse(&conf, file, sizeof file - 1, &told) == -1);
	CHECK(conf.lifetime_s == 3600 && conf.mode == 0600);
	CHECK(conf.given == (key_bit("lifetime") | key_bit("mode")));
	drac_conf_free(&conf);
}

/* A directory with room for one file under test. */
struct place {
	char dir[256];
	char file[300];
	char other[300];
};

static void
place_make(struct place *place)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(place->dir, sizeof place->dir, "%.200s/drac-conf.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(place->dir) == NULL)
		abort();
	snprintf(place->file, sizeof place->file, "%s/drac.conf", place->dir);
	snprintf(place->other, sizeof place->other, "%s/other", place->dir);
}

static void
place_remove(const struct place *place)
{
	if (unlink(place->file) == -1)
		rmdir(place->file);
	unlink(place->other);
	CHECK(rmdir(place->dir) == 0);
}

static void
write_file(const char *path, const char *text, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd != -1);
	CHECK(write(fd, text, len) == (ssize_t)len);
	CHECK(fchmod(fd, mode) == 0);
	close(fd);
}

/* Load a file of which one error is expected, or NULL for none. */
static void
load_expects(const char *path, const char *error, int number)
{
	struct drac_conf conf;
	struct told told = { 0 };
	char sentence[600];
	int answer, reached;

	init(&conf);
	errno = 0;
	answer = drac_conf_load(&conf, path, take, &told);
	reached = errno;
	CHECK_ROW(answer == (number == 0 ? 0 : -1), path);
	CHECK_ROW(number == 0 || reached == number, strerror(reached));
	snprintf(sentence, sizeof sentence, "%s%s\n", path,
	    error != NULL ? error : "");
	CHECK_ROW(strcmp(told.text, error == NULL ? "" : sentence) == 0,
	    told.text);
	drac_conf_free(&conf);
}

static void
load_reads_safe_file(void)
{
	static const mode_t modes[] = { 0644, 0600, 0640, 0444, 0755 };
	struct place place;

	place_make(&place);
	for (size_t i = 0; i < COUNT(modes); i++) {
		write_file(place.file, LITERAL("sync = no\n"), modes[i]);
		load_expects(place.file, NULL, 0);
		unlink(place.file);
	}
	write_file(place.file, LITERAL(""), 0644);
	load_expects(place.file, NULL, 0);
	write_file(place.file, LITERAL("sync = maybe\n"), 0644);
	load_expects(place.file, ":1: sync: not yes or no: maybe", EINVAL);
	place_remove(&place);
}

static void
load_missing_file_is_enoent_unreported(void)
{
	struct place place;
	char below[400];

	place_make(&place);
	load_expects(place.file, NULL, ENOENT);
	load_expects("/nonexistent/drac.conf", NULL, ENOENT);
	write_file(place.other, LITERAL(""), 0644);
	snprintf(below, sizeof below, "%s/x", place.other);
	load_expects(below, ": Not a directory", ENOTDIR);
	place_remove(&place);
}

/* A list of users that is not there must not look like a file that is not. */
static void
load_refuses_missing_list_of_users(void)
{
	struct place place;

	place_make(&place);
	write_file(place.file, LITERAL("deny_users = /nonexistent/names\n"),
	    0644);
	load_expects(place.file,
	    ":1: deny_users: /nonexistent/names: No such file or directory",
	    EINVAL);
	place_remove(&place);
}

static void
load_refuses_writable_file(void)
{
	static const mode_t modes[] = { 0664, 0646, 0620, 0602, 0666 };
	struct place place;

	place_make(&place);
	for (size_t i = 0; i < COUNT(modes); i++) {
		write_file(place.file, LITERAL("sync = no\n"), modes[i]);
		load_expects(place.file, ": writable by group or others",
		    EINVAL);
	}
	place_remove(&place);
}

static void
load_refuses_foreign_owner(void)
{
	struct place place;

	if (geteuid() != 0) {
		test_skipped = "needs root, to give a file away";
		return;
	}
	place_make(&place);
	write_file(place.file, LITERAL("sync = no\n"), 0644);
	CHECK(chown(place.file, 65534, 0) == 0);
	load_expects(place.file, ": owned neither by root nor by this user",
	    EINVAL);
	place_remove(&place);
}

static void
load_refuses_symlink(void)
{
	struct place place;

	place_make(&place);
	write_file(place.other, LITERAL("sync = no\n"), 0644);
	CHECK(symlink(place.other, place.file) == 0);
	load_expects(place.file, ": a symbolic link", EINVAL);
	place_remove(&place);
}

static void
load_refuses_what_is_no_file(void)
{
	struct place place;

	place_make(&place);
	CHECK(mkfifo(place.file, 0600) == 0); /* and does not wait for it */
	load_expects(place.file, ": not a regular file", EINVAL);
	unlink(place.file);
	CHECK(mkdir(place.file, 0700) == 0);
	load_expects(place.file, ": not a regular file", EINVAL);
	load_expects("/dev/null", ": not a regular file", EINVAL);
	place_remove(&place);
}

static void
load_limits_size(void)
{
	static char text[DRAC_CONF_SIZE_MAX + 1];
	struct place place;

	memset(text, '#', sizeof text);
	place_make(&place);
	write_file(place.file, text, DRAC_CONF_SIZE_MAX, 0644);
	load_expects(place.file, NULL, 0);
	write_file(place.file, text, DRAC_CONF_SIZE_MAX + 1, 0644);
	load_expects(place.file, ": larger than 64 KiB", EINVAL);
	memset(text, 'x', sizeof text);
	memcpy(text, "mode=", 5);
	write_file(place.file, text, DRAC_CONF_SIZE_MAX, 0644);
	load_expects(place.file,
	    ":1: mode: not 0600, 0604, 0640 or 0644: "
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
	    EINVAL);
	place_remove(&place);
}

static void
load_leaves_no_descriptor(void)
{
	struct place place;
	int before, after;

	place_make(&place);
	write_file(place.file, LITERAL("sync = x\n"), 0644);
	before = dup(0);
	close(before);
	load_expects(place.file, ":1: sync: not yes or no: x", EINVAL);
	write_file(place.file, LITERAL("sync = no\n"), 0666);
	load_expects(place.file, ": writable by group or others", EINVAL);
	write_file(place.file, LITERAL("sync = no\n"), 0644);
	load_expects(place.file, NULL, 0);
	after = dup(0);
	close(after);
	CHECK(before == after);
	place_remove(&place);
}

/* The settings of the shipped file: lines that start with # and a letter. */
static size_t
uncomment(char *text, size_t len)
{
	size_t to = 0, settings = 0;

	for (size_t i = 0; i < len; i++) {
		bool start = i == 0 || text[i - 1] == '\n';

		if (start && text[i] == '#' && text[i + 1] >= 'a' &&
		    text[i + 1] <= 'z')
			settings++;
		else
			text[to++] = text[i];
	}
	text[to] = '\0';
	return settings;
}

static size_t
read_shipped(char *text, size_t size)
{
	FILE *file = fopen(SHIPPED, "re");
	size_t len;

	CHECK_ROW(file != NULL, SHIPPED);
	if (file == NULL)
		return 0;
	len = fread(text, 1, size - 1, file);
	fclose(file);
	text[len] = '\0';
	return len;
}

static void
shipped_file_is_all_comments(void)
{
	char text[DRAC_CONF_SIZE_MAX];
	struct drac_conf conf;
	struct told told;
	size_t len = read_shipped(text, sizeof text);

	CHECK(len > 0);
	init(&conf);
	CHECK(parse(&conf, text, len, &told) == 0);
	CHECK(conf.given == 0);
	check_is(&conf, DEFAULTS, SHIPPED);
	drac_conf_free(&conf);
}

static void
shipped_file_uncommented_is_defaults(void)
{
	char text[DRAC_CONF_SIZE_MAX];
	struct drac_conf conf;
	struct told told;
	size_t count, settings, in_file = 0;
	const struct drac_conf_key *keys = drac_conf_keys(&count);

	settings = uncomment(text, read_shipped(text, sizeof text));
	init(&conf);
	CHECK_ROW(parse(&conf, text, strlen(text), &told) == 0, told.text);
	check_is(&conf, DEFAULTS, SHIPPED);
	for (size_t i = 0; i < count; i++) {
		bool given = (conf.given & UINT64_C(1) << i) != 0;

		CHECK_ROW(given == !keys[i].argument_only, keys[i].name);
		in_file += !keys[i].argument_only;
	}
	CHECK(settings == in_file);
	drac_conf_free(&conf);
}

/* Word for word `key = default`, in the order of the table. */
static void
shipped_file_has_keys_in_order(void)
{
	char text[DRAC_CONF_SIZE_MAX], line[256];
	size_t count;
	const struct drac_conf_key *keys = drac_conf_keys(&count);
	const char *at = text;

	read_shipped(text, sizeof text);
	for (size_t i = 0; i < count; i++) {
		if (keys[i].argument_only)
			continue;
		snprintf(line, sizeof line, "\n#%s =%s%s\n", keys[i].name,
		    keys[i].fallback[0] != '\0' ? " " : "", keys[i].fallback);
		at = strstr(at, line);
		CHECK_ROW(at != NULL, line);
		if (at == NULL)
			return;
	}
}

static void
store_opts_are_copied(void)
{
	struct drac_conf conf;
	struct drac_store_opts opts = { .may_create = true };

	init(&conf);
	CHECK(drac_conf_argument(&conf, "mode=0600", NULL) == 0);
	CHECK(drac_conf_argument(&conf, "key_style=cidr", NULL) == 0);
	CHECK(drac_conf_argument(&conf, "sync=no", NULL) == 0);
	CHECK(drac_conf_argument(&conf, "timeout=2s", NULL) == 0);
	drac_conf_store_opts(&conf, &opts);
	CHECK(opts.path == conf.database);
	CHECK(opts.mode == 0600);
	CHECK(opts.key_style == DRAC_KEY_CIDR);
	CHECK(!opts.sync && !opts.may_create);
	CHECK(opts.timeout_ms == 2000);
	drac_conf_free(&conf);
}

/* It works, and the user is told what to write instead. */
static void
given_up_keys_warn(void)
{
	struct drac_conf conf;
	struct drac_why why = { "" };
	size_t at = 0;

	CHECK(drac_conf_init(&conf) == 0);
	CHECK(!drac_conf_given_up(&conf, &at, &why));
	CHECK(!drac_conf_takes_users(&conf));
	CHECK(drac_conf_argument(&conf, "insecure_local", &why) == 0);
	at = 0;
	CHECK(drac_conf_given_up(&conf, &at, &why));
	CHECK_ROW(strcmp(why.text,
		      "insecure_local: was given up and counts for this "
		      "release alone: remove it, or write allow_users = any") ==
		      0,
	    why.text);
	CHECK(!drac_conf_given_up(&conf, &at, &why));
	CHECK(drac_conf_takes_any_user(&conf) && drac_conf_takes_users(&conf));
	drac_conf_free(&conf);
}

static void
any_user_takes_the_place_of_names(void)
{
	struct drac_conf conf;
	struct drac_why why = { "" };

	CHECK(drac_conf_init(&conf) == 0);
	CHECK(drac_conf_argument(&conf, "allow_users=mail,any", &why) == 0);
	CHECK(conf.allow_users == NULL && conf.allow_user_count == 0);
	CHECK(drac_conf_takes_any_user(&conf));
	drac_conf_free(&conf);
	CHECK(drac_conf_init(&conf) == 0);
	CHECK(drac_conf_argument(&conf, "allow_users=mail", &why) == 0);
	CHECK(!drac_conf_takes_any_user(&conf) && drac_conf_takes_users(&conf));
	drac_conf_free(&conf);
}

int
main(void)
{
	RUN(init_gives_defaults);
	RUN(flips_every_key);
	RUN(bare_word_is_yes_for_flags_alone);
	RUN(value_accepts);
	RUN(value_refuses);
	RUN(long_value_is_cut_in_the_sentence);
	RUN(duration_parses);
	RUN(duration_refuses);
	RUN(check_wants_renew_below_lifetime);
	RUN(check_says_both_values);
	RUN(check_wants_another_socket_for_lookups);
	RUN(given_is_what_the_user_has_set);
	RUN(argument_refuses_second_value);
	RUN(argument_overrides_file);
	RUN(repeatable_adds_up_and_takes_arguments);
	RUN(bad_replacement_keeps_what_was);
	RUN(bad_word_leaves_empty_list_null);
	RUN(lists_are_limited_line_by_line);
	RUN(socket_fits_its_address);
	RUN(text_parses);
	RUN(text_refuses);
	RUN(good_values_are_kept_beside_errors);
	RUN(load_reads_safe_file);
	RUN(load_missing_file_is_enoent_unreported);
	RUN(load_refuses_missing_list_of_users);
	RUN(load_refuses_writable_file);
	RUN(load_refuses_foreign_owner);
	RUN(load_refuses_symlink);
	RUN(load_refuses_what_is_no_file);
	RUN(load_limits_size);
	RUN(load_leaves_no_descriptor);
	RUN(shipped_file_is_all_comments);
	RUN(shipped_file_uncommented_is_defaults);
	RUN(shipped_file_has_keys_in_order);
	RUN(store_opts_are_copied);
	RUN(given_up_keys_warn);
	RUN(any_user_takes_the_place_of_names);
	return TEST_RESULT();
}
