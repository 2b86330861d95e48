/* SPDX-License-Identifier: BSD-2-Clause */

/* A map made anew from one that is not trusted; see renew.h. */

#include "renew.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "entries.h"
#include "images.h"
#include "journal.h"
#include "page.h"

/* The old map. */
struct old {
	int fd;
	struct stat st;
	struct drac_tree tree;
	struct drac_images pending; /* safe in the journal, not in the map */
	int64_t mark;               /* of the journal */
};

static int
read_page(void *arg, uint32_t pgno, unsigned char *page)
{
	struct old *old = arg;
	const unsigned char *image = drac_images_get(&old->pending, pgno);

	if (image == NULL)
		return drac_read_full(old->fd, page, old->tree.page_size,
		    (off_t)pgno * old->tree.page_size);
	memcpy(page, image, DRAC_PAGE_SIZE);
	return 0;
}

static int
keep_pending(void *arg, uint32_t pgno, const unsigned char *page)
{
	return drac_images_put(arg, pgno, page);
}

/* What makes no sense, or belongs to another map, is not pending. */
static int
read_journal(const struct drac_place *place, struct old *old)
{
	struct drac_journal journal;
	int fd = drac_place_file(place, DRAC_JOURNAL, O_RDONLY, 0, NULL);
	int result = 0;

	if (fd == -1)
		return 0;
	if (drac_journal_load(&journal, fd) == 0 &&
	    journal.head.map_ino == old->st.st_ino &&
	    journal.head.pages * DRAC_PAGE_SIZE == (uint64_t)old->st.st_size) {
		result =
		    drac_journal_pending(&journal, keep_pending, &old->pending);
		old->mark = journal.head.mark;
	}
	(void)close(fd);
	return result == -1 && errno == ENOMEM ? -1 : 0;
}

static int
take_entries(struct old *old, struct drac_entries *entries,
    struct drac_why *why)
{
	unsigned char meta[DRAC_PAGE_SIZE];

	old->tree = (struct drac_tree){ .read = read_page,
		.arg = old,
		.page_size = DRAC_PAGE_SIZE };
	if (read_page(old, 0, meta) == -1 ||
	    drac_tree_meta(meta, sizeof(meta), &old->tree, why) == -1)
		return -1;
	if (old->tree.page_size != DRAC_PAGE_SIZE)
		drac_images_clear(&old->pending);
	old->tree.pages = (uint32_t)(old->st.st_size / old->tree.page_size);
	return drac_tree_walk(&old->tree, drac_entries_leaf, entries);
}

/* Where pending pages do not go with the others, the file counts alone. */
static int
read_old(const struct drac_place *place, struct old *old,
    struct drac_entries *entries, struct drac_why *why)
{
	if (fstat(old->fd, &old->st) == -1 || read_journal(place, old) == -1)
		return -1;
	if (take_entries(old, entries, why) == 0)
		return 0;
	if (errno != EBADMSG || old->pending.count == 0)
		return -1;
	drac_images_clear(&old->pending);
	entries->count = 0;
	why->text[0] = '\0';
	return take_entries(old, entries, why);
}

static int
say_failed(const struct drac_place *place, struct drac_why *why)
{
	struct drac_why inner = *why;

	if (inner.text[0] == '\0')
		drac_why_set(why, "%s: %s", place->path,
		    errno == EBADMSG ? "damaged" : strerror(errno));
	else if (inner.text[0] != '/')
		drac_why_set(why, "%s: %.200s", place->path, inner.text);
	return -1;
}

int
drac_renew(const struct drac_remap *remap, const struct drac_store_opts *opts,
    struct drac_why *why)
{
	struct old old = { .pending = { .page_size = DRAC_PAGE_SIZE } };
	struct drac_entries entries = { .style = opts->key_style,
		.readers = opts->readers,
		.cover = opts->cover };
	struct drac_remap marked = *remap;
	int result, saved;

	why->text[0] = '\0';
	old.fd = drac_place_file(remap->place, "", O_RDONLY, 0, why);
	if (old.fd == -1 && errno == ENOENT) {
		drac_place_unlink(remap->place, DRAC_JOURNAL);
		return 0;
	}
	if (old.fd == -1)
		return say_failed(remap->place, why);
	result = read_old(remap->place, &old, &entries, why);
	marked.mark = old.mark > 0 ? old.mark : 0;
	drac_entries_unite(&entries);
	if (result == 0)
		result = drac_remap_build(&marked, drac_entries_next, &entries,
		    DRAC_PAGES_MIN, why);
	if (result == -1)
		(void)say_failed(remap->place, why);
	saved = errno;
	(void)close(old.fd);
	drac_images_free(&old.pending);
	drac_entries_free(&entries);
	errno = saved;
	return result;
}
