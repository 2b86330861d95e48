/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Pages that are not as the last writer left them, and memory that is
 * refused, under every operation of a login and of the map's owner. Whatever
 * writes the map must not parse a damaged page, must not journal a wrong page
 * with a checksum that says it is right, and must not write to the map what
 * the journal does not have. The damage is done where the operation has to
 * go, also with the file's modification time put back.
 */

#include <sys/stat.h>

#include <dlfcn.h>
#include <fcntl.h>

#include "images.h"
#include "journal.h"
#include "page.h"
#include "plain.h"
#include "store.h"

#define ENTRIES    1000u
#define OTHERS     5000u /* numbers of the addresses that operations add */
#define NOW        ((time_t)1900000000)
#define GRANTED    (NOW + 1800)
#define LATER      (NOW + 2400)
#define TARGET     150u /* in the leaf that is damaged */
#define EXPIRED    159u /* beside it */
#define WATCHDOG   20000
#define LEAF_ITEMS 20 /* more pairs than one page of 512 octets holds */

static char dir[64];
static char map[96];
static char journal[112];
static char *problem; /* what a child found, shared */

/* Memory that is refused. */

#ifdef __SANITIZE_ADDRESS__
#define REFUSES 0
#else
#define REFUSES 1

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
#endif

static long countdown = -1; /* allocations until one fails; -1 never */
static bool all_after;
static bool reached;

#if REFUSES

/* Berkeley DB 5.3 itself does not survive it. */
static bool
fails(const void *caller)
{
	Dl_info info;

	if (countdown < 0 || dladdr(caller, &info) == 0 ||
	    strstr(info.dli_fname, "/libdb-") != NULL)
		return false;
	if (countdown > 0) {
		countdown--;
		return false;
	}
	if (!all_after)
		countdown = -1;
	reached = true;
	errno = ENOMEM;
	return true;
}

#define EXPORT __attribute__((visibility("default")))

