/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a map must say after something went wrong: each address has the
 * value it had or the one it was to get; only the latter once that was
 * acknowledged. Compared with what an unmodified reader finds, one by one
 * and from end to end.
 */
#ifndef DRAC_TEST_MODEL_H
#define DRAC_TEST_MODEL_H

#include <stdbool.h>

#include "page.h"
#include "plain.h"

#define NOW         ((time_t)1900000000)
#define MODEL_MAX   6000u
#define MODEL_STEPS 5u

struct model {
	unsigned count;
	bool begun; /* anything: what has expired may be gone */
	bool swept; /* what has expired must be gone */
	bool step_begun[MODEL_STEPS];
	bool step_acked[MODEL_STEPS];
	struct model_entry {
		time_t is; /* 0 none */
		time_t to;
		unsigned step; /* of the change; 0 none */
	} entry[MODEL_MAX];
};

/* The n-th address: many octets long, in no order, n at its end. */
static inline struct drac_addr
model_addr(unsigned n)
{
	struct drac_addr made = { .len = 16,
		.octet = { 0x20, 0x01, 0x0d, 0xb8 } };
	uint64_t mixed = drac_sum(&n, sizeof(n), 1);

	for (int i = 0; i < 8; i++)
		made.octet[4 + i] = (unsigned char)(mixed >> 8 * i | 0x10);
	for (int i = 0; i < 4; i++)
		made.octet[12 + i] = (unsigned char)(n >> (24 - 8 * i));
	return made;
}

/* value 0: not there. */
static inline bool
model_allows(const struct model *model, unsigned n, time_t value)
{
	const struct model_entry *entry = &model->entry[n];
	bool old = entry->is != 0 && entry->is <= NOW;

	if (old && value == 0 && model->begun)
		return true;
	if (old && value != 0 && model->swept)
		return false;
	if (entry->step != 0 && value == entry->to)
		return model->step_begun[entry->step];
	return value == entry->is &&
	       !(entry->step != 0 && model->step_acked[entry->step]);
}

/* One address: 0, or -1 and what is wrong with it. */
static inline int
model_get(const struct model *model, DB *db, unsigned n, char text[200])
{
	struct drac_addr addr = model_addr(n);
	time_t is = model->entry[n].is;
	time_t value = 0;
	int result = plain_get_addr(db, &addr, &value);

	if (result != 0 && result != DB_NOTFOUND) {
		snprintf(text, 200, "get %u: error %d", n, result);
		return -1;
	}
	if (model_allows(model, n, result == 0 ? value : 0))
		return 0;
	snprintf(text, 200, "entry %u is %+lld, not %+lld, step %u", n,
	    (long long)(result != 0 ? 0 : value - NOW),
	    (long long)(is == 0 ? 0 : is - NOW), model->entry[n].step);
	return -1;
}

/* One entry of a scan: its number, or -1. */
static inline int
model_item(const struct model *model, const DBT *key, const DBT *value)
{
	struct drac_addr addr;
	struct drac_addr made;
	bool second;
	time_t expiry;
	unsigned n;

	if (drac_key_read(key->data, key->size, &addr, &second) == -1 ||
	    drac_value_read(value->data, value->size, &expiry) == -1)
		return -1;
	n = (unsigned)addr.octet[13] << 16 | (unsigned)addr.octet[14] << 8 |
	    addr.octet[15];
	made = model_addr(n);
	if (n >= model->count || !drac_addr_equal(&addr, &made) ||
	    !model_allows(model, n, expiry))
		return -1;
	return (int)n;
}

/*
 * From end to end: each entry at most once, none missing. One that was
 * just being added may be found by its key before a scan comes by it.
 */
static inline int
model_scan(const struct model *model, DB *db, char text[200])
{
	bool seen[MODEL_MAX] = { false };
	DBC *cursor;
	DBT key;
	DBT value;
	int result = db->cursor(db, NULL, &cursor, 0);

	memset(&key, 0, sizeof(key));
	memset(&value, 0, sizeof(value));
	while (result == 0 &&
	       (result = cursor->get(cursor, &key, &value, DB_NEXT)) == 0) {
		int n = model_item(model, &key, &value);

		if (n == -1 || seen[n]) {
			snprintf(text, 200, "scan: %.*s is %s", (int)key.size,
			    (char *)key.data,
			    n == -1 ? "wrong" : "there twice");
			return -1;
		}
		seen[n] = true;
	}
	if (result != DB_NOTFOUND) {
		snprintf(text, 200, "scan: error %d", result);
		return -1;
	}
	(void)cursor->close(cursor);
	for (unsigned n = 0; n < model->count; n++)
		if (!seen[n] && !model_allows(model, n, 0)) {
			snprintf(text, 200, "scan: entry %u is missing", n);
			return -1;
		}
	return 0;
}

/* The whole map as a reader sees it. may_lack: there may be none. */
static inline int
model_check(const struct model *model, const char *path, bool may_lack,
    char text[200])
{
	DB *db;
	int result = 0;

	if (may_lack && access(path, F_OK) == -1)
		return 0;
	db = plain_open(path);
	if (db == NULL) {
		snprintf(text, 200, "does not open");
		return -1;
	}
	for (unsigned n = 0; n < model->count && result == 0; n++)
		result = model_get(model, db, n, text);
	if (result == 0)
		result = model_scan(model, db, text);
	plain_close(db);
	return result;
}

/*
 * Are those that one step changes either all as they were or all as they
 * were to be? Only where no other step has an eye on them.
 */
static inline int
model_whole(const struct model *model, const char *path, unsigned step,
    char text[200])
{
	DB *db = plain_open(path);
	unsigned changed = 0;
	unsigned all = 0;

	for (unsigned n = 0; db != NULL && n < model->count; n++) {
		const struct model_entry *entry = &model->entry[n];
		struct drac_addr addr = model_addr(n);
		time_t value = 0;

		if (entry->step != step || entry->is == entry->to)
			continue;
		if (plain_get_addr(db, &addr, &value) != 0)
			value = 0;
		/* One that has expired may go without the step. */
		if (entry->is != 0 && entry->is <= NOW && entry->to == 0)
			continue;
		all++;
		changed += value == entry->to;
	}
	plain_close(db);
	snprintf(text, 200, "step %u: %u of %u changed", step, changed, all);
	return db == NULL || (changed != 0 && changed != all) ? -1 : 0;
}

#endif
