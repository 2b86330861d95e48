/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Maps that are not as we left them: flipped bits, cut files, files of
 * other programs, journals that are gone or belong elsewhere. A login that
 * meets one must be recorded in time, in a map that Berkeley DB finds
 * whole, and a damaged disk must never authorise an address that nobody
 * recorded.
 *
 *	damage [SEED [MAPS]]
 */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "import.h"
#include "journal.h"
#include "page.h"
#include "plain.h"
#include "store.h"

#define ENTRIES    1000u /* in the map as it was before the damage */
#define OLDER      600u  /* in the backup copy of it */
#define NOW        ((time_t)1900000000)
#define GRANTED    (NOW + 1800)
#define EXPIRY(i)  ((time_t)2000000000 + (time_t)(i))
#define TIMEOUT_MS 1000
#define BOUND_MS   (TIMEOUT_MS + 2000) /* the machine may be slow */
#define WATCHDOG   60000
#define LEAF_ITEMS 20 /* more pairs than one page of 512 octets holds */

enum expect {
	ADOPTED, /* every entry kept, nothing moved aside */
	ASIDE,   /* moved aside, a new map begun */
	EITHER,  /* as long as the new map is whole */
	REFUSED, /* not a file: said at once */
	LATER,   /* too big for a login: said in time, if not recorded */
	OTHER    /* of another type: left as it is, and converted by a sweep */
};

/* A map and its journal, as octets. */
struct copy {
	unsigned char *map;
	size_t map_size;
	unsigned char *journal;
	size_t journal_size;
};

/* One damaged map and what has to come of it. */
struct sample {
	const char *name;
	void (*make)(unsigned arg);
	unsigned arg;
	enum expect expect;
	bool strict;      /* no address and no time but the recorded ones */
	unsigned entries; /* that the map has, of the first ones */
	unsigned lost;    /* of which so many may be gone */
};

/* What the child that made the grant says. */
struct told {
	int opened;
	int added;
	int error;
	int64_t took_ms;
	struct drac_why why;
	char detail[200];
};

static char dir[64];
static char map[96];
static char journal[112];
static struct copy fresh;
static struct copy older;
static struct drac_addr client;
static struct told *told;
static uint64_t state;

static uint32_t
any(uint32_t below)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ (z >> 31)) >> 32) % below;
}

/* Files. */

static void
save(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd == -1 || drac_write_full(fd, data, size, 0) == -1)
		die(path);
	(void)close(fd);
}

static unsigned char *
load(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	unsigned char *data;

	if (fd == -1 || fstat(fd, &st) == -1)
		die(path);
	*size = (size_t)st.st_size;
	data = malloc(*size);
	if (data == NULL || drac_read_full(fd, data, *size, 0) == -1)
		die(path);
	(void)close(fd);
	return data;
}

static void
set_mtime(const char *path, const struct timespec *mtime, time_t later_s)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, *mtime };

	times[1].tv_sec += later_s;
	if (utimensat(AT_FDCWD, path, times, 0) == -1)
		die(path);
}

/* Call each with the name of every file of ours; how many it took. */
static unsigned
each_file(int (*each)(const char *path, const char *name))
{
	DIR *list = opendir(dir);
	const struct dirent *entry;
	unsigned count = 0;

	if (list == NULL)
		die(dir);
	while ((entry = readdir(list)) != NULL) {
		char path[400];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		count += (unsigned)each(path, entry->d_name);
	}
	(void)closedir(list);
	return count;
}

static int
remove_file(const char *path, const char *name)
{
	(void)name;
	if (remove(path) == -1)
		die(path);
	return 1;
}

static int
is_aside(const char *path, const char *name)
{
	(void)path;
	return strncmp(name, "dracd.db.corrupt-", 17) == 0;
}

/* The map and its journal in place, as if the store had just left them. */
static void
place(const struct copy *copy)
{
	struct drac_journal head;
	struct stat st;
	int fd;

	save(map, copy->map, copy->map_size);
	save(journal, copy->journal, copy->journal_size);
	fd = open(journal, O_RDWR);
	if (stat(map, &st) == -1 || fd == -1 ||
	    drac_journal_load(&head, fd) == -1)
		die(journal);
	head.head.map_ino = st.st_ino;
	if (drac_journal_applied(&head, &st) == -1)
		die(journal);
	(void)close(fd);
}

