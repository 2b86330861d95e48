/* SPDX-License-Identifier: BSD-2-Clause */

/* Calls against a real map: what is answered, written, removed and logged. */

#include <sys/resource.h>
#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../dracd/dracd.h"
#include "test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define NOW          ((time_t)1700000000)
#define LIFETIME     60
#define RENEW        10
#define MANY         2500u

static char base[64];
static char dir[80];
static char path[128];
static struct drac_state state;

/* The log, instead of say.c: the last line of each level. */
static char logged[LOG_DEBUG + 1][512];

void
drac_say(int level, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(logged[level], sizeof(logged[level]), format, ap);
	va_end(ap);
}

bool
drac_say_is_due(enum drac_refusal cause)
{
	(void)cause;
	return true;
}

void
drac_say_limited(enum drac_refusal cause, const char *format, ...)
{
	int level = cause == DRAC_REFUSAL_NONE ? LOG_ERR : LOG_WARNING;
	va_list ap;

	va_start(ap, format);
	vsnprintf(logged[level], sizeof(logged[level]), format, ap);
	va_end(ap);
}

static void
empty_dir(const char *name)
{
	DIR *d = opendir(name);
	struct dirent *entry;

	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	(void)closedir(d);
}

static void
report(const char *text, void *arg)
{
	(void)arg;
	printf("  %s\n", text);
	CHECK(!"a good configuration");
}

static void
configure(struct drac_conf *conf)
{
	static const char *const arguments[] = { "lifetime=60s", "renew=10s",
		"allow=198.51.100.0/24", "exclude=203.0.113.0/24",
		"allow_file=", "sweep_interval=10s", "sync=no",
		"allow_users=daemon" };
	char database[160];
	struct drac_why why;

	CHECK(drac_conf_init(conf) == 0);
	for (size_t i = 0; i < COUNT(arguments); i++)
		CHECK_ROW(drac_conf_argument(conf, arguments[i], &why) == 0,
		    arguments[i]);
	snprintf(database, sizeof(database), "database=%s", path);
	CHECK(drac_conf_argument(conf, database, &why) == 0);
}

static void
start(void)
{
	struct drac_why why = { "" };

	memset(&state, 0, sizeof(state));
	memset(&drac_stats, 0, sizeof(drac_stats));
	memset(logged, 0, sizeof(logged));
	configure(&state.conf);
	CHECK(drac_gate_open(&state.conf, report, NULL, &state.gate) == 0);
	if (drac_work_open(&state, &why) == -1) {
		printf("  %s\n", why.text);
		CHECK(!"open");
		exit(1);
	}
}

static void
stop(void)
{
	drac_work_close(&state);
	drac_gate_close(state.gate);
	drac_conf_free(&state.conf);
}

/* Each test begins without a map. */
static void
start_anew(void)
{
	empty_dir(dir);
	start();
}

static struct drac_addr
addr(const char *text)
{
	struct drac_addr found = { 0 };

	CHECK_ROW(drac_addr_parse(text, &found) == 0, text);
	return found;
}

static struct drac_addr
nth(unsigned n)
{
	struct drac_addr made = { .len = 4, .octet = { 192, 0, 2 } };

	if (n % 2 == 1) {
		made.len = 16;
		memcpy(made.octet, "\x20\x01\x0d\xb8", 4);
		made.octet[14] = (unsigned char)(n >> 8);
		made.octet[15] = (unsigned char)n;
	} else {
		made.octet[0] = (unsigned char)(10 + n / 65536);
		made.octet[1] = (unsigned char)(n >> 8);
		made.octet[3] = (unsigned char)n;
	}
	return made;
}

static const struct drac_caller root = { .road = DRAC_ROAD_LOCAL, .pid = 77 };
static struct drac_caller mailhost = { .road = DRAC_ROAD_UDP, .port = 757 };

static struct drac_job
job_of(uint32_t procedure, const struct drac_addr *a)
{
	struct drac_job job = { .caller = root,
		.local = true,
		.answer = DRAC_ANSWER_UNKNOWN };

	job.call.version = DRAC_VERSION_LOCAL;
	job.call.procedure = procedure;
	if (a != NULL)
		job.call.addr = *a;
	return job;
}

/* One call in a turn of its own. */
static struct drac_job
call(uint32_t procedure, const char *text, time_t now)
{
	struct drac_addr a = { 0 };
	struct drac_job job;

	if (text != NULL)
		a = addr(text);
	job = job_of(procedure, text != NULL ? &a : NULL);
	drac_work_do(&state, &job, 1, now);
	CHECK(job.answer == job.reply.answer);
	return job;
}

/* -1: not there. */
static time_t
expiry_of(const char *text)
{
	struct drac_job job = call(DRAC_PROC_GET, text, 0);

	CHECK_ROW(job.answer == DRAC_ANSWER_SUCCESS, text);
	return job.reply.flag ? job.reply.expiry : -1;
}

