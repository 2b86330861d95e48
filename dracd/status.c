/* SPDX-License-Identifier: BSD-2-Clause */

/* What has been done so far, and for whom; see dracd.h. */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dracd.h"

#define CALLERS 64u

/* A line is left out rather than cut: the longest has the map's path. */
#define LINE 4400

struct counted {
	bool used;
	bool local;
	uid_t uid;
	struct drac_addr addr;
	uint64_t adds;
	uint64_t refused;
	time_t last;
};

struct drac_stats drac_stats;

static struct counted callers[CALLERS];

static bool
same(const struct counted *counted, const struct drac_caller *caller)
{
	if (!counted->used ||
	    counted->local != (caller->road == DRAC_ROAD_LOCAL))
		return false;
	return counted->local ? counted->uid == caller->uid
			      : drac_addr_equal(&counted->addr, &caller->addr);
}

/* Senders can be forged: those that never got in have half of the table. */
static bool
is_stranger(const struct counted *counted)
{
	return counted->used && counted->adds == 0;
}

static bool
is_full_of_strangers(void)
{
	size_t count = 0;

	for (size_t i = 0; i < CALLERS; i++)
		count += is_stranger(&callers[i]);
	return count >= CALLERS / 2;
}

/* A free place, or else that of who was silent longest. */
static struct counted *
make_room(bool of_stranger)
{
	struct counted *best = NULL;

	for (size_t i = 0; i < CALLERS; i++) {
		struct counted *counted = &callers[i];

		if (of_stranger && !is_stranger(counted))
			continue;
		if (!counted->used)
			return counted;
		if (best == NULL || counted->last < best->last)
			best = counted;
	}
	return best;
}

/* The caller's place in the table. */
static struct counted *
find(const struct drac_caller *caller, bool refused)
{
	struct counted *place;

	for (size_t i = 0; i < CALLERS; i++)
		if (same(&callers[i], caller))
			return &callers[i];
	place = make_room(refused && is_full_of_strangers());
	*place = (struct counted){ .used = true,
		.local = caller->road == DRAC_ROAD_LOCAL,
		.uid = caller->uid,
		.addr = caller->addr };
	return place;
}

void
drac_status_note(const struct drac_caller *caller, bool refused, time_t now)
{
	struct counted *counted = find(caller, refused);

	if (refused)
		counted->refused++;
	else
		counted->adds++;
	counted->last = now;
}

/* Text that grows by whole lines as long as there is room. */
struct text {
	char *text;
	size_t room;
	size_t length;
};

__attribute__((format(printf, 2, 3))) static void
put(struct text *to, const char *format, ...)
{
	char line[LINE];
	va_list ap;
	int length;

	va_start(ap, format);
	length = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (length < 0 || (size_t)length >= sizeof(line) ||
	    (size_t)length + 1 >= to->room - to->length)
		return;
	drac_why_make_harmless(line);
	line[length++] = '\n';
	memcpy(to->text + to->length, line, (size_t)length);
	to->length += (size_t)length;
	to->text[to->length] = '\0';
}

/* A clock that was stepped back must not show as a huge number. */
static intmax_t
seconds_since(time_t then, time_t now)
{
	return now > then ? (intmax_t)(now - then) : 0;
}

static void
put_state(struct text *to, const struct drac_state *state, time_t now)
{
	put(to, "version %s", DRAC_VERSION);
	put(to, "pid %jd", (intmax_t)getpid());
	put(to, "started %jd", (intmax_t)drac_stats.started);
	put(to, "uptime %jd", seconds_since(drac_stats.started, now));
	put(to, "database %s", state->conf.database);
	put(to, "lifetime %u", state->conf.lifetime_s);
	put(to, "entries %" PRIu64, state->entries);
}

static void
put_counts(struct text *to)
{
	const struct drac_stats *s = &drac_stats;
	const struct {
		const char *name;
		uint64_t count;
	} counts[] = {
		{ "calls-local", s->calls[DRAC_ROAD_LOCAL] },
		{ "calls-udp", s->calls[DRAC_ROAD_UDP] },
		{ "calls-tcp", s->calls[DRAC_ROAD_TCP] },
		{ "added", s->added },
		{ "renewed", s->renewed },
		{ "fresh", s->fresh },
		{ "excluded", s->excluded },
		{ "refused-user", s->refused[DRAC_REFUSAL_USER] },
		{ "refused-port", s->refused[DRAC_REFUSAL_PORT] },
		{ "refused-host", s->refused[DRAC_REFUSAL_HOST] },
		{ "refused-right", s->refused[DRAC_REFUSAL_RIGHT] },
		{ "refused-unnamed", s->refused[DRAC_REFUSAL_ANONYMOUS] },
		{ "refused-late", s->refused[DRAC_REFUSAL_LATE] },
		{ "malformed", s->malformed },
		{ "failed", s->failed },
		{ "taken-back", s->taken_back },
		{ "dropped", s->dropped },
		{ "expired", s->expired },
		{ "sweeps", s->sweeps },
		{ "batches", s->batches },
		{ "connections", s->connections },
		{ "evicted", s->evicted },
		{ "open", s->open },
		{ "lookups", s->lookups },
		{ "lookup-found", s->lookup_found },
		{ "lookup-notfound", s->lookup_notfound },
		{ "lookup-temp", s->lookup_temp },
		{ "lookup-malformed", s->lookup_malformed },
		{ "lookup-conns", s->lookup_conns },
		{ "lookup-evicted", s->lookup_evicted },
		{ "lookup-open", s->lookup_open },
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		put(to, "%s %" PRIu64, counts[i].name, counts[i].count);
}

static void
put_caller(struct text *to, const struct counted *counted, time_t now)
{
	char name[DRAC_ADDR_TEXT];

	if (counted->local)
		snprintf(name, sizeof(name), "user:%ju",
		    (uintmax_t)counted->uid);
	else
		drac_addr_text(&counted->addr, name);
	put(to, "caller %s adds %" PRIu64 " refused %" PRIu64 " last %jd", name,
	    counted->adds, counted->refused, seconds_since(counted->last, now));
}

void
drac_status_text(const struct drac_state *state, time_t now, char *text,
    size_t room)
{
	struct text to = { .text = text, .room = room };

	if (room == 0)
		return;
	text[0] = '\0';
	put_state(&to, state, now);
	put_counts(&to);
	for (size_t i = 0; i < CALLERS; i++)
		if (callers[i].used)
			put_caller(&to, &callers[i], now);
}