static struct drac_store *
open_store(unsigned timeout_ms, struct drac_why *why)
{
	struct drac_store_opts opts = { .path = map,
		.mode = 0644,
		.timeout_ms = timeout_ms,
		.may_create = true };
	struct drac_store *store = NULL;

	return drac_store_open(&opts, &store, why) == 0 ? store : NULL;
}

static void
fill(struct drac_store *store, unsigned from, unsigned to)
{
	struct drac_why why;

	for (unsigned i = from; i < to; i++) {
		struct drac_addr addr = nth_addr(i);

		if (drac_store_set(store, &addr, EXPIRY(i), &why) == -1) {
			printf("FAIL fill: %s\n", why.text);
			exit(2);
		}
	}
}

static void
take(struct copy *copy)
{
	copy->map = load(map, &copy->map_size);
	copy->journal = load(journal, &copy->journal_size);
}

static void
prepare(void)
{
	struct drac_why why;
	struct drac_store *store = open_store(10000, &why);

	if (store == NULL) {
		printf("FAIL prepare: %s\n", why.text);
		exit(2);
	}
	fill(store, 0, OLDER);
	take(&older);
	fill(store, OLDER, ENTRIES);
	take(&fresh);
	drac_store_close(store);
}

/* Damage to the map. */

static void
make_nothing(unsigned unused)
{
	(void)unused;
}

static uint32_t
used_page(void)
{
	for (;;) {
		uint32_t pgno =
		    any((uint32_t)(fresh.map_size / DRAC_PAGE_SIZE));

		if (drac_page_type(fresh.map + pgno * DRAC_PAGE_SIZE) !=
		    DRAC_PAGE_FREE)
			return pgno;
	}
}

/* Mostly where the tree is, often in the meta page, at times anywhere. */
static size_t
damaged_octet(void)
{
	uint32_t kind = any(8);
	uint32_t pgno = kind == 0 ? 0
			: kind < 7
			    ? used_page()
			    : any((uint32_t)(fresh.map_size / DRAC_PAGE_SIZE));

	/* The heads of pages are where a program can be led astray. */
	return (size_t)pgno * DRAC_PAGE_SIZE +
	       any(any(3) == 0 ? 100 : DRAC_PAGE_SIZE);
}

static void
flip(const char *path, size_t at)
{
	unsigned char octet;
	int fd = open(path, O_RDWR);

	if (fd == -1 || drac_read_full(fd, &octet, 1, (off_t)at) == -1)
		die(path);
	octet ^= (unsigned char)(1u << any(8));
	if (drac_write_full(fd, &octet, 1, (off_t)at) == -1)
		die(path);
	(void)close(fd);
}

static void
flip_map(unsigned flips, time_t later_s)
{
	struct stat st;

	place(&fresh);
	if (stat(map, &st) == -1)
		die(map);
	for (unsigned i = 0; i < flips; i++)
		flip(map, damaged_octet());
	set_mtime(map, &st.st_mtim, later_s);
}

static void
make_media(unsigned flips)
{
	flip_map(flips, 0);
}

static void
make_foreign_flip(unsigned flips)
{
	flip_map(flips, 5);
}

static void
make_cut(unsigned size)
{
	place(&fresh);
	if (truncate(map, (off_t)size) == -1)
		die(map);
}

/* Behind the last page of the tree: only free pages are lost. */
static unsigned
tree_end(void)
{
	size_t pages = fresh.map_size / DRAC_PAGE_SIZE;

	while (drac_page_type(fresh.map + (pages - 1) * DRAC_PAGE_SIZE) ==
	       DRAC_PAGE_FREE)
		pages--;
	return (unsigned)(pages * DRAC_PAGE_SIZE);
}

static void
make_whole_but_tail(unsigned octets)
{
	make_cut((unsigned)fresh.map_size - octets);
}

static void
make_cut_at_tree_end(unsigned unused)
{
	(void)unused;
	make_cut(tree_end());
}

static void
make_cut_within_tree(unsigned octets)
{
	make_cut(tree_end() - octets);
}

static void
make_touched(unsigned unused)
{
	struct stat st;

	(void)unused;
	place(&fresh);
	if (stat(map, &st) == -1)
		die(map);
	set_mtime(map, &st.st_mtim, 5);
}

static void
make_hole(unsigned mib)
{
	save(map, "", 0);
	if (truncate(map, (off_t)mib << 20) == -1)
		die(map);
}

