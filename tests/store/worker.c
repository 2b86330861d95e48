/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Each write-type system call of each kind of update, gone wrong in each
 * way. Right after it an unmodified reader must find every acknowledged
 * entry; the next writer must make the map whole without a word of
 * complaint; and a writer whose call failed must be able to go on. Whatever
 * is acknowledged does not depend on a file or a name that is not on the
 * disk.
 *
 *	LD_PRELOAD=shim.so worker [SCENARIO [FAULT [CALL]]]
 */

#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>

#include "journal.h"
#include "model.h"
#include "remap.h"
#include "shim.h"
#include "store.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define WATCHDOG_MS  60000
#define LIFETIME     1800
#define GRANTED      (NOW + LIFETIME)
#define AHEAD        86400
#define BASE         600u /* entries before the update */

/* Steps of the model. */
enum {
	STEP_UPDATE = 1,
	STEP_ON = 2,
	STEP_NEXT = 3,
	STEP_FIRST =
	    4 /* a batch before the one that goes wrong, or it itself */
};

/* What the children tell. */
struct report {
	struct model model;
	struct model before; /* as the template has it */
	unsigned target;     /* the entry that is updated */
	long calls;
	bool failed; /* the update said so */
	char text[400];
};

struct scenario {
	const char *name;
	int (*make)(void *); /* the template, in a child */
	int (*update)(struct drac_store *);
	long least; /* calls that such an update makes, or it is not one */
	enum {
		IN_PLACE,
		REPLACING,
		NO_MAP,
		FOREIGN_MAP,
		LOCKED_MAP
	} kind;
};

struct trial {
	const struct scenario *scenario;
	enum drac_fault fault;
	long at;
};

static const struct {
	const char *name;
	enum drac_fault fault;
} faults[] = { { "kill", DRAC_FAULT_KILL }, { "tear", DRAC_FAULT_TEAR },
	{ "eio", DRAC_FAULT_EIO }, { "enospc", DRAC_FAULT_ENOSPC },
	{ "short", DRAC_FAULT_SHORT }, { "torn", DRAC_FAULT_TORN } };

static struct report *report;
static drac_fault_arm_fn *arm;
static drac_sync_watch_fn *sync_watch;
static drac_sync_check_fn *sync_check;
static char base[64];
static char dir[80];
static char kept[80];
static char path[128];

/* The files of a template, kept under second names, with their octets. */
static struct file {
	const char *suffix;
	bool there;
	size_t size;
	unsigned char *octets;
	struct timespec times[2];
} files[] = { { .suffix = "" }, { .suffix = ".journal" },
	{ .suffix = ".lock" } };