static void
rights_are_asked_for(void)
{
	struct drac_caller stranger = { .road = DRAC_ROAD_TCP, .port = 600 };
	struct drac_caller user = { .road = DRAC_ROAD_LOCAL };
	struct drac_caller named = { .road = DRAC_ROAD_LOCAL, .uid = 1 };
	const struct {
		const char *name;
		const struct drac_caller *caller;
		uint32_t procedure;
		enum drac_answer answer;
		enum drac_refusal refusal;
	} rows[] = {
		{ "root adds", &root, DRAC_PROC_ADD, DRAC_ANSWER_SUCCESS, 0 },
		{ "root asks for status", &root, DRAC_PROC_STATUS,
		    DRAC_ANSWER_SUCCESS, 0 },
		{ "listed host adds", &mailhost, DRAC_PROC_ADD,
		    DRAC_ANSWER_SUCCESS, 0 },
		{ "listed host pings", &mailhost, DRAC_PROC_NULL,
		    DRAC_ANSWER_SUCCESS, 0 },
		{ "stranger adds", &stranger, DRAC_PROC_ADD, DRAC_ANSWER_PERM,
		    DRAC_REFUSAL_HOST },
		{ "stranger pings", &stranger, DRAC_PROC_NULL, DRAC_ANSWER_PERM,
		    DRAC_REFUSAL_HOST },
		{ "user adds", &user, DRAC_PROC_ADD, DRAC_ANSWER_PERM,
		    DRAC_REFUSAL_USER },
		{ "user in allow_users adds", &named, DRAC_PROC_ADD,
		    DRAC_ANSWER_SUCCESS, 0 },
		{ "user in allow_users takes back", &named, DRAC_PROC_TAKE_BACK,
		    DRAC_ANSWER_PERM, DRAC_REFUSAL_RIGHT },
		{ "user in allow_users looks", &named, DRAC_PROC_GET,
		    DRAC_ANSWER_PERM, DRAC_REFUSAL_RIGHT },
		{ "user clears", &user, DRAC_PROC_CLEAR, DRAC_ANSWER_PERM,
		    DRAC_REFUSAL_USER },
		{ "listed host drops", &mailhost, DRAC_PROC_DROP,
		    DRAC_ANSWER_PERM, DRAC_REFUSAL_RIGHT },
		{ "listed host lists", &mailhost, DRAC_PROC_LIST,
		    DRAC_ANSWER_PERM, DRAC_REFUSAL_RIGHT },
		{ "user in allow_users closes", &named, DRAC_PROC_CLOSE,
		    DRAC_ANSWER_PERM, DRAC_REFUSAL_RIGHT },
		{ "listed host opens", &mailhost, DRAC_PROC_CLOSE,
		    DRAC_ANSWER_PERM, DRAC_REFUSAL_RIGHT },
		{ "listed host asks what is closed", &mailhost,
		    DRAC_PROC_CLOSED, DRAC_ANSWER_PERM, DRAC_REFUSAL_RIGHT },
		{ "root asks what is not", &root, 15, DRAC_ANSWER_UNKNOWN, 0 },
	};
	struct drac_addr a = addr("192.0.2.7");

	start_anew();
	stranger.addr = addr("203.0.113.9");
	user.uid = getuid() + 1000;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_job job = job_of(rows[i].procedure, &a);
		uint64_t refused = drac_stats.refused[rows[i].refusal];

		job.caller = *rows[i].caller;
		drac_work_do(&state, &job, 1, NOW);
		CHECK_ROW(job.answer == rows[i].answer, rows[i].name);
		if (rows[i].refusal == DRAC_REFUSAL_NONE)
			continue;
		CHECK_ROW(drac_stats.refused[rows[i].refusal] == refused + 1,
		    rows[i].name);
		CHECK_ROW(job.reply.why.text[0] != '\0', rows[i].name);
	}
	CHECK(drac_stats.calls[DRAC_ROAD_TCP] == 2);
	CHECK(drac_stats.calls[DRAC_ROAD_UDP] == 6);
	CHECK(expiry_of("192.0.2.7") == NOW + LIFETIME);
	stop();
}

static struct drac_job
close_until(const char *text, unsigned bits, time_t until)
{
	struct drac_addr a = addr(text);
	struct drac_job job = job_of(DRAC_PROC_CLOSE, &a);

	job.call.bits = bits;
	job.call.expiry = until;
	drac_work_do(&state, &job, 1, NOW);
	return job;
}

/* For everybody who may add, on each road and in each version. */
static void
closed_address_is_not_added(void)
{
	struct drac_addr a = addr("192.0.2.7");
	struct drac_job job;

	start_anew();
	job = close_until("192.0.2.7", 32, NOW + 7200);
	CHECK(job.answer == DRAC_ANSWER_SUCCESS);
	job = call(DRAC_PROC_ADD, "192.0.2.7", NOW);
	CHECK(job.answer == DRAC_ANSWER_SUCCESS && !job.reply.flag);
	CHECK(job.reply.expiry == 0 && job.reply.previous == 0);
	CHECK(strcmp(job.reply.why.text,
		  "192.0.2.7 is closed until 00:13:20Z") == 0);
	job = job_of(DRAC_PROC_ADD, &a);
	job.local = false;
	job.caller = mailhost;
	drac_work_do(&state, &job, 1, NOW);
	CHECK(job.answer == DRAC_ANSWER_SUCCESS);
	CHECK(expiry_of("192.0.2.7") == -1);
	CHECK(drac_stats.excluded == 2 && drac_stats.added == 0);
	CHECK(state.entries == 0 && drac_due_count(state.due) == 0);
	/* The administrator's own word still counts. */
	job = job_of(DRAC_PROC_SET, &a);
	job.call.expiry = NOW + 5;
	drac_work_do(&state, &job, 1, NOW);
	CHECK(expiry_of("192.0.2.7") == NOW + 5);
	CHECK(call(DRAC_PROC_ADD, "192.0.2.8", NOW).reply.flag);
	stop();
}