EXPORT void *
malloc(size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

EXPORT void *
calloc(size_t count, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL
						  : __libc_calloc(count, size);
}

EXPORT void *
realloc(void *old, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL
						  : __libc_realloc(old, size);
}

#endif

/* Files. */

struct copy {
	unsigned char *map;
	size_t map_size;
	unsigned char *journal;
	size_t journal_size;
};

static struct copy small; /* ENTRIES */
static struct copy full;  /* as many as go in before it is enlarged */

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

/* The map and its journal in place, as if the store had just left them. */
static void
place(const struct copy *copy)
{
	struct drac_journal head;
	struct stat st;
	int fd;

	(void)unlink(map);
	(void)unlink(journal);
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
open_store(bool owner, struct drac_why *why)
{
	struct drac_store_opts opts = { .path = map,
		.mode = 0644,
		.timeout_ms = 10000,
		.may_create = true,
		.owner = owner };
	struct drac_store *store = NULL;

	return drac_store_open(&opts, &store, why) == 0 ? store : NULL;
}

static time_t
expiry_of(unsigned n)
{
	return n % 10 == 9 ? NOW - 1000 - (time_t)n : NOW + 10000 + (time_t)n;
}

static int
set_many(struct drac_store *store, unsigned from, unsigned to, time_t expiry,
    struct drac_why *why)
{
	static struct drac_op ops[DRAC_OPS_MAX];

	for (unsigned at = from; at < to;) {
		size_t count = 0;

		memset(ops, 0, sizeof(ops));
		for (; at < to && count < DRAC_OPS_MAX; at++, count++) {
			ops[count].kind = DRAC_OP_SET;
			ops[count].addr = nth_addr(at);
			ops[count].expiry =
			    expiry != 0 ? expiry : expiry_of(at);
		}
		if (drac_store_apply(store, ops, count, NOW - 5000, why) == -1)
			return -1;
	}
	return 0;
}

static void
take(struct copy *copy)
{
	copy->map = load(map, &copy->map_size);
	copy->journal = load(journal, &copy->journal_size);
}

static uint64_t
pages_free(struct drac_store *store)
{
	struct drac_store_info info;
	struct drac_why why;

	if (drac_store_info(store, &info, &why) == -1)
		die(why.text);
	return info.pages_free;
}

static void
prepare(void)
{
	struct drac_why why;
	struct drac_store *store = open_store(false, &why);
	unsigned n = 10 * OTHERS;

	if (store == NULL || set_many(store, 0, ENTRIES, 0, &why) == -1)
		die(why.text);
	take(&small);
	for (; pages_free(store) > 8; n += 16)
		if (set_many(store, n, n + 16, GRANTED, &why) == -1)
			die(why.text);
	take(&full);
	drac_store_close(store);
}

/* Where an operation goes: the tree of a copy. */

static int
read_copy(void *arg, uint32_t pgno, unsigned char *page)
{
	const struct copy *copy = arg;

	if ((pgno + (size_t)1) * DRAC_PAGE_SIZE > copy->map_size) {
		errno = EBADMSG;
		return -1;
	}
	memcpy(page, copy->map + (size_t)pgno * DRAC_PAGE_SIZE, DRAC_PAGE_SIZE);
	return 0;
}

static struct drac_tree
tree_of(struct copy *copy)
{
	struct drac_tree tree = { 0 };

	if (drac_tree_meta(copy->map, copy->map_size, &tree, NULL) == -1)
		die("meta page");
	tree.read = read_copy;
	tree.arg = copy;
	tree.pages = (uint32_t)(copy->map_size / DRAC_PAGE_SIZE);
	return tree;
}

/* Damage. */

enum where {
	LEAF,
	ROOT,
	FREE,
	META
};

struct damage {
	const char *name;
	enum where where;
	void (*make)(unsigned char *page);
};

static void
fill_index(unsigned char *page)
{
	memset(page + 26, 0xff, 64);
}

static void
fill_page(unsigned char *page)
{
	memset(page + 20, 0xff, 2);
	memset(page + 26, 0xff, DRAC_PAGE_SIZE - 26);
}

static void
zero_page(unsigned char *page)
{
	memset(page, 0, DRAC_PAGE_SIZE);
}

/* The key becomes another one, the page stays sound. */
static void
flip_key(unsigned char *page)
{
	unsigned char *key = memmem(page, DRAC_PAGE_SIZE, "192.0.2.150", 11);

	if (key == NULL)
		die("no such key");
	key[10] ^= 8;
}

/* Its neighbours in the chain: a reader that follows them goes round. */
static void
turn_chain(unsigned char *page)
{
	memcpy(page + 16, page + 8, 4);
	memcpy(page + 12, page + 8, 4);
}

static void
flip_meta(unsigned char *page)
{
	page[88] ^= 1; /* the root's number */
}

static const struct damage damages[] = {
	{ "leaf index", LEAF, fill_index },
	{ "leaf", LEAF, fill_page },
	{ "leaf zeroed", LEAF, zero_page },
	{ "key", LEAF, flip_key },
	{ "chain", LEAF, turn_chain },
	{ "root index", ROOT, fill_index },
	{ "root zeroed", ROOT, zero_page },
	{ "free page", FREE, fill_page },
	{ "meta page", META, flip_meta },
};

static uint32_t
damaged_page(struct copy *copy, enum where where)
{
	struct drac_tree tree = tree_of(copy);
	static struct drac_leaf leaf;

	if (where == ROOT)
		return tree.root;
	if (where == FREE)
		return tree.free;
	if (where == META)
		return 0;
	if (drac_tree_seek(&tree, "192.0.2.150", 11, &leaf) == -1)
		die("192.0.2.150");
	return leaf.pgno;
}

static void
damage_map(const struct damage *damage, uint32_t pgno, bool keep_mtime)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	unsigned char page[DRAC_PAGE_SIZE];
	off_t at = (off_t)pgno * DRAC_PAGE_SIZE;
	int fd = open(map, O_RDWR | O_CLOEXEC);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1 ||
	    drac_read_full(fd, page, sizeof(page), at) == -1)
		die(map);
	damage->make(page);
	times[1] = st.st_mtim;
	times[1].tv_sec += keep_mtime ? 0 : 5;
	if (drac_write_full(fd, page, sizeof(page), at) == -1 ||
	    futimens(fd, times) == -1)
		die(map);
	(void)close(fd);
}