static void
name_in(char name[200], const char *where, const char *suffix)
{
	snprintf(name, 200, "%s/dracd.db%s", where, suffix);
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
keep_file(struct file *file)
{
	char name[200];
	char second[200];
	struct stat st;
	int fd;

	free(file->octets);
	file->octets = NULL;
	name_in(name, dir, file->suffix);
	name_in(second, kept, file->suffix);
	file->there = stat(name, &st) == 0;
	if (!file->there)
		return;
	file->size = (size_t)st.st_size;
	file->octets = malloc(file->size + 1);
	file->times[0] = st.st_atim;
	file->times[1] = st.st_mtim;
	fd = open(name, O_RDONLY);
	if (link(name, second) == -1 || fd == -1 ||
	    read(fd, file->octets, file->size) != (ssize_t)file->size)
		die(name);
	(void)close(fd);
}

/* The same inode with the same octets and times again. */
static void
restore_file(const struct file *file)
{
	char name[200];
	char second[200];
	int fd;

	if (!file->there)
		return;
	name_in(name, dir, file->suffix);
	name_in(second, kept, file->suffix);
	fd = open(second, O_RDWR);
	if (fd == -1 || link(second, name) == -1 ||
	    pwrite(fd, file->octets, file->size, 0) != (ssize_t)file->size ||
	    futimens(fd, file->times) == -1)
		die(name);
	(void)close(fd);
}

static void
restore(void)
{
	empty_dir(dir);
	for (size_t i = 0; i < COUNT(files); i++)
		restore_file(&files[i]);
	sync_watch(dir);
	report->model = report->before;
	report->failed = false;
	report->text[0] = '\0';
}

/* Making templates. */

static struct drac_store *
open_store(bool sync, unsigned timeout_ms)
{
	struct drac_store_opts opts = { .path = path,
		.mode = 0644,
		.sync = sync,
		.timeout_ms = timeout_ms,
		.lifetime_s = LIFETIME,
		.may_create = true };
	struct drac_store *store;
	struct drac_why why;

	if (drac_store_open(&opts, &store, &why) == 0)
		return store;
	snprintf(report->text, sizeof(report->text), "open: %s", why.text);
	return NULL;
}

static void
must(bool good, const char *what)
{
	if (!good) {
		printf("  template: %s: %s\n", what, strerror(errno));
		exit(3);
	}
}

static void
put(struct drac_store *store, unsigned n, time_t expiry)
{
	struct drac_addr addr = model_addr(n);

	must(drac_store_set(store, &addr, expiry, NULL) == 0, "set");
	report->before.entry[n].is = expiry;
	if (report->before.count <= n)
		report->before.count = n + 1;
}

/* An ordinary entry; one in sixteen has expired. */
static void
put_usual(struct drac_store *store, unsigned n)
{
	put(store, n, n % 16 == 15 ? NOW - n % 7 : NOW + 60 + n);
}

/* What a step is going to do with one entry. */
static void
plan_step(unsigned n, time_t to, unsigned step)
{
	struct model_entry *entry = &report->before.entry[n];

	entry->to = to;
	entry->step = step;
	report->target = n;
	if (report->before.count <= n)
		report->before.count = n + 1;
}

static void
plan(unsigned n, time_t to)
{
	plan_step(n, to, STEP_UPDATE);
}

static unsigned
free_pages(struct drac_store *store)
{
	struct drac_store_info info;

	must(drac_store_info(store, &info, NULL) == 0, "info");
	return (unsigned)info.pages_free;
}

/* A map of few pages, so that it is soon full. */
static int
nothing(void *arg, struct drac_item *item)
{
	(void)arg;
	(void)item;
	return 0;
}

static void
small_map(uint32_t pages)
{
	struct drac_place place;
	struct drac_remap remap = { .place = &place, .mode = 0644 };

	must(drac_place_open(&place, path, NULL) == 0, "place");
	must(drac_remap_build(&remap, nothing, NULL, pages, NULL) == 0,
	    "build");
	drac_place_close(&place);
}

/* Not so big a one: Berkeley DB's verification takes its time. */
static struct drac_store *
new_map(void)
{
	small_map(256);
	return open_store(false, 5000);
}

static int
make_renewal(void *unused)
{
	struct drac_store *store = new_map();

	(void)unused;
	for (unsigned n = 0; n < BASE; n++)
		put_usual(store, n);
	plan(500, GRANTED);
	drac_store_close(store);
	return 0;
}

static int
make_new_entry(void *unused)
{
	struct drac_store *store = new_map();

	(void)unused;
	for (unsigned n = 0; n < BASE; n++)
		put_usual(store, n);
	plan(BASE, GRANTED);
	drac_store_close(store);
	return 0;
}

/*
 * From `from` entries on, the first whose insertion takes `pages` pages.
 * None has expired: an add would remove it and need no page.
 */
static void
find_split(unsigned from, unsigned pages)
{
	struct drac_store *store = new_map();
	unsigned n;

	for (n = 0; n < from; n++)
		put(store, n, NOW + 60 + n);
	for (;; n++) {
		unsigned had = free_pages(store);

		must(n < 3000, "no such split");
		put(store, n, NOW + 60 + n);
		if (had - free_pages(store) == pages)
			break;
	}
	drac_store_close(store);
	empty_dir(dir);
	memset(&report->before, 0, sizeof(report->before));
	store = new_map();
	for (unsigned i = 0; i < n; i++)
		put(store, i, NOW + 60 + i);
	plan(n, GRANTED);
	drac_store_close(store);
}

static int
make_leaf_split(void *unused)
{
	(void)unused;
	find_split(BASE, 1);
	return 0;
}

/* A leaf splits, and the page above it has no room for a separator. */
static int
make_upper_split(void *unused)
{
	(void)unused;
	find_split(BASE, 2);
	return 0;
}

/* The root was a leaf. */
static int
make_first_split(void *unused)
{
	(void)unused;
	find_split(0, 2);
	return 0;
}

/* The tree gains a third level: leaf, and two pages below the root. */
static int
make_root_split(void *unused)
{
	(void)unused;
	find_split(20, 3);
	return 0;
}

static int
make_taking_back_new(void *unused)
{
	struct drac_store *store = new_map();

	(void)unused;
	for (unsigned n = 0; n < BASE; n++)
		put_usual(store, n);
	put(store, BASE, GRANTED);
	plan(BASE, 0);
	drac_store_close(store);
	return 0;
}

static int
make_taking_back_renewal(void *unused)
{
	struct drac_store *store = new_map();

	(void)unused;
	for (unsigned n = 0; n < BASE; n++)
		put_usual(store, n);
	put(store, 500, GRANTED);
	plan(500, NOW + 17);
	drac_store_close(store);
	return 0;
}

/* More than one batch of expired entries. */
static int
make_sweep(void *unused)
{
	struct drac_store *store = new_map();

	(void)unused;
	for (unsigned n = 0; n < 200; n++) {
		put(store, n, n % 4 == 0 ? NOW + 60 : NOW - 60);
		if (n % 4 != 0)
			plan(n, 0);
	}
	drac_store_close(store);
	return 0;
}

/* More than one batch of logins while the clock was a day ahead. */
static int
make_step_back(void *unused)
{
	struct drac_store *store = new_map();

	(void)unused;
	for (unsigned n = 0; n < 200; n++) {
		struct drac_addr addr = model_addr(n);
		time_t then = NOW + AHEAD;

		must(drac_store_add(store, &addr, then, then + LIFETIME, 0,
			 NULL, NULL) == 0,
		    "add");
		report->before.entry[n].is = then + LIFETIME;
		plan(n, GRANTED);
	}
	/* What had expired by then is gone; these came afterwards. */
	for (unsigned n = 200; n < 240; n++)
		put(store, n, NOW + 60 + n);
	drac_store_close(store);
	return 0;
}

static int
make_enlargement(void *unused)
{
	struct drac_store *store;
	unsigned n = 0;

	(void)unused;
	small_map(128);
	store = open_store(false, 5000);
	while (free_pages(store) > 0) {
		put(store, n, NOW + 60 + n);
		n++;
	}
	/* The next page is wanted by this one. */
	for (;; n++) {
		struct drac_store_info info;

		must(n < 2000, "never full");
		put(store, n, NOW + 60 + n);
		must(drac_store_info(store, &info, NULL) == 0, "info");
		if (info.pages > 128)
			break;
	}
	drac_store_close(store);
	empty_dir(dir);
	memset(&report->before, 0, sizeof(report->before));
	small_map(128);
	store = open_store(false, 5000);
	for (unsigned i = 0; i < n; i++)
		put(store, i, NOW + 60 + i);
	plan(n, GRANTED);
	drac_store_close(store);
	return 0;
}

/* Those of one stretch of the tree. */
static bool
beside_each_other(unsigned n)
{
	return model_addr(n).octet[4] < 0x20;
}

/*
 * Full of expired entries, but for one stretch of live ones, to which the
 * adds go until one of them, or the one before `last`, needs a page.
 */
static unsigned
fill_with_expired(unsigned last)
{
	struct drac_store *store;
	struct stat was;
	struct stat is;
	unsigned n;

	small_map(128);
	store = open_store(false, 5000);
	for (n = 0; free_pages(store) > 0; n++)
		put(store, n, beside_each_other(n) ? NOW + 60 : NOW - 1);
	must(stat(path, &was) == 0, "stat");
	for (is = was; n < last; n++) {
		struct drac_addr addr = model_addr(n);

		if (!beside_each_other(n))
			continue;
		must(drac_store_add(store, &addr, NOW, GRANTED, 0, NULL,
			 NULL) == 0,
		    "add");
		must(stat(path, &is) == 0, "stat");
		if (is.st_ino != was.st_ino)
			break;
		report->before.entry[n].is = GRANTED;
	}
	must(is.st_size == was.st_size, "compact");
	drac_store_close(store);
	return n;
}

static int
make_compaction(void *unused)
{
	unsigned n;

	(void)unused;
	n = fill_with_expired(4000);
	must(n < 4000, "never full");
	empty_dir(dir);
	memset(&report->before, 0, sizeof(report->before));
	must(fill_with_expired(n) == n, "the same again");
	plan(n, GRANTED);
	report->before.begun = true;
	return 0;
}

static int
make_none(void *unused)
{
	(void)unused;
	plan(0, GRANTED);
	return 0;
}

/* The ring is so full that the next record begins it anew. */
static int
make_ring_end(void *unused)
{
	struct drac_store *store = new_map();
	struct drac_journal_head head = { 0 };
	uint64_t full = 0;
	char name[200];

	(void)unused;
	for (unsigned n = 0; n < BASE; n++)
		put_usual(store, n);
	name_in(name, dir, ".journal");
	for (time_t later = 0; full == 0; later++) {
		int fd = open(name, O_RDONLY);

		must(fd != -1 && pread(fd, &head, sizeof(head), 0) ==
				     (ssize_t)sizeof(head),
		    "journal");
		(void)close(fd);
		if (head.tail + 600 > DRAC_RING_BYTES)
			full = head.tail;
		else
			put(store, 500, NOW + 100 + later % 50);
	}
	plan(500, GRANTED);
	drac_store_close(store);
	return 0;
}

/* A writer was killed in a split that the next one has to finish. */
static int
killed_writer(void *at)
{
	struct drac_store *store = open_store(true, 5000);
	struct drac_addr addr = model_addr(report->target);

	arm(dir, DRAC_FAULT_KILL, *(long *)at);
	(void)drac_store_add(store, &addr, NOW, GRANTED, 0, NULL, NULL);
	return 0;
}

static int
make_unfinished(void *unused)
{
	long at = 5;

	(void)unused;
	find_split(BASE, 2);
	if (in_child(killed_writer, &at, WATCHDOG_MS) != 100 + SIGKILL)
		return 1;
	report->before.begun = true;
	report->before.step_begun[STEP_UPDATE] = true;
	return 0;
}

/* Another program's file: the journal does not know it. */
static int
make_foreign(void *unused)
{
	char name[200];
	char other[200];
	char command[900];
	struct drac_store *store = new_map();

	(void)unused;
	for (unsigned n = 0; n < 150; n++)
		put_usual(store, n);
	plan(50, GRANTED);
	drac_store_close(store);
	name_in(name, dir, "");
	name_in(other, dir, ".copy");
	snprintf(command, sizeof(command), "cp %s %s && mv %s %s", name, other,
	    other, name);
	return system(command) == 0 ? 0 : 1;
}

/*
 * Two batches: the first so that the owner is well under way, the second
 * with changes of every kind all over the map.
 */
static void
plan_batches(unsigned changed, unsigned count, unsigned added)
{
	for (unsigned n = 0; n < changed; n++)
		if (n % 16 == 15 || n % 4 == 1)
			plan(n, 0);
		else if (n % 4 != 3)
			plan(n, n % 4 == 0 ? GRANTED : NOW + 5000);
	for (unsigned n = changed; n < changed + 8; n++)
		plan_step(n, GRANTED, STEP_FIRST);
	for (unsigned n = count; n < count + added; n++)
		plan(n, GRANTED);
}

static int
make_batch(void *unused)
{
	struct drac_store *store = new_map();

	(void)unused;
	for (unsigned n = 0; n < BASE; n++)
		put_usual(store, n);
	plan_batches(64, BASE, 50);
	drac_store_close(store);
	return 0;
}

/* The second of the batches wants more pages than there are. */
static int
make_batch_enlarging(void *unused)
{
	struct drac_store *store;
	unsigned n;

	(void)unused;
	small_map(128);
	store = open_store(false, 5000);
	for (n = 0; free_pages(store) > 0; n++)
		put(store, n, n % 16 == 15 ? NOW - 1 : NOW + 60 + n);
	plan_batches(16, n, 16);
	drac_store_close(store);
	return 0;
}

/* Updates. */

static int
told(int result, const struct drac_why *why)
{
	if (result >= 0) {
		report->model.step_acked[STEP_UPDATE] = true;
		return 0;
	}
	report->failed = true;
	snprintf(report->text, sizeof(report->text), "%s", why->text);
	return -1;
}

static int
update_add(struct drac_store *store)
{
	struct drac_addr addr = model_addr(report->target);
	struct drac_why why;

	return told(drac_store_add(store, &addr, NOW, GRANTED, 0, NULL, &why),
	    &why);
}

static int
update_take_back(struct drac_store *store)
{
	const struct model_entry *entry = &report->model.entry[report->target];
	struct drac_grant grant = { .expiry = GRANTED,
		.previous = entry->to,
		.written = true };
	struct drac_addr addr = model_addr(report->target);
	struct drac_why why;

	return told(drac_store_take_back(store, &addr, &grant, &why), &why);
}

static int
update_sweep(struct drac_store *store)
{
	struct drac_swept swept;
	struct drac_why why;

	return told(drac_store_sweep(store, NOW, 0, &swept, &why), &why);
}

/* The one that was killed is another's; ours is one that follows it. */
static int
update_other(struct drac_store *store)
{
	struct drac_addr addr = model_addr(500);
	struct drac_why why;

	report->model.entry[500].to = GRANTED;
	report->model.entry[500].step = STEP_UPDATE;
	return told(drac_store_add(store, &addr, NOW, GRANTED, 0, NULL, &why),
	    &why);
}

static enum drac_op_kind
kind_of(unsigned n)
{
	const struct model_entry *entry = &report->model.entry[n];

	if (entry->to == 0)
		return n % 16 == 15 ? DRAC_OP_EXPIRE : DRAC_OP_DROP;
	return entry->to == GRANTED ? DRAC_OP_ADD : DRAC_OP_SET;
}

/* All that is planned for one step, in one batch. */
static int
apply_step(struct drac_store *store, unsigned step, struct drac_why *why)
{
	struct drac_op ops[DRAC_OPS_MAX];
	size_t count = 0;

	for (unsigned n = 0; n < report->model.count; n++)
		if (report->model.entry[n].step == step)
			ops[count++] = (struct drac_op){ .kind = kind_of(n),
				.addr = model_addr(n),
				.expiry = report->model.entry[n].to };
	report->model.step_begun[step] = true;
	if (drac_store_apply(store, ops, count, NOW, why) == -1)
		return -1;
	report->model.step_acked[step] = true;
	return 0;
}

/* As the daemon does it: with a map of its own, and on after a failure. */
static int
update_batches(struct drac_store *unused)
{
	struct drac_store_opts opts = { .path = path,
		.mode = 0644,
		.sync = true,
		.timeout_ms = 2000,
		.owner = true };
	struct drac_store *store;
	struct drac_why why;
	int result;

	(void)unused;
	if (drac_store_open(&opts, &store, &why) == -1)
		return told(-1, &why);
	result = apply_step(store, STEP_FIRST, &why);
	if (result == 0)
		result = apply_step(store, STEP_UPDATE, &why);
	if (result == -1 && report->model.step_acked[STEP_FIRST])
		result = apply_step(store, STEP_UPDATE, &why);
	drac_store_close(store);
	return told(result, &why);
}

static const struct scenario scenarios[] = {
	{ "renewal", make_renewal, update_add, 6, IN_PLACE },
	{ "new_entry", make_new_entry, update_add, 6, IN_PLACE },
	{ "leaf_split", make_leaf_split, update_add, 12, IN_PLACE },
	{ "upper_split", make_upper_split, update_add, 16, IN_PLACE },
	{ "first_split", make_first_split, update_add, 12, IN_PLACE },
	{ "root_split", make_root_split, update_add, 18, IN_PLACE },
	{ "take_back_new", make_taking_back_new, update_take_back, 6,
	    IN_PLACE },
	{ "take_back_renewal", make_taking_back_renewal, update_take_back, 6,
	    IN_PLACE },
	{ "sweep", make_sweep, update_sweep, 50, IN_PLACE },
	{ "step_back", make_step_back, update_sweep, 40, IN_PLACE },
	{ "enlargement", make_enlargement, update_add, 30, REPLACING },
	{ "compaction", make_compaction, update_add, 30, REPLACING },
	{ "creation", make_none, update_add, 25, NO_MAP },
	{ "ring_end", make_ring_end, update_add, 9, IN_PLACE },
	{ "unfinished", make_unfinished, update_other, 16, IN_PLACE },
	{ "reader_in_the_way", make_leaf_split, update_add, 20, LOCKED_MAP },
	{ "foreign", make_foreign, update_add, 30, FOREIGN_MAP },
	{ "batch", make_batch, update_batches, 90, IN_PLACE },
	{ "batch_enlarging", make_batch_enlarging, update_batches, 80,
	    REPLACING },
};

/* One trial: the update that goes wrong, and what comes after. */

static int
check(bool may_lack, bool verify, const char *when)
{
	char text[200] = "";

	if (model_check(&report->model, path, may_lack, text) == -1) {
		snprintf(report->text, sizeof(report->text), "%s: %s", when,
		    text);
		return 10;
	}
	if (verify && plain_verify(path) != 0) {
		snprintf(report->text, sizeof(report->text), "%s: verify",
		    when);
		return 11;
	}
	return 0;
}

static int
check_at_once(void *arg)
{
	const struct trial *trial = arg;

	return check(trial->scenario->kind == NO_MAP &&
			 !report->model.step_acked[STEP_UPDATE],
	    false, "at once");
}

static int
add_one(struct drac_store *store, unsigned n, unsigned step, bool quiet)
{
	struct drac_addr addr = model_addr(n);
	struct drac_why why;

	report->model.entry[n].to = GRANTED;
	report->model.entry[n].step = step;
	report->model.step_begun[step] = true;
	if (report->model.count <= n)
		report->model.count = n + 1;
	if (drac_store_add(store, &addr, NOW, GRANTED, 0, NULL, &why) == -1 ||
	    (quiet && why.text[0] != '\0')) {
		snprintf(report->text, sizeof(report->text), "step %u: %s",
		    step, why.text);
		return 20;
	}
	report->model.step_acked[step] = true;
	return 0;
}

/* Does this fault leave pages that only the next writer can mend? */
static bool
half_pages(enum drac_fault fault)
{
	return fault == DRAC_FAULT_SHORT || fault == DRAC_FAULT_TORN;
}

/* A damaged map may be spoken of only where it may be damaged. */
static bool
must_be_quiet(const struct trial *trial)
{
	return trial->scenario->kind < FOREIGN_MAP &&
	       trial->fault != DRAC_FAULT_TORN;
}

/* What was just acknowledged survives a power cut. */
static int
check_synced(const char *when)
{
	unsigned unsynced = sync_check();

	if (unsynced == 0)
		return 0;
	snprintf(report->text, sizeof(report->text), "%s: %s was not synced",
	    when,
	    (unsynced & DRAC_UNSYNCED_FILE) != 0   ? "a file"
	    : (unsynced & DRAC_UNSYNCED_NAME) != 0 ? "the directory"
						   : "something");
	return 40;
}

static int
go_wrong(void *arg)
{
	const struct trial *trial = arg;
	const struct scenario *scenario = trial->scenario;
	struct drac_store *store = NULL;
	int result = -1;

	report->model.begun = true;
	report->model.step_begun[STEP_UPDATE] = true;
	arm(dir, trial->fault, trial->at);
	store = open_store(true, scenario->kind == LOCKED_MAP ? 40 : 2000);
	if (store != NULL)
		result = scenario->update(store);
	report->calls = arm(NULL, DRAC_FAULT_NONE, 0);
	if (store == NULL)
		return 0;
	if (result == 0 && check_synced("update") != 0)
		return 40;
	if (result == 0 || half_pages(trial->fault) == false) {
		int seen = in_child(check_at_once, arg, WATCHDOG_MS);

		if (seen != 0)
			return seen == 10 ? 10 : 30;
	}
	if (result == -1) {
		result = add_one(store, report->model.count, STEP_ON,
		    must_be_quiet(trial));
		if (result == 0)
			result = check_synced("the same writer's next update");
		if (result != 0)
			return result;
	}
	drac_store_close(store);
	return 0;
}

static int
next_writer(void *arg)
{
	struct drac_store *store = open_store(true, 5000);
	int result;

	if (store == NULL)
		return 21;
	result =
	    add_one(store, report->model.count, STEP_NEXT, must_be_quiet(arg));
	drac_store_close(store);
	return result == 0 ? check_synced("next writer") : result;
}

static int
check_after(void *arg)
{
	const struct trial *trial = arg;
	static const unsigned steps[] = { STEP_FIRST, STEP_UPDATE };

	for (size_t i = 0; i < COUNT(steps); i++)
		if (trial->scenario->update == update_batches &&
		    model_whole(&report->model, path, steps[i], report->text) ==
			-1)
			return 12;
	return check(false, true, "after the next writer");
}

static int
check_swept(void *unused)
{
	(void)unused;
	return check(false, true, "after the sweep");
}

/* It does what one before it did not come to. */
static int
sweep_after(void *arg)
{
	const struct trial *trial = arg;
	bool step = trial->scenario->make == make_step_back;
	struct drac_store *store = open_store(true, 5000);
	struct drac_swept swept;
	struct drac_why why;
	int result;

	if (store == NULL)
		return 22;
	result = drac_store_sweep(store, NOW, 0, &swept, &why);
	if (step && strstr(why.text, ": the clock went back by ") != NULL)
		why.text[0] = '\0';
	if (result == -1 || why.text[0] != '\0')
		snprintf(report->text, sizeof(report->text), "sweep: %s",
		    why.text);
	drac_store_close(store);
	report->model.swept = true;
	if (step)
		report->model.step_acked[STEP_UPDATE] = true;
	return result == -1 || why.text[0] != '\0' ? 23 : 0;
}

/* Where the map is replaced, the next time leaves nothing behind. */
static int
clear_after(void *arg)
{
	const struct trial *trial = arg;
	struct drac_store *store;
	struct dirent *entry;
	DIR *d;
	int result = 0;

	if (trial->scenario->kind == IN_PLACE)
		return 0;
	store = open_store(true, 5000);
	if (store == NULL || drac_store_clear(store, NULL) == -1)
		return 24;
	drac_store_close(store);
	d = opendir(dir);
	while (d != NULL && (entry = readdir(d)) != NULL) {
		const char *name = entry->d_name;

		if (strstr(name, ".new") != NULL ||
		    (strstr(name, ".corrupt") != NULL &&
			trial->fault != DRAC_FAULT_TORN)) {
			snprintf(report->text, sizeof(report->text),
			    "left behind: %.100s", name);
			result = 25;
		}
	}
	(void)closedir(d);
	return result;
}

/* A reader that takes a shared lock and sits on it. */
static int
hold_lock(const struct scenario *scenario)
{
	int fd;

	if (scenario->kind != LOCKED_MAP)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || flock(fd, LOCK_SH) == -1)
		die("flock");
	return fd;
}