static void
closing_outlives_the_daemon_and_ends(void)
{
	struct drac_job job;

	start_anew();
	(void)close_until("192.0.2.0", 24, NOW + 100);
	(void)close_until("2001:db8::7", 128, NOW + 200);
	stop();
	start();
	CHECK(!call(DRAC_PROC_ADD, "192.0.2.7", NOW + 99).reply.flag);
	CHECK(!call(DRAC_PROC_ADD, "2001:db8::7", NOW + 99).reply.flag);
	CHECK(call(DRAC_PROC_ADD, "192.0.2.7", NOW + 100).reply.flag);
	job = call(DRAC_PROC_CLOSED, NULL, NOW);
	CHECK(job.reply.count == 2);
	/* Upkeep forgets it. */
	drac_work_stepped(&state, NOW + 150);
	job = call(DRAC_PROC_CLOSED, NULL, NOW + 150);
	CHECK(job.reply.count == 1 && job.reply.listed[0].bits == 128 &&
	      job.reply.listed[0].expiry == NOW + 200);
	/* Opened again. */
	(void)close_until("2001:db8::7", 128, 0);
	CHECK(call(DRAC_PROC_ADD, "2001:db8::7", NOW + 150).reply.flag);
	CHECK(call(DRAC_PROC_CLOSED, NULL, NOW).reply.count == 0);
	stop();
}

static void
close_wants_a_network(void)
{
	start_anew();
	CHECK(close_until("192.0.2.7", 24, NOW + 100).answer ==
	      DRAC_ANSWER_SYSERR);
	CHECK(call(DRAC_PROC_ADD, "192.0.2.7", NOW).reply.flag);
	stop();
}

/* Nothing is added, but what is over goes all the same. */
static void
damaged_list_stops_adds_alone(void)
{
	struct drac_addr a = addr("192.0.2.7"), b = addr("192.0.2.9");
	struct drac_job jobs[] = { job_of(DRAC_PROC_ADD, &a),
		job_of(DRAC_PROC_DROP, &b) };
	char name[160];
	FILE *file;

	start_anew();
	CHECK(call(DRAC_PROC_ADD, "192.0.2.9", NOW).reply.flag);
	CHECK(call(DRAC_PROC_ADD, "192.0.2.11", NOW).reply.flag);
	snprintf(name, sizeof(name), "%s.closed", path);
	file = fopen(name, "we");
	CHECK(file != NULL && fputs("nonsense\n", file) >= 0 &&
	      fclose(file) == 0);
	drac_work_do(&state, jobs, 2, NOW);
	CHECK(jobs[0].answer == DRAC_ANSWER_SYSERR);
	CHECK(jobs[1].answer == DRAC_ANSWER_SUCCESS && jobs[1].reply.flag);
	CHECK(drac_stats.failed == 1);
	(void)drac_work_idle(&state, NOW + LIFETIME, 0);
	CHECK(expiry_of("192.0.2.7") == -1);
	CHECK(expiry_of("192.0.2.9") == -1);
	CHECK(expiry_of("192.0.2.11") == -1);
	CHECK(unlink(name) == 0);
	CHECK(call(DRAC_PROC_ADD, "192.0.2.7", NOW).reply.flag);
	stop();
}

static void
refusals_are_logged(void)
{
	struct drac_addr a = addr("192.0.2.7");
	struct drac_job job = job_of(DRAC_PROC_ADD, &a);

	start_anew();
	job.caller = mailhost;
	job.caller.addr = addr("203.0.113.9");
	job.caller.port = 40000;
	drac_work_do(&state, &job, 1, NOW);
	CHECK(
	    strcmp(logged[LOG_WARNING], "refused 203.0.113.9 port 40000 (udp): "
					"not on the allow list") == 0);
	CHECK(expiry_of("192.0.2.7") == -1);
	stop();
}

static void
grants_are_logged_once(void)
{
	struct drac_addr a = addr("192.0.2.7");
	struct drac_job job = job_of(DRAC_PROC_ADD, &a);

	start_anew();
	job.caller = mailhost;
	drac_work_do(&state, &job, 1, NOW);
	CHECK(strcmp(logged[LOG_INFO], "authorised 192.0.2.7 until 22:14:20Z "
				       "for 198.51.100.2 port 757 (udp)") == 0);
	logged[LOG_INFO][0] = '\0';
	drac_work_do(&state, &job, 1, NOW + 5);
	CHECK(logged[LOG_INFO][0] == '\0');
	drac_work_do(&state, &job, 1, NOW + 30);
	CHECK(strncmp(logged[LOG_INFO], "authorised 192.0.2.7 ", 21) == 0);
	stop();
}

