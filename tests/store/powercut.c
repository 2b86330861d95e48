/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Power cuts. With sync, what the disk keeps for sure is what was synced:
 * the journal's records, and the map as it was when the ring began anew.
 * Of every page written since, and of the journal's header and checksums,
 * it may keep any version. From any such mixture the next writer must make
 * a whole map in which every acknowledged update is right.
 *
 *	powercut [SEED [ROUNDS]]
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>

#include "journal.h"
#include "model.h"
#include "place.h"
#include "remap.h"
#include "store.h"

#define POOL     3000u /* addresses in use */
#define BATCH    100u  /* updates before a cut, at most */
#define RING_AT  4096
#define SUMS_AT  (RING_AT + (off_t)DRAC_RING_BYTES)
#define SECTOR   512u
#define LIMIT_MS 180000

/* What a range of a file may hold after the cut, sector by sector. */
struct range {
	off_t at;
	size_t size;
	unsigned char *now;
	unsigned char *spare; /* as big */
	size_t count;
	size_t room;
	struct version {
		uint32_t sector;
		unsigned char octets[SECTOR];
	} * version;
};

struct cut {
	char dir[80];
	char path[128];
	struct model *model;
	unsigned seed;
	unsigned long rounds;
	unsigned long round; /* the one under way */
	uint64_t state;
	struct range pages;
	struct range sums;
	struct range head;
	struct drac_journal_head before; /* the last update */
	ino_t ino;
	unsigned long wraps;
	unsigned long copies;
	unsigned long torn;
	char text[400];
};

static unsigned
dice(struct cut *cut, unsigned sides)
{
	cut->state ^= cut->state << 13;
	cut->state ^= cut->state >> 7;
	cut->state ^= cut->state << 17;
	return (unsigned)(cut->state >> 20) % sides;
}

static int
open_file(const struct cut *cut, const char *suffix)
{
	char name[160];
	int fd;

	snprintf(name, sizeof(name), "%s%s", cut->path, suffix);
	fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd == -1)
		die(name);
	return fd;
}

static void
must_read(int fd, void *data, size_t size, off_t at)
{
	if (drac_read_full(fd, data, size, at) == -1)
		die("read");
}

static void
must_write(int fd, const void *data, size_t size, off_t at)
{
	if (drac_write_full(fd, data, size, at) == -1)
		die("write");
}

/* From here on only what the file holds now is possible. */
static void
settle(struct range *range, int fd, off_t at, size_t size)
{
	range->at = at;
	range->size = size;
	range->now = realloc(range->now, size);
	range->spare = realloc(range->spare, size);
	if (range->now == NULL || range->spare == NULL)
		die("memory");
	must_read(fd, range->now, size, at);
	range->count = 0;
}

/* Sectors that are other than before: what they were is possible, too. */
static void
watch(struct range *range, int fd)
{
	unsigned char *is = range->spare;

	must_read(fd, is, range->size, range->at);
	for (size_t at = 0; at < range->size; at += SECTOR) {
		struct version *version;

		if (memcmp(is + at, range->now + at, SECTOR) == 0)
			continue;
		if (range->count == range->room) {
			range->room = 2 * range->room + 64;
			range->version = realloc(range->version,
			    range->room * sizeof(*version));
			if (range->version == NULL)
				die("memory");
		}
		version = &range->version[range->count++];
		version->sector = (uint32_t)(at / SECTOR);
		memcpy(version->octets, range->now + at, SECTOR);
	}
	range->spare = range->now;
	range->now = is;
}

/* The disk kept an older version of some sectors: of all, of few, of none. */
static void
mix(struct cut *cut, const struct range *range, int fd)
{
	unsigned lost = dice(cut, 5) * 25;

	for (size_t i = 0; i < range->count; i++)
		if (dice(cut, 100) < lost)
			must_write(fd, range->version[i].octets, SECTOR,
			    range->at + (off_t)range->version[i].sector *
					    (off_t)SECTOR);
}

static struct drac_journal_head
head_of(int journal)
{
	struct drac_journal_head head;

	must_read(journal, &head, sizeof(head), 0);
	return head;
}

/* All of it is on the disk: as after a sync, or when the kernel felt like. */
static void
all_on_disk(struct cut *cut)
{
	int map = open_file(cut, "");
	int journal = open_file(cut, ".journal");
	struct stat st;

	if (fstat(map, &st) == -1)
		die("fstat");
	cut->ino = st.st_ino;
	settle(&cut->pages, map, 0, (size_t)st.st_size);
	settle(&cut->head, journal, 0, SECTOR);
	settle(&cut->sums, journal, SUMS_AT,
	    (size_t)st.st_size / DRAC_PAGE_SIZE * 8 / SECTOR * SECTOR);
	(void)close(map);
	(void)close(journal);
}