static int
after(struct trial *trial)
{
	static const struct {
		int (*work)(void *);
	} rows[] = { { next_writer }, { check_after }, { sweep_after },
		{ check_swept }, { clear_after } };

	for (size_t i = 0; i < COUNT(rows); i++) {
		int result = in_child(rows[i].work, trial, WATCHDOG_MS);

		if (result != 0)
			return result;
	}
	return 0;
}

/* 0, or something to be told of. */
static int
try(struct trial *trial)
{
	bool kills =
	    trial->fault == DRAC_FAULT_KILL || trial->fault == DRAC_FAULT_TEAR;
	int lock;
	int result;

	restore();
	lock = hold_lock(trial->scenario);
	result = in_child(go_wrong, trial, WATCHDOG_MS);
	if (lock != -1)
		(void)close(lock);
	if (kills && result == 100 + SIGKILL)
		result = in_child(check_at_once, trial, WATCHDOG_MS);
	if (result == 0)
		result = after(trial);
	return result;
}

/* How many calls there are when all goes well; that must be right, too. */
static long
count_calls(const struct scenario *scenario)
{
	struct trial trial = { scenario, DRAC_FAULT_NONE, 0 };
	int result = try(&trial);
	long calls = report->calls;

	if (result != 0 || calls < scenario->least || report->failed) {
		printf("FAIL %s: undisturbed: %d, %ld calls: %s\n",
		    scenario->name, result, calls, report->text);
		return -1;
	}
	return calls;
}