static void
make_whole_and_hole(unsigned mib)
{
	place(&fresh);
	if (truncate(map, (off_t)mib << 20) == -1)
		die(map);
}

static void
make_random(unsigned size)
{
	unsigned char *data = malloc(size + 1);

	if (data == NULL)
		die("malloc");
	for (unsigned i = 0; i < size; i++)
		data[i] = (unsigned char)any(256);
	save(map, data, size);
	free(data);
}

static void
make_text(unsigned lines)
{
	FILE *file = fopen(map, "w");

	if (file == NULL)
		die(map);
	for (unsigned i = 0; i < lines; i++)
		fprintf(file, "192.0.2.%u 2000000000\n", i % 256);
	(void)fclose(file);
}

static void
make_directory(unsigned unused)
{
	(void)unused;
	if (mkdir(map, 0755) == -1)
		die(map);
}

static void
make_link(unsigned unused)
{
	(void)unused;
	place(&fresh);
	if (rename(map, journal) == -1 || symlink(journal, map) == -1)
		die(map);
}

static void
make_fifo(unsigned unused)
{
	(void)unused;
	if (mkfifo(map, 0644) == -1)
		die(map);
}

/* Maps of other programs. */

enum foreign {
	F_NUL = 1,
	F_HASH = 2,
	F_DUP = 4,
	F_SUM = 8,
	F_SUBDB = 16,
	F_SWAPPED = 32,
	F_STRANGE = 64,
	F_LONG = 128,
	F_SIZE_SHIFT = 8 /* page size above that */
};

#define F_PAGES(size) ((unsigned)(size) << F_SIZE_SHIFT)

static void
must(int result, const char *what)
{
	if (result == 0)
		return;
	printf("FAIL %s: %s\n", what, db_strerror(result));
	exit(2);
}

static void
put(DB *db, const char *key, size_t length, const char *value, bool nul)
{
	DBT k;
	DBT v;

	memset(&k, 0, sizeof(k));
	memset(&v, 0, sizeof(v));
	memcpy(&k.data, &key, sizeof(key));
	memcpy(&v.data, &value, sizeof(value));
	k.size = (u_int32_t)(length + nul);
	v.size = (u_int32_t)(strlen(value) + nul);
	must(db->put(db, NULL, &k, &v, 0), "put");
}

/* What a map for mail may well hold, and what nobody must take over. */
static void
put_strange(DB *db, bool nul)
{
	static const char *const key[] = { "192.0.2", "192.0", "192",
		"example.org", "192.0.2.07", "192.0.2.0/24", "2001:db8",
		"2001:db8::/32", "203.0.113.256", "fe80::1%eth0",
		"[192.0.2.250]" };
	static const char *const value[] = { "-1", "OK", "2000000000 alice",
		" 2000000000", "0x77359400", "99999999999999999999" };

	for (size_t i = 0; i < sizeof(key) / sizeof(key[0]); i++)
		put(db, key[i], strlen(key[i]), "2000000000", nul);
	for (size_t i = 0; i < sizeof(value) / sizeof(value[0]); i++) {
		char text[32];
		int length =
		    snprintf(text, sizeof(text), "2001:db8:bad::%zu", i);

		put(db, text, (size_t)length, value[i], nul);
	}
	put(db, "192.0.2.251\0x", 13, "2000000000", false);
}

static void
make_foreign(unsigned how)
{
	bool nul = (how & F_NUL) != 0;
	unsigned page_size = how >> F_SIZE_SHIFT;
	DB *db;

	must(db_create(&db, NULL, 0), "db_create");
	if (page_size != 0)
		must(db->set_pagesize(db, page_size), "set_pagesize");
	if ((how & F_DUP) != 0)
		must(db->set_flags(db, DB_DUP), "DB_DUP");
	if ((how & F_SUM) != 0)
		must(db->set_flags(db, DB_CHKSUM), "DB_CHKSUM");
	if ((how & F_SWAPPED) != 0)
		must(db->set_lorder(db, 4321), "set_lorder");
	must(db->open(db, NULL, map, (how & F_SUBDB) != 0 ? "drac" : NULL,
		 (how & F_HASH) != 0 ? DB_HASH : DB_BTREE, DB_CREATE, 0644),
	    "open");
	for (unsigned i = 0; i < ENTRIES; i++) {
		struct drac_addr addr = nth_addr(i);
		char key[DRAC_ADDR_TEXT];
		char value[24];

		drac_addr_text(&addr, key);
		snprintf(value, sizeof(value), "%lld", (long long)EXPIRY(i));
		put(db, key, strlen(key), value, nul);
	}
	if ((how & F_STRANGE) != 0)
		put_strange(db, nul);
	if ((how & F_LONG) != 0) {
		char key[400];

		memset(key, 'x', sizeof(key));
		for (unsigned i = 0; i < 500; i++) {
			snprintf(key + 80, 20, "%08u", i);
			put(db, key, 100, "2000000000", nul);
		}
		put(db, key, sizeof(key), "2000000000", nul);
	}
	must(db->close(db, 0), "close");
}