/* For nothing has failed; version 3 is told why nothing was written. */
static void
excluded_is_no_failure(void)
{
	static const char *const texts[] = { "127.0.0.1", "::1", "0.0.0.0",
		"169.254.1.1", "fe80::1", "224.0.0.1", "ff02::1",
		"255.255.255.255", "203.0.113.77" };

	start_anew();
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct drac_job job = call(DRAC_PROC_ADD, texts[i], NOW);

		CHECK_ROW(job.answer == DRAC_ANSWER_SUCCESS, texts[i]);
		CHECK_ROW(!job.reply.flag && job.reply.expiry == 0, texts[i]);
		CHECK_ROW(strstr(job.reply.why.text, "never recorded") != NULL,
		    texts[i]);
		CHECK_ROW(drac_stats.excluded == i + 1, texts[i]);
		CHECK_ROW(expiry_of(texts[i]) == -1, texts[i]);
	}
	CHECK(drac_stats.added == 0 && drac_stats.failed == 0);
	CHECK(call(DRAC_PROC_ADD, "192.0.2.7", NOW).reply.flag);
	stop();
}

static void
add_renews_and_counts(void)
{
	struct drac_job job;

	start_anew();
	job = call(DRAC_PROC_ADD, "192.0.2.7", NOW);
	CHECK(job.reply.flag && job.reply.previous == 0);
	CHECK(job.reply.expiry == NOW + LIFETIME);
	job = call(DRAC_PROC_ADD, "192.0.2.7", NOW + RENEW);
	CHECK(!job.reply.flag && job.reply.expiry == NOW + LIFETIME);
	job = call(DRAC_PROC_ADD, "192.0.2.7", NOW + RENEW + 1);
	CHECK(job.reply.flag && job.reply.previous == NOW + LIFETIME);
	CHECK(job.reply.expiry == NOW + RENEW + 1 + LIFETIME);
	CHECK(drac_stats.added == 2 && drac_stats.renewed == 1);
	CHECK(drac_stats.fresh == 1 && drac_stats.batches == 2);
	CHECK(state.entries == 1 && drac_due_count(state.due) == 1);
	stop();
}

static void
same_address_twice_in_a_turn(void)
{
	struct drac_addr a = addr("192.0.2.7");
	struct drac_job jobs[3];

	start_anew();
	for (size_t i = 0; i < COUNT(jobs); i++)
		jobs[i] = job_of(DRAC_PROC_ADD, &a);
	drac_work_do(&state, jobs, COUNT(jobs), NOW);
	for (size_t i = 0; i < COUNT(jobs); i++) {
		CHECK(jobs[i].answer == DRAC_ANSWER_SUCCESS);
		CHECK(jobs[i].reply.expiry == NOW + LIFETIME);
	}
	CHECK(drac_stats.added == 1 && drac_stats.fresh == 2);
	CHECK(state.entries == 1 && drac_stats.batches == 1);
	stop();
}

static void
turn_keeps_the_order(void)
{
	static const uint32_t procedures[] = { DRAC_PROC_ADD, DRAC_PROC_GET,
		DRAC_PROC_DROP, DRAC_PROC_GET, DRAC_PROC_ADD, DRAC_PROC_CLEAR,
		DRAC_PROC_ADD, DRAC_PROC_GET };
	struct drac_addr a = addr("2001:db8::7");
	struct drac_job jobs[COUNT(procedures)];

	start_anew();
	for (size_t i = 0; i < COUNT(jobs); i++)
		jobs[i] = job_of(procedures[i], &a);
	drac_work_do(&state, jobs, COUNT(jobs), NOW);
	for (size_t i = 0; i < COUNT(jobs); i++)
		CHECK(jobs[i].answer == DRAC_ANSWER_SUCCESS);
	CHECK(jobs[1].reply.flag && jobs[2].reply.flag && !jobs[3].reply.flag);
	CHECK(jobs[4].reply.flag && jobs[6].reply.flag && jobs[7].reply.flag);
	CHECK(state.entries == 1);
	stop();
}

static struct drac_job
take_back(const char *text, time_t expiry, time_t previous, time_t now)
{
	struct drac_addr a = addr(text);
	struct drac_job job = job_of(DRAC_PROC_TAKE_BACK, &a);

	job.call.expiry = expiry;
	job.call.previous = previous;
	drac_work_do(&state, &job, 1, now);
	return job;
}