/* Operations. 0 done, -1 refused. */

struct op {
	const char *name;
	int (*run)(struct drac_store *store, struct drac_why *why);
	unsigned target;   /* number of an address that it changes */
	time_t expiry;     /* that the address has then; 0 none */
	bool owner;        /* the owner's alone */
	struct copy *copy; /* NULL: small */
};

static int
op_add(struct drac_store *store, struct drac_why *why)
{
	struct drac_addr addr = nth_addr(TARGET);
	struct drac_addr other = nth_addr(OTHERS);

	addr.octet[3] = 205; /* 192.0.2.205 */
	if (drac_store_add(store, &other, NOW, GRANTED, 10, NULL, why) == -1)
		return -1;
	return drac_store_add(store, &addr, NOW, GRANTED, 10, NULL, why);
}

static int
op_renew(struct drac_store *store, struct drac_why *why)
{
	struct drac_addr addr = nth_addr(TARGET);

	return drac_store_add(store, &addr, NOW, NOW + 20000, 10, NULL, why);
}

static int
op_set(struct drac_store *store, struct drac_why *why)
{
	struct drac_addr addr = nth_addr(TARGET);

	return drac_store_set(store, &addr, LATER, why);
}

static int
op_take_back(struct drac_store *store, struct drac_why *why)
{
	struct drac_addr addr = nth_addr(TARGET);
	struct drac_grant grant = { .expiry = expiry_of(TARGET),
		.previous = GRANTED,
		.written = true };

	return drac_store_take_back(store, &addr, &grant, why) == -1 ? -1 : 0;
}

static int
op_drop(struct drac_store *store, struct drac_why *why)
{
	struct drac_addr addr = nth_addr(TARGET);

	return drac_store_drop(store, &addr, why) == -1 ? -1 : 0;
}

static int
op_sweep(struct drac_store *store, struct drac_why *why)
{
	struct drac_swept swept;

	return drac_store_sweep(store, NOW, 0, &swept, why);
}

static int
op_apply(struct drac_store *store, struct drac_why *why)
{
	struct drac_op ops[40] = { 0 };

	for (unsigned i = 0; i < 40; i++) {
		ops[i].kind = i % 2 == 0 ? DRAC_OP_ADD : DRAC_OP_SET;
		ops[i].addr = nth_addr(i % 4 < 2 ? OTHERS + i : TARGET + i);
		ops[i].expiry = GRANTED;
		ops[i].renew_s = 10;
	}
	ops[1].addr = nth_addr(TARGET);
	ops[1].expiry = LATER;
	return drac_store_apply(store, ops, 40, NOW, why);
}

static int
op_expire(struct drac_store *store, struct drac_why *why)
{
	struct drac_op ops[2] = { { .kind = DRAC_OP_EXPIRE,
				      .addr = nth_addr(EXPIRED) },
		{ .kind = DRAC_OP_DROP, .addr = nth_addr(TARGET) } };

	return drac_store_apply(store, ops, 2, NOW, why);
}

static int
op_upkeep(struct drac_store *store, struct drac_why *why)
{
	bool anew;

	return drac_store_upkeep(store, NOW, &anew, why);
}

static int
op_clear(struct drac_store *store, struct drac_why *why)
{
	return drac_store_clear(store, why);
}