/* A foreign file that took the place of our map, beside our journal. */
static void
make_foreign_beside(unsigned how)
{
	place(&fresh);
	if (unlink(map) == -1)
		die(map);
	make_foreign(how);
}

/* A program of old: it opens the map by name and puts in place. */
static void
make_edited(unsigned count)
{
	struct timespec then = { .tv_sec = 1 };
	DB *db;

	place(&older);
	must(db_create(&db, NULL, 0), "db_create");
	must(db->open(db, NULL, map, NULL, DB_BTREE, 0, 0), "open");
	for (unsigned i = OLDER; i < OLDER + count; i++) {
		struct drac_addr addr = nth_addr(i);
		char key[DRAC_ADDR_TEXT];
		char value[24];

		drac_addr_text(&addr, key);
		snprintf(value, sizeof(value), "%lld", (long long)EXPIRY(i));
		put(db, key, strlen(key), value, false);
	}
	must(db->close(db, 0), "close");
	set_mtime(map, &then, 0);
}

/* Backups. */

static void
make_backup_copied(unsigned keep_time)
{
	struct stat st;

	place(&fresh);
	if (stat(map, &st) == -1)
		die(map);
	save(map, older.map, older.map_size);
	set_mtime(map, &st.st_mtim, keep_time != 0 ? 0 : 5);
}

static void
make_backup_renamed(unsigned unused)
{
	(void)unused;
	place(&fresh);
	if (unlink(map) == -1)
		die(map);
	save(map, older.map, older.map_size);
}

/* Journals. */

static void
make_journal_missing(unsigned unused)
{
	(void)unused;
	place(&fresh);
	if (unlink(journal) == -1)
		die(journal);
}

static void
make_journal_cut(unsigned size)
{
	place(&fresh);
	if (truncate(journal, (off_t)size) == -1)
		die(journal);
}

static void
make_journal_random(unsigned size)
{
	make_random(size);
	if (rename(map, journal) == -1)
		die(journal);
	save(map, fresh.map, fresh.map_size);
}

static void
make_journal_of_another(unsigned unused)
{
	(void)unused;
	save(map, fresh.map, fresh.map_size);
	save(journal, older.journal, older.journal_size);
}

static void
make_journal_directory(unsigned unused)
{
	make_journal_missing(unused);
	if (mkdir(journal, 0755) == -1)
		die(journal);
}

static void
make_journal_flip(unsigned flips)
{
	place(&fresh);
	for (unsigned i = 0; i < flips; i++)
		flip(journal,
		    any(4) == 0 ? any(128) : any((uint32_t)fresh.journal_size));
}

/* What is done with a damaged map, each in a child. */

static int
visit_any(const struct drac_addr *addr, time_t expiry, void *arg)
{
	unsigned *count = arg;

	(void)addr;
	(void)expiry;
	(*count)++;
	return 0;
}

/* Reading need not succeed; it has to end. */
static int
look(void *unused)
{
	struct drac_why why;
	struct drac_store *store = open_store(TIMEOUT_MS, &why);
	struct drac_store_info info;
	unsigned count = 0;
	time_t expiry;

	(void)unused;
	if (store == NULL)
		return 0;
	for (unsigned i = 0; i < ENTRIES; i += 100) {
		struct drac_addr addr = nth_addr(i);

		(void)drac_store_get(store, &addr, &expiry, &why);
	}
	(void)drac_store_each(store, visit_any, &count, &why);
	(void)drac_store_info(store, &info, &why);
	drac_store_close(store);
	return 0;
}

static int
grant(void *unused)
{
	int64_t begin = now_ms();
	struct drac_store *store;

	(void)unused;
	store = open_store(TIMEOUT_MS, &told->why);
	told->opened = store != NULL ? 0 : -1;
	told->error = errno;
	told->added = -1;
	if (store != NULL) {
		told->added = drac_store_add(store, &client, NOW, GRANTED, 10,
		    NULL, &told->why);
		told->error = errno;
	}
	told->took_ms = now_ms() - begin;
	drac_store_close(store);
	return 0;
}