static void
take_back_restores_and_expires_then(void)
{
	start_anew();
	(void)call(DRAC_PROC_ADD, "192.0.2.1", NOW);
	CHECK(take_back("192.0.2.1", NOW + LIFETIME, 0, NOW).reply.flag);
	CHECK(expiry_of("192.0.2.1") == -1 && state.entries == 0);
	(void)call(DRAC_PROC_ADD, "192.0.2.2", NOW);
	(void)call(DRAC_PROC_ADD, "192.0.2.2", NOW + 30);
	CHECK(!take_back("192.0.2.2", NOW + 89, NOW + 60, NOW + 30).reply.flag);
	CHECK(take_back("192.0.2.2", NOW + 90, NOW + 60, NOW + 30).reply.flag);
	CHECK(expiry_of("192.0.2.2") == NOW + 60 && state.entries == 1);
	(void)drac_work_idle(&state, NOW + 60, 0);
	CHECK(expiry_of("192.0.2.2") == -1 && state.entries == 0);
	CHECK(drac_stats.taken_back == 2);
	stop();
}

/* Whoever may only add must not prolong an entry this way. */
static void
take_back_never_prolongs(void)
{
	static const struct {
		const char *name;
		time_t expiry, previous;
	} rows[] = {
		{ "to next year", NOW + LIFETIME, NOW + 31536000 },
		{ "to the same second", NOW + LIFETIME, NOW + LIFETIME },
		{ "to before 1970", NOW + LIFETIME, -1 },
		{ "of an add that wrote nothing", 0, 0 },
	};

	start_anew();
	(void)call(DRAC_PROC_ADD, "192.0.2.1", NOW);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_job job = take_back("192.0.2.1", rows[i].expiry,
		    rows[i].previous, NOW);

		CHECK_ROW(job.answer == DRAC_ANSWER_SYSERR, rows[i].name);
		CHECK_ROW(expiry_of("192.0.2.1") == NOW + LIFETIME,
		    rows[i].name);
	}
	stop();
}

static struct drac_job
set(const char *text, time_t expiry)
{
	struct drac_addr a = addr(text);
	struct drac_job job = job_of(DRAC_PROC_SET, &a);

	job.call.expiry = expiry;
	drac_work_do(&state, &job, 1, NOW);
	return job;
}

/* What an entry was before is nothing for a user in allow_users. */
static void
user_learns_no_expiry(void)
{
	static const struct {
		const char *name;
		time_t set, now; /* set: 0 nothing there */
		bool written;
	} rows[] = {
		{ "new", 0, NOW, true },
		{ "recorded moments ago", NOW + LIFETIME - 3, NOW, false },
		{ "lasts longer", NOW + 10 * LIFETIME, NOW, false },
		{ "renewed", NOW + 5, NOW, true },
	};
	struct drac_addr a = addr("192.0.2.9");

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_job job = job_of(DRAC_PROC_ADD, &a);

		start_anew();
		if (rows[i].set != 0)
			(void)set("192.0.2.9", rows[i].set);
		job.caller.uid = 1;
		drac_work_do(&state, &job, 1, rows[i].now);
		CHECK_ROW(job.answer == DRAC_ANSWER_SUCCESS, rows[i].name);
		CHECK_ROW(job.reply.flag == rows[i].written, rows[i].name);
		CHECK_ROW(job.reply.expiry == rows[i].now + LIFETIME,
		    rows[i].name);
		CHECK_ROW(job.reply.previous == 0, rows[i].name);
		stop();
	}
}

static void
set_counts_from_its_own_second(void)
{
	start_anew();
	(void)call(DRAC_PROC_ADD, "192.0.2.1", NOW);
	CHECK(set("192.0.2.1", NOW + 5).answer == DRAC_ANSWER_SUCCESS);
	CHECK(set("192.0.2.2", NOW + 500).answer == DRAC_ANSWER_SUCCESS);
	CHECK(set("127.0.0.1", NOW + 500).answer == DRAC_ANSWER_SYSERR);
	CHECK(set("192.0.2.3", 0).answer == DRAC_ANSWER_SYSERR);
	CHECK(state.entries == 2);
	(void)drac_work_idle(&state, NOW + 5, 0);
	CHECK(expiry_of("192.0.2.1") == -1);
	(void)drac_work_idle(&state, NOW + LIFETIME, 0);
	CHECK(expiry_of("192.0.2.2") == NOW + 500);
	CHECK(state.entries == 1);
	stop();
}

static void
drop_and_clear(void)
{
	start_anew();
	(void)call(DRAC_PROC_ADD, "192.0.2.1", NOW);
	(void)call(DRAC_PROC_ADD, "192.0.2.2", NOW);
	(void)call(DRAC_PROC_ADD, "192.0.2.3", NOW);
	CHECK(call(DRAC_PROC_DROP, "192.0.2.1", NOW).reply.flag);
	CHECK(!call(DRAC_PROC_DROP, "192.0.2.1", NOW).reply.flag);
	CHECK(state.entries == 2);
	CHECK(call(DRAC_PROC_CLEAR, NULL, NOW).answer == DRAC_ANSWER_SUCCESS);
	CHECK(expiry_of("192.0.2.2") == -1);
	CHECK(state.entries == 0 && drac_due_count(state.due) == 0);
	CHECK(drac_stats.dropped == 3);
	CHECK(call(DRAC_PROC_ADD, "192.0.2.2", NOW).reply.flag);
	stop();
}

