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
#define MODEL_STEPS 4u

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

/* One address: 0, or what is wrong with it. */
static inline int
model_get(const struct model *model, DB *db, unsigned n, time_t *value,
    char text[200])
{
	struct drac_addr addr = model_addr(n);
	int result = plain_get_addr(db, &addr, value);

	if (result == DB_NOTFOUND)
		*value = 0;
	else if (result != 0) {
		snprintf(text, 200, "get %u: error %d", n, result);
		return -1;
	}
	if (model_allows(model, n, *value))
		return 0;
	snprintf(text, 200, "entry %u is %+lld, not %+lld, step %u", n,
	    (long long)(*value == 0 ? 0 : *value - NOW),
	    (long long)(model->entry[n].is == 0 ? 0 : model->entry[n].is - NOW),
	    model->entry[n].step);
	return -1;
}

static inline int
model_scan(const time_t *found, unsigned count, DB *db, char text[200])
{
	DBC *cursor;
	DBT key;
	DBT value;
	unsigned seen = 0;
	unsigned expected = 0;
	int result = db->cursor(db, NULL, &cursor, 0);

	memset(&key, 0, sizeof(key));
	memset(&value, 0, sizeof(value));
	for (unsigned n = 0; n < count; n++)
		expected += found[n] != 0;
	while (result == 0 &&
	       (result = cursor->get(cursor, &key, &value, DB_NEXT)) == 0) {
		struct drac_addr addr;
		struct drac_addr back;
		bool second;
		time_t expiry;
		unsigned n;

		if (drac_key_read(key.data, key.size, &addr, &second) == -1 ||
		    drac_value_read(value.data, value.size, &expiry) == -1) {
			snprintf(text, 200, "scan: not ours");
			return -1;
		}
		n = (unsigned)addr.octet[13] << 16 |
		    (unsigned)addr.octet[14] << 8 | addr.octet[15];
		back = model_addr(n);
		if (n >= count || !drac_addr_equal(&addr, &back) ||
		    found[n] != expiry) {
			snprintf(text, 200, "scan: entry %u differs", n);
			return -1;
		}
		seen++;
	}
	if (result != DB_NOTFOUND || seen != expected) {
		snprintf(text, 200, "scan: saw %u of %u, error %d", seen,
		    expected, result);
		return -1;
	}
	(void)cursor->close(cursor);
	return 0;
}

/* The whole map as a reader sees it. may_lack: there may be none. */
static inline int
model_check(const struct model *model, const char *path, bool may_lack,
    char text[200])
{
	static time_t found[MODEL_MAX];
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
		result = model_get(model, db, n, &found[n], text);
	if (result == 0)
		result = model_scan(found, model->count, db, text);
	plain_close(db);
	return result;
}

#endif
