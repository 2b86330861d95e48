/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Each family has 256 parts, chosen by the high octet of the hash; each
 * part is an array of slots with linear probing, resized as a whole. A slot
 * is the expiry and the octets of the address; expiry 0 is a free one. A
 * removal moves later ones of the run back, so there are no graves.
 */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PARTS    256u
#define SECONDS  sizeof(uint32_t)
#define SLOT_MAX (SECONDS + 16u)
#define ROOM_MIN 16u

struct part {
	unsigned char *slots;
	size_t count;
	size_t room; /* 0, or a power of two */
};

struct family {
	size_t size; /* octets of a slot */
	size_t count;
	struct part part[PARTS];
};

struct drac_table {
	struct drac_table_key key;
	struct family v4;
	struct family v6;
};

/* Where an address belongs. */
struct spot {
	struct family *family;
	struct part *part;
	unsigned char slot[SLOT_MAX]; /* as it is kept; expiry not filled in */
	uint64_t hash;
};

/*
 * A sum of the words, each times a random one: two addresses have the same
 * by chance alone, whoever chose them. Mixed, since its low bits are poor
 * and neighbours would stay neighbours.
 */
static uint64_t
hash_of(const struct drac_table *table, const unsigned char *octets, size_t len)
{
	uint64_t sum = table->key.word[4];
	uint32_t word;

	for (size_t i = 0; i < len / sizeof word; i++) {
		memcpy(&word, octets + i * sizeof word, sizeof word);
		sum += table->key.word[i] * word;
	}
	sum = (sum ^ sum >> 33) * 0xff51afd7ed558ccdu;
	sum = (sum ^ sum >> 33) * 0xc4ceb9fe1a85ec53u;
	return sum ^ sum >> 33;
}

static struct part *
part_of(struct family *family, uint64_t hash)
{
	return &family->part[hash >> 56];
}

static struct spot
spot_of(struct drac_table *table, const struct drac_addr *addr)
{
	struct spot spot = { .family =
				 addr->len == 4 ? &table->v4 : &table->v6 };

	memcpy(spot.slot + SECONDS, addr->octet, spot.family->size - SECONDS);
	spot.hash =
	    hash_of(table, spot.slot + SECONDS, spot.family->size - SECONDS);
	spot.part = part_of(spot.family, spot.hash);
	return spot;
}

static uint32_t
seconds(const unsigned char *slot)
{
	uint32_t expiry;

	memcpy(&expiry, slot, sizeof expiry);
	return expiry;
}

/* The slot of that address, or the free one where its run ends. */
static unsigned char *
probe(const struct family *family, const struct part *part,
    const unsigned char *wanted, uint64_t hash)
{
	size_t i = hash & (part->room - 1);

	for (;;) {
		unsigned char *slot = part->slots + i * family->size;

		if (seconds(slot) == 0 ||
		    memcmp(slot + SECONDS, wanted + SECONDS,
			family->size - SECONDS) == 0)
			return slot;
		i = (i + 1) & (part->room - 1);
	}
}

/* As it was when there is no memory. */
static int
resize(const struct drac_table *table, const struct family *family,
    struct part *part, size_t room)
{
	struct part fresh = { .count = part->count, .room = room };

	if (room > 0 && (fresh.slots = calloc(room, family->size)) == NULL)
		return -1;
	for (size_t i = 0; i < part->room; i++) {
		const unsigned char *slot = part->slots + i * family->size;

		if (seconds(slot) == 0)
			continue;
		memcpy(probe(family, &fresh, slot,
			   hash_of(table, slot + SECONDS,
			       family->size - SECONDS)),
		    slot, family->size);
	}
	free(part->slots);
	*part = fresh;
	return 0;
}

/* One slot is always free, or probing would not end. */
static int
make_room(const struct drac_table *table, const struct spot *spot)
{
	struct part *part = spot->part;
	size_t room = part->room == 0 ? ROOM_MIN : 2 * part->room;

	if (part->count + 1 <= part->room / 4 * 3 ||
	    resize(table, spot->family, part, room) == 0 ||
	    part->count + 1 < part->room)
		return 0;
	errno = ENOMEM;
	return -1;
}