static void
expires_at_the_second(void)
{
	start_anew();
	(void)call(DRAC_PROC_ADD, "192.0.2.1", NOW);
	(void)call(DRAC_PROC_ADD, "192.0.2.2", NOW);
	(void)call(DRAC_PROC_ADD, "192.0.2.2", NOW + 30);
	CHECK(drac_work_idle(&state, NOW + 59, 1000) == 1000);
	CHECK(expiry_of("192.0.2.1") == NOW + 60);
	CHECK(drac_work_idle(&state, NOW + 60, 2000) == 9000);
	CHECK(expiry_of("192.0.2.1") == -1);
	CHECK(expiry_of("192.0.2.2") == NOW + 90);
	(void)drac_work_idle(&state, NOW + 89, 3000);
	CHECK(expiry_of("192.0.2.2") == NOW + 90);
	(void)drac_work_idle(&state, NOW + 90, 4000);
	CHECK(expiry_of("192.0.2.2") == -1);
	CHECK(state.entries == 0 && drac_due_count(state.due) == 0);
	CHECK(drac_stats.expired == 2 && drac_stats.sweeps == 2);
	stop();
}

/* However often an entry was shortened and prolonged: once is enough. */
static void
duplicates_collapse(void)
{
	start_anew();
	for (int i = 0; i < 5; i++)
		CHECK(set("192.0.2.1", NOW + 5).answer == DRAC_ANSWER_SUCCESS);
	(void)call(DRAC_PROC_ADD, "192.0.2.1", NOW);
	CHECK(state.entries == 1 && drac_due_count(state.due) == 5);
	(void)drac_work_idle(&state, NOW + 5, 0);
	CHECK(state.entries == 1 && drac_due_count(state.due) == 1);
	(void)drac_work_idle(&state, NOW + LIFETIME, 1);
	CHECK(state.entries == 0 && drac_due_count(state.due) == 0);
	CHECK(drac_stats.expired == 1);
	stop();
}

/* Back: no login counts for longer than a lifetime from then. */
static void
clock_steps(void)
{
	time_t back = NOW - 86400;

	start_anew();
	(void)call(DRAC_PROC_ADD, "192.0.2.1", NOW);
	CHECK(drac_work_idle(&state, back, 0) == 10000);
	CHECK(expiry_of("192.0.2.1") == back + LIFETIME);
	(void)drac_work_idle(&state, back + LIFETIME, 1);
	CHECK(expiry_of("192.0.2.1") == -1);
	(void)call(DRAC_PROC_ADD, "192.0.2.1", back);
	(void)drac_work_idle(&state, NOW, 2);
	CHECK(expiry_of("192.0.2.1") == -1);
	stop();
}

/* One after the other, in turns of the largest size. */
static void
add_many(unsigned count, time_t now)
{
	static struct drac_job jobs[DRAC_JOBS_MAX];

	for (unsigned n = 0; n < count;) {
		size_t fill = 0;

		while (n < count && fill < DRAC_JOBS_MAX) {
			struct drac_addr a = nth(n++);

			jobs[fill++] = job_of(DRAC_PROC_ADD, &a);
		}
		drac_work_do(&state, jobs, fill, now);
		for (size_t i = 0; i < fill; i++)
			CHECK(jobs[i].reply.flag);
	}
}

/* What was taken back leaves its expiry in memory, but not for long. */
static void
taken_back_expiries_do_not_pile_up(void)
{
	static struct drac_job jobs[DRAC_JOBS_MAX];
	struct drac_addr a = addr("192.0.2.1");

	start_anew();
	(void)call(DRAC_PROC_ADD, "192.0.2.2", NOW);
	(void)drac_work_idle(&state, NOW, 0);
	for (unsigned turns = 0; turns < 40; turns++) {
		for (unsigned i = 0; i < DRAC_JOBS_MAX; i += 2) {
			jobs[i] = job_of(DRAC_PROC_ADD, &a);
			jobs[i + 1] = job_of(DRAC_PROC_TAKE_BACK, &a);
			jobs[i + 1].call.expiry = NOW + LIFETIME;
		}
		drac_work_do(&state, jobs, DRAC_JOBS_MAX, NOW);
		CHECK(jobs[DRAC_JOBS_MAX - 1].reply.flag);
	}
	CHECK(drac_due_count(state.due) == 40 * DRAC_JOBS_MAX / 2 + 1);
	(void)drac_work_idle(&state, NOW, 10000);
	CHECK(drac_due_count(state.due) == 1 && state.entries == 1);
	stop();
}

static void
turn_removes_a_bounded_number(void)
{
	start_anew();
	add_many(300, NOW);
	CHECK(state.entries == 300);
	CHECK(drac_work_idle(&state, NOW + LIFETIME, 0) == 0);
	CHECK(state.entries == 300 - 128);
	/* With a job in the turn it is no more than that. */
	(void)call(DRAC_PROC_NULL, NULL, NOW + LIFETIME);
	CHECK(drac_work_idle(&state, NOW + LIFETIME, 0) == 0);
	CHECK(state.entries == 300 - 256);
	CHECK(drac_work_idle(&state, NOW + LIFETIME, 0) == 10000);
	CHECK(state.entries == 0);
	stop();
}