/* As the timer's sweep does it, which may use Berkeley DB. */
static int
convert(void *unused)
{
	struct drac_store_opts opts = { .path = map,
		.mode = 0644,
		.timeout_ms = 10000,
		.import = drac_import };
	struct drac_store *store = NULL;
	struct drac_swept swept;
	struct drac_why why;
	int result = drac_store_open(&opts, &store, &why);

	(void)unused;
	if (result == 0)
		result = drac_store_sweep(store, NOW, 0, &swept, &why);
	drac_store_close(store);
	return result == 0 ? 0 : 1;
}

static int
complain(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(told->detail, sizeof(told->detail), format, ap);
	va_end(ap);
	return 1;
}

/* The number of a recorded address, or -1. */
static int
number_of(const struct drac_addr *addr)
{
	const unsigned char *low = addr->octet + 14;
	unsigned number = (unsigned)low[0] << 8 | low[1];

	if (addr->len == 4) {
		number = addr->octet[0] == 192   ? 0
			 : addr->octet[0] == 198 ? 200
						 : 400;
		number += addr->octet[3];
	}
	if (number < ENTRIES) {
		struct drac_addr nth = nth_addr(number);

		if (drac_addr_equal(addr, &nth))
			return (int)number;
	}
	return -1;
}

/* One entry that a plain reader finds: 1 recorded, 0 not, -1 never so. */
static int
judge(const struct sample *sample, const DBT *key, const DBT *value)
{
	struct drac_addr addr;
	struct drac_text spelled[2];
	bool second;
	time_t expiry;
	int number;

	if (drac_key_read(key->data, key->size, &addr, &second) == -1 ||
	    drac_value_read(value->data, value->size, &expiry) == -1 ||
	    drac_key_spell(&addr, DRAC_KEY_PLAIN, 0, spelled) != 1 ||
	    spelled[0].length != key->size ||
	    memcmp(spelled[0].text, key->data, key->size) != 0)
		return -1;
	if (drac_addr_equal(&addr, &client))
		return expiry == GRANTED ? 0 : -1;
	number = number_of(&addr);
	if (number == -1 || (unsigned)number >= sample->entries ||
	    expiry != EXPIRY(number))
		return sample->strict ? -1 : 0;
	return 1;
}

static int
judge_all(const struct sample *sample)
{
	DB *db = plain_open(map);
	DBC *cursor;
	DBT key;
	DBT value;
	unsigned kept = 0;
	int result;

	if (db == NULL || db->cursor(db, NULL, &cursor, 0) != 0)
		return complain("the map cannot be opened");
	memset(&key, 0, sizeof(key));
	memset(&value, 0, sizeof(value));
	while ((result = cursor->get(cursor, &key, &value, DB_NEXT)) == 0) {
		int verdict = judge(sample, &key, &value);

		if (verdict == -1)
			return complain("never recorded: %.*s = %.*s",
			    (int)key.size, (char *)key.data, (int)value.size,
			    (char *)value.data);
		kept += (unsigned)verdict;
	}
	(void)cursor->close(cursor);
	plain_close(db);
	if (result != DB_NOTFOUND)
		return complain("walk: %s", db_strerror(result));
	if (kept + sample->lost < sample->entries)
		return complain("only %u of %u entries kept", kept,
		    sample->entries);
	return 0;
}

static int
check_grant(void)
{
	time_t expiry = 0;
	DB *db = plain_open(map);
	int result = db == NULL ? EINVAL : plain_get_addr(db, &client, &expiry);

	plain_close(db);
	if (result != 0)
		return complain("a reader does not find the grant: %s",
		    db_strerror(result));
	if (expiry != GRANTED)
		return complain("the grant ends at %lld", (long long)expiry);
	return 0;
}

/* The reader's view: at once, and after the next sweep. */
static int
check(void *arg)
{
	const struct sample *sample = arg;
	struct drac_store *store;
	struct drac_swept swept;
	struct drac_why why;
	int result;

	if (check_grant() != 0)
		return 1;
	store = open_store(10000, &why);
	if (store == NULL || drac_store_sweep(store, NOW, 0, &swept, &why) != 0)
		return complain("sweep: %s", why.text);
	drac_store_close(store);
	result = plain_verify(map);
	if (result != 0)
		return complain("verify: %s", db_strerror(result));
	return check_grant() != 0 ? 1 : judge_all(sample);
}