/* Every call once, and one beyond the last. */
static int
run_fault(const struct scenario *scenario, size_t which, long calls, long only)
{
	struct trial trial = { scenario, faults[which].fault, 0 };
	long failed = 0;

	for (long at = 1; at <= calls + 1; at++) {
		int result;

		if (only != 0 && at != only)
			continue;
		trial.at = at;
		result = try(&trial);
		if (result == 0)
			continue;
		if (failed++ < 5)
			printf("  call %ld of %ld: %d: %s\n", at, calls, result,
			    report->text);
	}
	if (failed == 0)
		printf("ok %s_%s\n", scenario->name, faults[which].name);
	else
		printf("FAIL %s_%s: %ld of %ld calls\n", scenario->name,
		    faults[which].name, failed, calls + 1);
	return failed == 0 ? 0 : 1;
}

static int
run(const struct scenario *scenario, const char *fault, long only)
{
	long calls;
	int result = 0;

	empty_dir(dir);
	empty_dir(kept);
	memset(report, 0, sizeof(*report));
	if (in_child(scenario->make, NULL, WATCHDOG_MS) != 0) {
		printf("FAIL %s: no template\n", scenario->name);
		return 1;
	}
	for (size_t i = 0; i < COUNT(files); i++)
		keep_file(&files[i]);
	calls = count_calls(scenario);
	if (calls == -1)
		return 1;
	for (size_t i = 0; i < COUNT(faults); i++)
		if (fault == NULL || strcmp(fault, faults[i].name) == 0)
			result |= run_fault(scenario, i, calls, only);
	return result;
}