/* After an update: what has been added to the possible. */
static void
note_update(struct cut *cut)
{
	int map = open_file(cut, "");
	int journal = open_file(cut, ".journal");
	struct drac_journal_head head = head_of(journal);
	struct stat st;

	if (fstat(map, &st) == -1)
		die("fstat");
	if (st.st_ino != cut->ino) {
		/* A new file, synced; what the update did after that is not. */
		cut->copies++;
		all_on_disk(cut);
	} else {
		if (head.epoch != cut->before.epoch) {
			/* The map was synced before this update. */
			cut->wraps++;
			cut->pages.count = cut->sums.count = 0;
			settle(&cut->head, journal, 0, SECTOR);
		}
		watch(&cut->pages, map);
		watch(&cut->sums, journal);
		watch(&cut->head, journal);
	}
	(void)close(map);
	(void)close(journal);
}

/* One update; acknowledged, or the test is over. */
static int
update(struct cut *cut, struct drac_store *store)
{
	unsigned n = dice(cut, POOL);
	struct drac_addr addr = model_addr(n);
	struct model_entry *entry = &cut->model->entry[n];
	struct drac_why why;
	time_t expiry = NOW + 1 + dice(cut, 100000);
	int result;

	if (dice(cut, 8) == 0) {
		result = drac_store_drop(store, &addr, &why);
		expiry = 0;
	} else {
		result = drac_store_set(store, &addr, expiry, &why);
	}
	if (result == -1 || why.text[0] != '\0') {
		snprintf(cut->text, sizeof(cut->text), "update: %s", why.text);
		return -1;
	}
	/* The last one may yet be torn. */
	for (unsigned i = 0; i < POOL; i++)
		cut->model->entry[i].step = 0;
	entry->to = entry->is;
	entry->is = expiry;
	return (int)n;
}

/*
 * The last record did not reach the disk whole; then nothing of its update
 * was written to the map, and nobody was told of it.
 */
static void
tear_last(struct cut *cut, int journal, uint64_t tail, unsigned n)
{
	unsigned char rubbish[16];
	struct model_entry *entry = &cut->model->entry[n];
	uint64_t length = tail - cut->before.tail;
	uint64_t at = cut->before.tail + dice(cut, (unsigned)length - 16);

	for (size_t i = 0; i < sizeof(rubbish); i++)
		rubbish[i] = (unsigned char)dice(cut, 256);
	must_write(journal, rubbish, sizeof(rubbish), RING_AT + (off_t)at);
	entry->is = entry->to;
	cut->torn++;
}

/* Another boot finds this journal. */
static void
reboot(int journal)
{
	struct drac_journal_head head = head_of(journal);

	head.boot[3] ^= 0x55;
	head.sum = drac_sum(&head, offsetof(struct drac_journal_head, sum), 1);
	must_write(journal, &head, sizeof(head), 0);
}

static void
write_back(const struct range *range, int fd)
{
	must_write(fd, range->now, range->size, range->at);
}

static void
cut_power(struct cut *cut, struct range last[3], unsigned n)
{
	int map = open_file(cut, "");
	int journal = open_file(cut, ".journal");
	struct drac_journal_head head = head_of(journal);

	if (last[0].now != NULL && head.epoch == cut->before.epoch &&
	    head.tail > cut->before.tail + 32) {
		write_back(&last[0], map);
		write_back(&last[1], journal);
		write_back(&last[2], journal);
		for (int i = 0; i < 3; i++)
			(&cut->pages)[i].count = last[i].count;
		tear_last(cut, journal, head.tail, n);
	}
	mix(cut, &cut->pages, map);
	mix(cut, &cut->sums, journal);
	mix(cut, &cut->head, journal);
	reboot(journal);
	(void)close(map);
	(void)close(journal);
}

/* Copies of the ranges as they are before an update that will be torn. */
static void
remember(struct cut *cut, struct range last[3])
{
	for (int i = 0; i < 3; i++) {
		last[i] = (&cut->pages)[i];
		last[i].now = malloc(last[i].size);
		if (last[i].now == NULL)
			die("memory");
		memcpy(last[i].now, (&cut->pages)[i].now, last[i].size);
	}
}