static int
watched(const char *what, int (*work)(void *), const struct sample *sample)
{
	struct sample copy = *sample;
	int result = in_child(work, &copy, WATCHDOG);

	if (result == 0)
		return 0;
	if (result == -1)
		return complain("%s: no end after %d ms", what, WATCHDOG);
	if (result != 1)
		return complain("%s: ended with %s %d", what,
		    result > 100 ? "signal" : "status",
		    result > 100 ? result - 100 : result);
	return 1;
}

static int
refused(const struct sample *sample)
{
	if (told->opened == 0 && told->added == 0)
		return complain("taken as a map");
	if (told->why.text[0] == '\0')
		return complain("refused without a word");
	if (sample->expect == LATER && told->error != EUCLEAN)
		return complain("%s (%s)", told->why.text,
		    strerror(told->error));
	return 0;
}

static int
taken(const struct sample *sample)
{
	unsigned aside = each_file(is_aside);

	if (told->opened != 0 || told->added != 0)
		return complain("%s: %s (%s)",
		    told->opened != 0 ? "open" : "add", told->why.text,
		    strerror(told->error));
	if (watched("check", check, sample) != 0)
		return 1;
	if (sample->expect == ADOPTED && aside != 0)
		return complain("moved aside: %s", told->why.text);
	if (sample->expect == ASIDE && aside == 0)
		return complain("not moved aside: %s", told->why.text);
	if (aside != 0 && told->why.text[0] == '\0')
		return complain("moved aside without a word");
	return 0;
}

static uint64_t
sum_of_map(void)
{
	size_t size;
	unsigned char *data = load(map, &size);
	uint64_t sum = drac_sum(data, size, 1);

	free(data);
	return sum;
}

/* The login left it as it is; a sweep converts it, and the next login counts. */
static int
left_and_converted(uint64_t before)
{
	if (told->opened == 0 && told->added == 0)
		return complain("taken as a map");
	if (told->error != EUCLEAN || told->why.text[0] == '\0')
		return complain("%s (%s)", told->why.text,
		    strerror(told->error));
	if (sum_of_map() != before || each_file(is_aside) != 0)
		return complain("not left as it was");
	return 0;
}

static int
try_sample(const struct sample *sample)
{
	uint64_t before;

	(void)each_file(remove_file);
	memset(told, 0, sizeof(*told));
	client = nth_addr(any(2) == 0 ? 1000000 + any(1000000) : 0);
	if (client.len == 4)
		client.octet[3] = (unsigned char)(200 + any(56));
	sample->make(sample->arg);
	before = sample->expect == OTHER ? sum_of_map() : 0;
	if (watched("look", look, sample) != 0 ||
	    watched("grant", grant, sample) != 0)
		return 1;
	if (told->took_ms > BOUND_MS)
		return complain("took %lld ms", (long long)told->took_ms);
	if (sample->expect == OTHER && left_and_converted(before) != 0)
		return 1;
	if (told->error == EUCLEAN && told->added != 0 &&
	    (sample->expect == OTHER || sample->expect == EITHER) &&
	    (watched("convert", convert, sample) != 0 ||
		watched("grant", grant, sample) != 0))
		return 1;
	if (sample->expect == REFUSED ||
	    (sample->expect == LATER && told->added != 0))
		return refused(sample);
	return taken(sample);
}

/* Many maps of one kind, arg times one to eight: one line. */
static int
try_many(struct sample sample, unsigned maps)
{
	unsigned failed = 0;

	for (unsigned i = 0; i < maps; i++) {
		sample.arg = 1 + i % 8;
		sample.lost = LEAF_ITEMS * sample.arg;
		if (sample.make == make_foreign_flip)
			sample.lost = ENTRIES;
		if (try_sample(&sample) == 0)
			continue;
		if (failed++ == 0)
			printf("FAIL %s: map %u: %s\n", sample.name, i,
			    told->detail);
		else if (failed < 10)
			printf("  map %u: %s\n", i, told->detail);
	}
	if (failed == 0)
		printf("ok %s\n", sample.name);
	else
		printf("  %s: %u of %u maps failed\n", sample.name, failed,
		    maps);
	fflush(stdout);
	return failed == 0 ? 0 : 1;
}