/* In memory where that can be had: it is system calls that are tried. */
static void
make_dirs(void)
{
	const char *tmp = getenv("TMPDIR");

	if (tmp == NULL)
		tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(base, sizeof(base), "%.40s/drac.XXXXXX", tmp);
	if (mkdtemp(base) == NULL)
		die(base);
	snprintf(dir, sizeof(dir), "%s/map", base);
	snprintf(kept, sizeof(kept), "%s/kept", base);
	snprintf(path, sizeof(path), "%s/dracd.db", dir);
	if (mkdir(dir, 0755) == -1 || mkdir(kept, 0755) == -1)
		die(base);
}

/* function: a pointer to a function pointer. */
static int
find_shim(const char *name, void *function)
{
	void *found = dlsym(RTLD_DEFAULT, name);

	memcpy(function, &found, sizeof(found));
	return found == NULL ? -1 : 0;
}

int
main(int argc, char **argv)
{
	int result = 0;

	if (find_shim("drac_fault_arm", &arm) == -1 ||
	    find_shim("drac_sync_watch", &sync_watch) == -1 ||
	    find_shim("drac_sync_check", &sync_check) == -1) {
		printf("FAIL worker: the shim is not preloaded\n");
		return 1;
	}
	report = shared_memory(sizeof(*report));
	make_dirs();
	for (size_t i = 0; i < COUNT(scenarios); i++)
		if (argc < 2 || strcmp(argv[1], scenarios[i].name) == 0)
			result |= run(&scenarios[i], argc > 2 ? argv[2] : NULL,
			    argc > 3 ? atol(argv[3]) : 0);
	empty_dir(dir);
	empty_dir(kept);
	(void)rmdir(dir);
	(void)rmdir(kept);
	(void)rmdir(base);
	return result;
}
