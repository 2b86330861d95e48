/* SPDX-License-Identifier: BSD-2-Clause */

/* The map as a mail server reads it, whose keys we may spell otherwise. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "page.h"
#include "place.h"

#define META 512u

/* A map being read. */
struct reading {
	int fd;
	unsigned page_size;
};

static int
read_at(int fd, unsigned char *octets, size_t length, off_t offset)
{
	ssize_t got = pread(fd, octets, length, offset);

	if (got == (ssize_t)length)
		return 0;
	if (got != -1)
		errno = EBADMSG;
	return -1;
}

static int
read_page(void *arg, uint32_t pgno, unsigned char *page)
{
	const struct reading *reading = arg;

	return read_at(reading->fd, page, reading->page_size,
	    (off_t)pgno * reading->page_size);
}

static int
find_in_leaf(const struct drac_leaf *leaf, struct drac_raw *raw)
{
	struct drac_item item;

	for (unsigned i = 0; i < leaf->items; i++) {
		int kind = drac_leaf_item(leaf, i, &item);

		if (kind == -1)
			return -1;
		if (kind != 1 || drac_key_order(raw->key.text, raw->key.length,
				     item.key, item.key_len) != 0)
			continue;
		raw->length = item.value_len < sizeof(raw->value)
				  ? item.value_len
				  : sizeof(raw->value);
		memcpy(raw->value, item.value, raw->length);
		return 1;
	}
	return 0;
}

static int
find(struct reading *reading, struct drac_raw *raw, struct drac_why *why)
{
	unsigned char meta[META];
	struct drac_tree tree = { .read = read_page, .arg = reading };
	struct drac_leaf *leaf;
	struct stat st;
	int result;

	if (fstat(reading->fd, &st) == -1 ||
	    read_at(reading->fd, meta, sizeof(meta), 0) == -1 ||
	    drac_tree_meta(meta, sizeof(meta), &tree, why) == -1)
		return -1;
	reading->page_size = tree.page_size;
	tree.pages = (uint32_t)((uint64_t)st.st_size / tree.page_size);
	leaf = malloc(sizeof(*leaf));
	if (leaf == NULL)
		return -1;
	result =
	    drac_tree_seek(&tree, raw->key.text, raw->key.length, leaf) == -1
		? -1
		: find_in_leaf(leaf, raw);
	free(leaf);
	return result;
}

static int
find_locked(struct drac_place *place, struct drac_raw *raw,
    struct drac_why *why)
{
	struct reading reading = { .fd = drac_place_file(place, "", O_RDONLY, 0,
				       why) };
	int result = -1, saved;

	if (reading.fd == -1)
		return -1;
	if (drac_lock_map(reading.fd, false, drac_place_left(place)) == 0) {
		result = find(&reading, raw, why);
		drac_unlock_map(reading.fd, false);
	}
	saved = errno;
	(void)close(reading.fd);
	errno = saved;
	return result;
}

int
drac_map_raw(struct drac_ctl *ctl, struct drac_raw *raw, struct drac_why *why)
{
	struct drac_place place;
	int result, saved;

	why->text[0] = '\0';
	raw->length = 0;
	if (drac_place_open_kept(&place, ctl->opts.path, ctl->opts.keeper,
		why) == -1)
		return -1;
	drac_place_start(&place, ctl->opts.timeout_ms);
	result = find_locked(&place, raw, why);
	saved = errno;
	if (result == -1 && why->text[0] == '\0')
		drac_why_set(why, "%s: %s", ctl->opts.path,
		    saved == EBADMSG ? "damaged" : strerror(saved));
	drac_place_close(&place);
	errno = saved;
	return result;
}