/* More than there is room for. */
static int
op_enlarge(struct drac_store *store, struct drac_why *why)
{
	return set_many(store, OTHERS, OTHERS + 2 * DRAC_OPS_MAX, GRANTED, why);
}

static const struct op ops[] = {
	{ "add", op_add, OTHERS, GRANTED, false, NULL },
	{ "renew", op_renew, TARGET, NOW + 20000, false, NULL },
	{ "set", op_set, TARGET, LATER, false, NULL },
	{ "take back", op_take_back, TARGET, GRANTED, false, NULL },
	{ "drop", op_drop, TARGET, 0, false, NULL },
	{ "sweep", op_sweep, EXPIRED, 0, false, NULL },
	{ "apply", op_apply, TARGET, LATER, false, NULL },
	{ "expire", op_expire, EXPIRED, 0, false, NULL },
	{ "upkeep", op_upkeep, 0, 0, true, NULL },
	{ "clear", op_clear, TARGET, 0, false, NULL },
	{ "enlarge", op_enlarge, OTHERS, GRANTED, false, &full },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One try: an operation by somebody, on a map with a damage or without. */
struct
try {
	const struct op *op;
	bool owner;
	const struct damage *damage;
	uint32_t pgno;
	bool keep_mtime;
	int status; /* of the operation */
};

static struct copy *
copy_of(const struct op *op)
{
	return op->copy != NULL ? op->copy : &small;
}

static int
complain(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(problem, 300, format, ap);
	va_end(ap);
	return 1;
}

/* What the journal says of the map. */

static int
keep_image(void *arg, uint32_t pgno, const unsigned char *page)
{
	return drac_images_put(arg, pgno, page);
}

/*
 * Each page is as the journal says, or waits in the journal, or is the one
 * that the test damaged.
 */
static int
check_journal(const struct try *try)
{
	struct drac_images waiting = { .page_size = DRAC_PAGE_SIZE };
	struct drac_journal head;
	int fd = open(journal, O_RDONLY | O_CLOEXEC);
	size_t size;
	unsigned char *pages = load(map, &size);
	struct stat st;
	int result = 0;

	if (fd == -1 || stat(map, &st) == -1 ||
	    drac_journal_load(&head, fd) == -1)
		return complain("the journal cannot be read");
	if (head.head.map_ino != st.st_ino ||
	    drac_journal_pending(&head, keep_image, &waiting) == -1)
		result = complain("the journal is not the map's");
	for (uint32_t i = 0; result == 0 && i < size / DRAC_PAGE_SIZE; i++) {
		uint64_t sum;

		if (drac_journal_sums(&head, i, 1, &sum) == -1)
			result = complain("no sum of page %u", i);
		else if (sum != drac_page_sum(pages + i * DRAC_PAGE_SIZE,
				    DRAC_PAGE_SIZE, i) &&
			 drac_images_get(&waiting, i) == NULL &&
			 (try->damage == NULL || i != try->pgno))
			result =
			    complain("page %u was written past the journal", i);
	}
	drac_images_free(&waiting);
	free(pages);
	(void)close(fd);
	return result;
}

static bool
expected(const struct drac_addr *addr, time_t expiry)
{
	char text[DRAC_ADDR_TEXT];
	unsigned n = addr->len == 4
			 ? (addr->octet[0] == 192      ? 0
			       : addr->octet[0] == 198 ? 200u
						       : 400u) +
			       addr->octet[3]
			 : (unsigned)addr->octet[13] << 16 |
			       (unsigned)addr->octet[14] << 8 | addr->octet[15];
	struct drac_addr nth = nth_addr(n);

	drac_addr_text(addr, text);
	if (strcmp(text, "192.0.2.205") == 0)
		return expiry == GRANTED;
	if (!drac_addr_equal(addr, &nth))
		return false;
	if (n >= ENTRIES)
		return expiry == GRANTED;
	return expiry == expiry_of(n) || expiry == GRANTED || expiry == LATER ||
	       expiry == NOW + 20000;
}

/* No entry that nobody recorded, as a plain reader sees it. */
static int
check_entries(unsigned *count)
{
	DB *db = plain_open(map);
	DBC *cursor;
	DBT key = { 0 };
	DBT value = { 0 };
	int result;

	*count = 0;
	if (db == NULL || db->cursor(db, NULL, &cursor, 0) != 0)
		return complain("the map cannot be opened");
	while ((result = cursor->get(cursor, &key, &value, DB_NEXT)) == 0) {
		struct drac_addr addr;
		time_t expiry;
		bool second;

		if (drac_key_read(key.data, key.size, &addr, &second) == -1 ||
		    drac_value_read(value.data, value.size, &expiry) == -1 ||
		    !expected(&addr, expiry))
			return complain("never recorded: %.*s = %.*s",
			    (int)key.size, (char *)key.data, (int)value.size,
			    (char *)value.data);
		(*count)++;
	}
	(void)cursor->close(cursor);
	plain_close(db);
	return result == DB_NOTFOUND
		   ? 0
		   : complain("walk: %s", db_strerror(result));
}

/* What an operation answered 0 for is there. */
static int
check_target(const struct op *op)
{
	struct drac_addr addr = nth_addr(op->target);
	time_t expiry = 0;
	DB *db = plain_open(map);
	int result = db == NULL ? EINVAL : plain_get_addr(db, &addr, &expiry);

	plain_close(db);
	/* Nothing to take back where the entry went with its page. */
	if (op->run == op_take_back && result == DB_NOTFOUND)
		return 0;
	if (op->run == op_upkeep ||
	    (op->expiry == 0 && result == DB_NOTFOUND) ||
	    (result == 0 && expiry == op->expiry))
		return 0;
	return complain("answered 0, but a reader finds %lld (%s)",
	    (long long)expiry, db_strerror(result));
}

/* The operation itself; what it leaves is looked at by others. */
static int
run_op(void *arg)
{
	struct try *try = arg;
	struct drac_why why = { "" };
	struct drac_store *store = open_store(try->owner, &why);

	if (store == NULL)
		return 3;
	damage_map(try->damage, try->pgno, try->keep_mtime);
	return try->op->run(store, &why) == 0 ? 0 : 2;
}

/*
 * A flipped key in a page that is sound is an entry like any other where
 * another program is known to have written to the map. Where the damage was
 * not noticed by the operation the next sweep notices.
 */
static int
check_damaged(void *arg)
{
	const struct try *try = arg;
	bool strict = try->keep_mtime || try->damage->make != flip_key;
	struct drac_why why = { "" };
	unsigned entries = 0;
	struct drac_store *store;
	int result;

	if (try->keep_mtime && check_journal(try) != 0)
		return 1;
	/* A reader of the damaged page itself sees what it says. */
	if (try->status == 0 && try->damage->where != FREE &&
	    try->op->run != op_sweep && try->op->run != op_expire &&
	    check_target(try->op) != 0)
		return 1;
	store = open_store(false, &why);
	if (store == NULL || op_sweep(store, &why) == -1)
		return complain("sweep: %s", why.text);
	drac_store_close(store);
	result = plain_verify(map);
	if (result != 0)
		return complain("verify: %s", db_strerror(result));
	if (strict && check_entries(&entries) != 0)
		return 1;
	if (strict && try->keep_mtime && try->op->run != op_clear &&
	    entries + LEAF_ITEMS < ENTRIES - ENTRIES / 10)
		return complain("only %u entries kept", entries);
	return 0;
}

static int
try_damage(struct try *try)
{
	int status;

	problem[0] = '\0';
	place(copy_of(try->op));
	try->pgno = damaged_page(copy_of(try->op), try->damage->where);
	status = in_child(run_op, try, WATCHDOG);
	if (status != 0 && status != 2)
		return complain("ended with %d", status);
	/* A login, a sweep and the owner mend it in their time. */
	if (status == 2 && try->keep_mtime)
		return complain("refused");
	try->status = status;
	status = in_child(check_damaged, try, WATCHDOG);
	if (status != 0 && problem[0] == '\0')
		return complain("check: ended with %d", status);
	return status;
}

static int
damaged_under(const struct op *op, bool owner, bool keep_mtime)
{
	int failed = 0;

	for (size_t i = 0; i < COUNT(damages); i++) {
		struct try try = { .op = op,
			.owner = owner,
			.damage = &damages[i],
			.keep_mtime = keep_mtime };

		if (try_damage(&try) == 0)
			continue;
		failed++;
		printf("  %s damaged: %s\n", damages[i].name, problem);
	}
	printf("%s %s of %s, damaged pages, mtime %s\n",
	    failed == 0 ? "ok" : "FAIL", op->name, owner ? "owner" : "login",
	    keep_mtime ? "kept" : "moved");
	return failed != 0;
}

/* Refused memory, at each point. */

static int
try_refused(const struct try *try, long number, bool all)
{
	struct drac_addr addr = nth_addr(OTHERS + 3000);
	struct drac_why why = { "" };
	struct drac_store *store = open_store(try->owner, &why);
	unsigned entries;
	int result;

	if (store == NULL)
		return complain("open: %s", why.text);
	reached = false;
	all_after = all;
	countdown = number;
	result = try->op->run(store, &why);
	countdown = -1;
	if (check_journal(try) != 0 || check_entries(&entries) != 0)
		return 1;
	if (result == 0 && check_target(try->op) != 0)
		return 1;
	why.text[0] = '\0';
	if (drac_store_add(store, &addr, NOW, GRANTED, 10, NULL, &why) == -1)
		return complain("the next login: %s", why.text);
	drac_store_close(store);
	return check_journal(try) != 0 || check_entries(&entries) != 0;
}

static int
refuse_all(void *arg)
{
	const struct try *try = arg;

	for (unsigned all = 0; all < 2; all++)
		for (long number = 0; number == 0 || reached; number++) {
			place(copy_of(try->op));
			if (try_refused(try, number, all != 0) != 0) {
				printf("  allocation %ld%s: %s\n", number,
				    all != 0 ? " and all after" : "", problem);
				return 1;
			}
		}
	return plain_verify(map) != 0;
}

static int
refused_under(const struct op *op, bool owner)
{
	struct try try = { .op = op, .owner = owner };
	int status = in_child(refuse_all, &try, 6 * WATCHDOG);

	if (status > 1 || status == -1)
		printf("  ended with %d\n", status);
	printf("%s %s of %s, memory refused\n", status == 0 ? "ok" : "FAIL",
	    op->name, owner ? "owner" : "login");
	return status != 0;
}

static void
begin(void)
{
	const char *tmp = getenv("TMPDIR");

	if (tmp == NULL)
		tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(dir, sizeof(dir), "%.40s/drac-pages.XXXXXX", tmp);
	if (mkdtemp(dir) == NULL)
		die(dir);
	snprintf(map, sizeof(map), "%s/dracd.db", dir);
	snprintf(journal, sizeof(journal), "%s.journal", map);
	problem = shared_memory(300);
	prepare();
}

static void
end(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -r %s", dir);
	if (system(command) != 0)
		die(dir);
}

int
main(void)
{
	int failed = 0;

	begin();
	for (size_t i = 0; i < COUNT(ops); i++)
		for (unsigned owner = ops[i].owner; owner < 2; owner++) {
			failed |= damaged_under(&ops[i], owner != 0, true);
			failed |= damaged_under(&ops[i], owner != 0, false);
			if (REFUSES)
				failed |= refused_under(&ops[i], owner != 0);
		}
	if (!REFUSES)
		printf(
		    "skip memory refused: the sanitizer has the allocator\n");
	end();
	return failed;
}