struct drac_table *
drac_table_new(const struct drac_table_key *key)
{
	struct drac_table *table = calloc(1, sizeof *table);

	if (table == NULL)
		return NULL;
	table->key = *key;
	table->v4.size = SECONDS + 4;
	table->v6.size = SECONDS + 16;
	return table;
}

void
drac_table_free(struct drac_table *table)
{
	if (table == NULL)
		return;
	for (size_t i = 0; i < PARTS; i++) {
		free(table->v4.part[i].slots);
		free(table->v6.part[i].slots);
	}
	free(table);
}

static uint32_t
kept(time_t expiry)
{
	return expiry > (time_t)UINT32_MAX ? UINT32_MAX : (uint32_t)expiry;
}

int
drac_table_set(struct drac_table *table, const struct drac_addr *addr,
    time_t expiry)
{
	struct spot spot = spot_of(table, addr);
	uint32_t value = kept(expiry);
	unsigned char *slot = NULL;

	if (expiry <= 0) {
		(void)drac_table_remove(table, addr);
		return 0;
	}
	if (spot.part->room > 0)
		slot = probe(spot.family, spot.part, spot.slot, spot.hash);
	if (slot == NULL || seconds(slot) == 0) {
		if (make_room(table, &spot) == -1)
			return -1;
		slot = probe(spot.family, spot.part, spot.slot, spot.hash);
		spot.part->count++;
		spot.family->count++;
	}
	memcpy(spot.slot, &value, sizeof value);
	memcpy(slot, spot.slot, spot.family->size);
	return 0;
}

/*
 * Fill the hole with the next of the run that may stand there: one whose
 * own place is not behind the hole. Then that is the hole.
 */
static void
close_hole(const struct drac_table *table, const struct spot *spot, size_t hole)
{
	struct part *part = spot->part;
	size_t size = spot->family->size, mask = part->room - 1;

	for (size_t i = (hole + 1) & mask;; i = (i + 1) & mask) {
		const unsigned char *slot = part->slots + i * size;
		size_t home;

		if (seconds(slot) == 0)
			break;
		home = hash_of(table, slot + SECONDS, size - SECONDS) & mask;
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		memcpy(part->slots + hole * size, slot, size);
		hole = i;
	}
	memset(part->slots + hole * size, 0, size);
}

bool
drac_table_remove(struct drac_table *table, const struct drac_addr *addr)
{
	struct spot spot = spot_of(table, addr);
	struct part *part = spot.part;
	unsigned char *slot;

	if (part->room == 0)
		return false;
	slot = probe(spot.family, part, spot.slot, spot.hash);
	if (seconds(slot) == 0)
		return false;
	close_hole(table, &spot,
	    (size_t)(slot - part->slots) / spot.family->size);
	part->count--;
	spot.family->count--;
	if (part->count == 0)
		(void)resize(table, spot.family, part, 0);
	else if (part->room > ROOM_MIN && part->count < part->room / 8)
		(void)resize(table, spot.family, part, part->room / 2);
	return true;
}

bool
drac_table_get(const struct drac_table *table, const struct drac_addr *addr,
    time_t *expiry)
{
	const struct family *family = addr->len == 4 ? &table->v4 : &table->v6;
	unsigned char wanted[SLOT_MAX];
	const unsigned char *slot;
	const struct part *part;
	uint64_t hash;

	memcpy(wanted + SECONDS, addr->octet, family->size - SECONDS);
	hash = hash_of(table, wanted + SECONDS, family->size - SECONDS);
	part = &family->part[hash >> 56];
	if (part->room == 0)
		return false;
	slot = probe(family, part, wanted, hash);
	if (seconds(slot) == 0)
		return false;
	*expiry = (time_t)seconds(slot);
	return true;
}

size_t
drac_table_count(const struct drac_table *table)
{
	return table->v4.count + table->v6.count;
}