#define WHOLE   true, ENTRIES, 0
#define BACKUP  true, OLDER, 0
#define NOTHING true, 0, 0
#define SOME    true, ENTRIES, ENTRIES

static const struct sample samples[] = {
	{ "no_map", make_nothing, 0, EITHER, NOTHING },
	{ "touched", make_touched, 0, ADOPTED, WHOLE },
	{ "cut_to_1", make_cut, 1, ASIDE, NOTHING },
	{ "cut_to_511", make_cut, 511, ASIDE, NOTHING },
	{ "cut_to_meta_page", make_cut, 512, ASIDE, NOTHING },
	{ "cut_to_513", make_cut, 513, ASIDE, NOTHING },
	{ "cut_to_two_pages", make_cut, 1024, ASIDE, SOME },
	{ "cut_to_5000", make_cut, 5000, ASIDE, SOME },
	{ "cut_within_tree", make_cut_within_tree, 512, ASIDE, SOME },
	{ "cut_within_page", make_cut_within_tree, 100, ASIDE, SOME },
	{ "cut_behind_tree", make_cut_at_tree_end, 0, ADOPTED, WHOLE },
	{ "cut_last_page", make_whole_but_tail, 512, ADOPTED, WHOLE },
	{ "cut_last_octet", make_whole_but_tail, 1, ADOPTED, WHOLE },
	{ "zero_length", make_hole, 0, ASIDE, NOTHING },
	{ "sparse", make_hole, 20, ASIDE, NOTHING },
	{ "sparse_huge", make_hole, 1 << 20, ASIDE, NOTHING },
	{ "sparse_tail", make_whole_and_hole, 8, ADOPTED, WHOLE },
	{ "sparse_tail_huge", make_whole_and_hole, 1 << 20, LATER, WHOLE },
	{ "random_100", make_random, 100, ASIDE, NOTHING },
	{ "random_64k", make_random, 65536, ASIDE, NOTHING },
	{ "random_1m", make_random, 1 << 20, ASIDE, NOTHING },
	{ "text_short", make_text, 3, ASIDE, NOTHING },
	{ "text_long", make_text, 5000, ASIDE, NOTHING },
	{ "directory", make_directory, 0, REFUSED, NOTHING },
	{ "symbolic_link", make_link, 0, REFUSED, NOTHING },
	{ "fifo", make_fifo, 0, REFUSED, NOTHING },
	{ "foreign_512", make_foreign, F_PAGES(512), ADOPTED, WHOLE },
	{ "foreign_1024", make_foreign, F_PAGES(1024), ADOPTED, WHOLE },
	{ "foreign_2048", make_foreign, F_PAGES(2048), ADOPTED, WHOLE },
	{ "foreign_4096", make_foreign, F_PAGES(4096), ADOPTED, WHOLE },
	{ "foreign_8192", make_foreign, F_PAGES(8192), ADOPTED, WHOLE },
	{ "foreign_16384", make_foreign, F_PAGES(16384), ADOPTED, WHOLE },
	{ "foreign_32768", make_foreign, F_PAGES(32768), ADOPTED, WHOLE },
	{ "foreign_65536", make_foreign, F_PAGES(65536), ADOPTED, WHOLE },
	{ "postmap_512", make_foreign, F_NUL | F_PAGES(512), ADOPTED, WHOLE },
	{ "postmap_4096", make_foreign, F_NUL | F_PAGES(4096), ADOPTED, WHOLE },
	{ "postmap_65536", make_foreign, F_NUL | F_PAGES(65536), ADOPTED,
	    WHOLE },
	{ "foreign_beside", make_foreign_beside, F_PAGES(4096), ADOPTED,
	    WHOLE },
	{ "foreign_strange_keys", make_foreign, F_STRANGE, ADOPTED, WHOLE },
	{ "foreign_strange_keys_nul", make_foreign, F_STRANGE | F_NUL, ADOPTED,
	    WHOLE },
	{ "foreign_long_keys", make_foreign, F_LONG | F_PAGES(8192), ADOPTED,
	    WHOLE },
	{ "foreign_overflow_keys", make_foreign, F_LONG | F_PAGES(512), EITHER,
	    SOME },
	{ "foreign_hash", make_foreign, F_HASH, OTHER, WHOLE },
	{ "foreign_hash_nul", make_foreign, F_HASH | F_NUL, OTHER, WHOLE },
	{ "foreign_hash_strange", make_foreign, F_HASH | F_STRANGE, OTHER,
	    WHOLE },
	{ "foreign_hash_long", make_foreign, F_HASH | F_LONG, OTHER, WHOLE },
	{ "foreign_hash_swapped", make_foreign, F_HASH | F_SWAPPED, OTHER,
	    WHOLE },
	{ "foreign_duplicates", make_foreign, F_DUP, OTHER, WHOLE },
	{ "foreign_checksums", make_foreign, F_SUM, OTHER, WHOLE },
	{ "foreign_subdatabase", make_foreign, F_SUBDB, OTHER, NOTHING },
	{ "foreign_byte_order", make_foreign, F_SWAPPED, OTHER, WHOLE },
	{ "edited_in_place_1", make_edited, 1, ADOPTED, true, OLDER + 1, 0 },
	{ "edited_in_place_400", make_edited, 400, ADOPTED, WHOLE },
	{ "backup_copied", make_backup_copied, 0, ADOPTED, BACKUP },
	{ "backup_copied_same_time", make_backup_copied, 1, EITHER, SOME },
	{ "backup_renamed", make_backup_renamed, 0, ADOPTED, BACKUP },
	{ "journal_missing", make_journal_missing, 0, ADOPTED, WHOLE },
	{ "journal_empty", make_journal_cut, 0, ADOPTED, WHOLE },
	{ "journal_cut_in_head", make_journal_cut, 50, ADOPTED, WHOLE },
	{ "journal_cut_in_ring", make_journal_cut, 4100, ADOPTED, WHOLE },
	{ "journal_cut_before_sums", make_journal_cut, 4096 + DRAC_RING_BYTES,
	    ADOPTED, WHOLE },
	{ "journal_cut_in_sums", make_journal_cut, 5004 + DRAC_RING_BYTES,
	    ADOPTED, WHOLE },
	{ "journal_random_100", make_journal_random, 100, ADOPTED, WHOLE },
	{ "journal_random_2m", make_journal_random, 2 << 20, ADOPTED, WHOLE },
	{ "journal_of_another_map", make_journal_of_another, 0, ADOPTED,
	    WHOLE },
	{ "journal_is_a_directory", make_journal_directory, 0, REFUSED,
	    NOTHING },
};