static void
sweep_removes_all_at_once(void)
{
	struct drac_job job;

	start_anew();
	add_many(600, NOW);
	(void)call(DRAC_PROC_ADD, "192.0.2.1", NOW + 5);
	job = call(DRAC_PROC_SWEEP, NULL, NOW + LIFETIME);
	CHECK(job.answer == DRAC_ANSWER_SUCCESS);
	/* What was due went with the turn, before the call. */
	CHECK(job.reply.removed == 600 - 128 && job.reply.kept == 1);
	CHECK(strstr(logged[LOG_INFO], "swept: removed 472 expired for ") !=
	    NULL);
	CHECK(drac_stats.expired == 600);
	CHECK(job.reply.why.text[0] == '\0');
	stop();
}

struct seen {
	unsigned pages;
	unsigned total;
	bool entry[MANY];
};

static void
see(struct seen *seen, const struct drac_listed *listed)
{
	for (unsigned n = 0; n < MANY; n++) {
		struct drac_addr a = nth(n);

		if (!drac_addr_equal(&a, &listed->addr))
			continue;
		CHECK(!seen->entry[n]);
		seen->entry[n] = true;
	}
	CHECK(listed->expiry == NOW + LIFETIME);
}

static void
list_pages(uint32_t count, struct seen *seen)
{
	struct drac_job job = job_of(DRAC_PROC_LIST, NULL);

	memset(seen, 0, sizeof(*seen));
	do {
		job.call.count = count;
		drac_work_do(&state, &job, 1, NOW);
		CHECK(job.answer == DRAC_ANSWER_SUCCESS);
		CHECK(job.reply.count <= count);
		CHECK(job.reply.flag || job.reply.count == count);
		seen->total += (unsigned)job.reply.count;
		for (size_t i = 0; i < job.reply.count; i++)
			see(seen, &job.reply.listed[i]);
		if (job.reply.count > 0)
			job.call.addr =
			    job.reply.listed[job.reply.count - 1].addr;
	} while (!job.reply.flag && ++seen->pages < 100);
}

static void
list_pages_over_all_once(void)
{
	static struct seen seen;
	static const struct {
		const char *name;
		uint32_t count;
		unsigned pages; /* before the last */
	} rows[] = { { "largest", 1000, 2 }, { "without rest", 500, 4 },
		{ "odd", 333, 7 } };

	start_anew();
	list_pages(1000, &seen);
	CHECK(seen.total == 0 && seen.pages == 0);
	add_many(MANY, NOW);
	for (size_t i = 0; i < COUNT(rows); i++) {
		list_pages(rows[i].count, &seen);
		CHECK_ROW(seen.total == MANY, rows[i].name);
		CHECK_ROW(seen.pages == rows[i].pages, rows[i].name);
	}
	stop();
}

/* Each answer has memory of its own until the next turn. */
static void
lists_of_a_turn_are_apart(void)
{
	struct drac_job jobs[3];

	start_anew();
	add_many(20, NOW);
	for (size_t i = 0; i < COUNT(jobs); i++) {
		jobs[i] = job_of(DRAC_PROC_LIST, NULL);
		jobs[i].call.count = (uint32_t)(5 * (i + 1));
	}
	jobs[2].call.procedure = DRAC_PROC_STATUS;
	drac_work_do(&state, jobs, COUNT(jobs), NOW);
	CHECK(jobs[0].reply.count == 5 && jobs[1].reply.count == 10);
	CHECK(jobs[0].reply.listed != jobs[1].reply.listed);
	CHECK(drac_addr_equal(&jobs[0].reply.listed[4].addr,
	    &jobs[1].reply.listed[4].addr));
	CHECK(strstr(jobs[2].reply.text, "\nentries 20\n") != NULL);
	stop();
}

static void
entries_are_learnt_at_the_start(void)
{
	struct drac_why why = { "" };

	start_anew();
	add_many(300, NOW);
	(void)call(DRAC_PROC_ADD, "192.0.2.1", NOW + 5);
	stop();
	start();
	CHECK(state.entries == 301 && drac_due_count(state.due) == 301);
	while (drac_work_idle(&state, NOW + LIFETIME, 0) == 0)
		continue;
	CHECK(state.entries == 1);
	CHECK(expiry_of("192.0.2.1") == NOW + 5 + LIFETIME);
	drac_work_close(&state);
	state.empty_first = true;
	CHECK(drac_work_open(&state, &why) == 0);
	CHECK(state.entries == 0 && expiry_of("192.0.2.1") == -1);
	stop();
}