static struct drac_store *
open_store(struct cut *cut)
{
	struct drac_store_opts opts = { .path = cut->path,
		.mode = 0644,
		.sync = true,
		.timeout_ms = 10000,
		.may_create = true };
	struct drac_store *store;
	struct drac_why why;

	if (drac_store_open(&opts, &store, &why) == 0)
		return store;
	printf("  %s\n", why.text);
	exit(3);
}

/* Updates, then the cut. */
static int
updates_then_cut(struct cut *cut)
{
	struct drac_store *store = open_store(cut);
	struct range last[3] = { { 0 }, { 0 }, { 0 } };
	unsigned count = 1 + dice(cut, BATCH);
	bool tear = dice(cut, 4) == 0;
	int n = 0;

	/* Now and then so many that the ring begins anew. */
	if (cut->round % 50 == 20)
		count += 2000;
	all_on_disk(cut);
	for (unsigned i = 0; i < count && n != -1; i++) {
		int journal = open_file(cut, ".journal");
		ino_t ino = cut->ino;

		cut->before = head_of(journal);
		(void)close(journal);
		if (tear && i + 1 == count)
			remember(cut, last);
		n = update(cut, store);
		note_update(cut);
		if (ino != cut->ino) {
			free(last[0].now);
			last[0].now = NULL;
		}
	}
	drac_store_close(store);
	if (n != -1)
		cut_power(cut, last, (unsigned)n);
	for (int i = 0; i < 3; i++)
		if (i > 0 || last[0].now != NULL)
			free(last[i].now);
	return n == -1 ? -1 : 0;
}

/* The next writer, and then a reader that knows nothing of us. */
static int
recover(struct cut *cut)
{
	struct drac_store *store = open_store(cut);
	int n = update(cut, store);

	drac_store_close(store);
	if (n == -1)
		return -1;
	if (plain_verify(cut->path) != 0) {
		snprintf(cut->text, sizeof(cut->text), "verify");
		return -1;
	}
	return model_check(cut->model, cut->path, false, cut->text);
}

static int
nothing(void *arg, struct drac_item *item)
{
	(void)arg;
	(void)item;
	return 0;
}

/* A map that will be too small soon, so that it is replaced on the way. */
static void
small_map(const struct cut *cut)
{
	struct drac_place place;
	struct drac_remap remap = { .place = &place,
		.mode = 0644,
		.sync = true };

	if (drac_place_open(&place, cut->path, NULL) == -1 ||
	    drac_remap_build(&remap, nothing, NULL, 128, NULL) == -1)
		die(cut->path);
	drac_place_close(&place);
}

static int
all_rounds(void *arg)
{
	struct cut *cut = arg;

	cut->state = UINT64_C(0x9e3779b97f4a7c15) * (cut->seed + 1);
	cut->model->count = POOL;
	small_map(cut);
	for (cut->round = 0; cut->round < cut->rounds; cut->round++)
		if (updates_then_cut(cut) == -1 || recover(cut) == -1) {
			printf("  seed %u, cut %lu: %s\n", cut->seed,
			    cut->round, cut->text);
			return 1;
		}
	printf("  %lu cuts, %lu torn records, %lu turns of the ring, "
	       "%lu new files\n",
	    cut->rounds, cut->torn, cut->wraps, cut->copies);
	/* Without these the test has not seen what it is for. */
	if (cut->rounds >= 100 &&
	    (cut->torn == 0 || cut->wraps == 0 || cut->copies == 0))
		return 2;
	return 0;
}

int
main(int argc, char **argv)
{
	const char *tmp = getenv("TMPDIR");
	struct cut *cut = shared_memory(sizeof(*cut));
	char base[64];
	char command[200];
	int result;

	if (tmp == NULL)
		tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(base, sizeof(base), "%.40s/drac.XXXXXX", tmp);
	if (mkdtemp(base) == NULL)
		die(base);
	snprintf(cut->dir, sizeof(cut->dir), "%s/map", base);
	snprintf(cut->path, sizeof(cut->path), "%s/dracd.db", cut->dir);
	if (mkdir(cut->dir, 0755) == -1)
		die(cut->dir);
	cut->model = shared_memory(sizeof(*cut->model));
	cut->seed = argc > 1 ? (unsigned)atol(argv[1]) : 1;
	cut->rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 200;
	result = in_child(all_rounds, cut, LIMIT_MS);
	if (result == 0)
		printf("ok power_cuts\n");
	else
		printf("FAIL power_cuts: %d\n", result);
	snprintf(command, sizeof(command), "rm -rf '%s'", base);
	if (system(command) != 0)
		return 1;
	return result == 0 ? 0 : 1;
}