static int
try_each(void)
{
	int failed = 0;

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *sample = &samples[i];

		if (try_sample(sample) == 0) {
			printf("ok %s\n", sample->name);
		} else {
			printf("FAIL %s: %s\n", sample->name, told->detail);
			failed = 1;
		}
		fflush(stdout);
	}
	return failed;
}

static void
begin(uint64_t seed)
{
	const char *tmp = getenv("TMPDIR");

	if (tmp == NULL)
		tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(dir, sizeof(dir), "%.40s/drac-damage.XXXXXX", tmp);
	if (mkdtemp(dir) == NULL)
		die(dir);
	snprintf(map, sizeof(map), "%s/dracd.db", dir);
	snprintf(journal, sizeof(journal), "%s.journal", map);
	told = shared_memory(sizeof(*told));
	state = seed;
	prepare();
}

/* One half of the work, in a process and a directory of its own. */
static int
run_half(unsigned half, uint64_t seed, unsigned maps)
{
	const struct sample media = { "media_damage", make_media, 0, EITHER,
		.strict = true, .entries = ENTRIES };
	const struct sample hand = { "foreign_hand", make_foreign_flip, 0,
		EITHER, .entries = ENTRIES };
	const struct sample rings = { "journal_damage", make_journal_flip, 0,
		EITHER, .strict = true, .entries = ENTRIES };
	int failed;

	begin(seed + half);
	if (half == 0) {
		failed = try_many(media, maps / 2);
		failed |= try_many(rings, maps / 10);
	} else {
		failed = try_each();
		failed |= try_many(hand, maps - maps / 2);
	}
	(void)each_file(remove_file);
	(void)rmdir(dir);
	return failed;
}

int
main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 20241124;
	unsigned maps = argc > 2 ? (unsigned)atoi(argv[2]) : 2000;
	int failed = 0;

	printf("  seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	for (unsigned half = 0; half < 2; half++) {
		pid_t pid = fork();

		if (pid == -1)
			die("fork");
		if (pid == 0)
			exit(run_half(half, seed, maps));
	}
	for (unsigned half = 0; half < 2; half++) {
		int status;

		if (wait(&status) == -1)
			die("wait");
		failed |= status != 0;
	}
	return failed;
}