/* A map of somebody else's making takes the place of ours. */
static void
other_map_is_learnt(void)
{
	char other[160];
	struct drac_store_opts opts = { .path = other,
		.mode = 0644,
		.timeout_ms = 5000,
		.may_create = true };
	struct drac_addr a = addr("192.0.2.99");
	struct drac_store *store;

	start_anew();
	(void)call(DRAC_PROC_ADD, "192.0.2.1", NOW);
	(void)drac_work_idle(&state, NOW, 0);
	snprintf(other, sizeof(other), "%s/other.db", dir);
	CHECK(drac_store_open(&opts, &store, NULL) == 0);
	CHECK(drac_store_set(store, &a, NOW + 20, NULL) == 0);
	drac_store_close(store);
	CHECK(rename(other, path) == 0);
	(void)drac_work_idle(&state, NOW + 1, 9999);
	CHECK(drac_due_count(state.due) == 1);
	(void)drac_work_idle(&state, NOW + 10, 10000);
	CHECK(state.entries == 1 && expiry_of("192.0.2.99") == NOW + 20);
	(void)drac_work_idle(&state, NOW + 20, 12000);
	CHECK(expiry_of("192.0.2.99") == -1);
	stop();
}

/* No file may grow or be written, as on a full disk. */
static void
let_write(bool yes)
{
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	limit.rlim_cur = yes ? limit.rlim_max : 0;
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void
failure_is_told_and_tried_again(void)
{
	struct drac_addr a = addr("192.0.2.2");
	struct drac_job jobs[2];

	start_anew();
	(void)call(DRAC_PROC_ADD, "192.0.2.1", NOW);
	jobs[0] = jobs[1] = job_of(DRAC_PROC_ADD, &a);
	jobs[1].caller = mailhost;
	let_write(false);
	drac_work_do(&state, jobs, 2, NOW + LIFETIME);
	let_write(true);
	CHECK(jobs[0].answer == DRAC_ANSWER_SYSERR);
	CHECK(jobs[1].answer == DRAC_ANSWER_SYSERR);
	CHECK(strstr(jobs[0].reply.why.text, "too large") != NULL);
	CHECK(strstr(logged[LOG_ERR], "too large") != NULL);
	CHECK(drac_stats.failed == 2 && state.entries == 1);
	CHECK(expiry_of("192.0.2.2") == -1);
	CHECK(drac_work_idle(&state, NOW + LIFETIME, 0) == 0);
	CHECK(strstr(logged[LOG_INFO], "looked through the map again") != NULL);
	CHECK(expiry_of("192.0.2.1") == NOW + LIFETIME);
	(void)drac_work_idle(&state, NOW + LIFETIME + 1, 1000);
	CHECK(expiry_of("192.0.2.1") == -1);
	CHECK(call(DRAC_PROC_ADD, "192.0.2.2", NOW).reply.flag);
	stop();
}

static void
open_says_what_to_do(void)
{
	struct drac_why why = { "" };

	empty_dir(dir);
	memset(&state, 0, sizeof(state));
	configure(&state.conf);
	CHECK(chmod(dir, 0777) == 0);
	CHECK(drac_work_open(&state, &why) == -1);
	CHECK(strstr(why.text, "dracctl init --daemon") != NULL);
	drac_work_close(&state);
	CHECK(rmdir(dir) == 0);
	CHECK(drac_work_open(&state, &why) == -1);
	CHECK(strstr(why.text, "dracctl init --daemon") != NULL);
	drac_work_close(&state);
	CHECK(mkdir(dir, 0755) == 0);
	drac_conf_free(&state.conf);
}

int
main(void)
{
	const char *tmp = getenv("TMPDIR");

	umask(022);
	(void)signal(SIGXFSZ, SIG_IGN);
	mailhost.addr = addr("198.51.100.2");
	snprintf(base, sizeof(base), "%.40s/drac.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(base) == NULL)
		return 1;
	snprintf(dir, sizeof(dir), "%s/map", base);
	snprintf(path, sizeof(path), "%s/dracd.db", dir);
	if (mkdir(dir, 0755) == -1)
		return 1;
	RUN(rights_are_asked_for);
	RUN(closed_address_is_not_added);
	RUN(closing_outlives_the_daemon_and_ends);
	RUN(close_wants_a_network);
	RUN(damaged_list_stops_adds_alone);
	RUN(refusals_are_logged);
	RUN(grants_are_logged_once);
	RUN(excluded_is_no_failure);
	RUN(add_renews_and_counts);
	RUN(same_address_twice_in_a_turn);
	RUN(turn_keeps_the_order);
	RUN(take_back_restores_and_expires_then);
	RUN(take_back_never_prolongs);
	RUN(user_learns_no_expiry);
	RUN(set_counts_from_its_own_second);
	RUN(drop_and_clear);
	RUN(expires_at_the_second);
	RUN(duplicates_collapse);
	RUN(taken_back_expiries_do_not_pile_up);
	RUN(clock_steps);
	RUN(turn_removes_a_bounded_number);
	RUN(sweep_removes_all_at_once);
	RUN(list_pages_over_all_once);
	RUN(lists_of_a_turn_are_apart);
	RUN(entries_are_learnt_at_the_start);
	RUN(other_map_is_learnt);
	RUN(failure_is_told_and_tried_again);
	RUN(open_says_what_to_do);
	empty_dir(dir);
	(void)rmdir(dir);
	(void)rmdir(base);
	return TEST_RESULT();
}
