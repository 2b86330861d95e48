/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The journal beside a map: page images made safe before they are applied,
 * and a checksum for every page of the map as it was last written. Plain
 * files; knows nothing of trees.
 *
 *	0        header: which map, which boot, how far applied
 *	4096     ring: records {length, epoch, number, sum} + page images
 *	4096+1M  sums: eight octets for each page of the map
 *
 * The ring is written from its start to its end and then begun anew with
 * the next epoch, after the map itself was synced; so after a power cut
 * every record of the ring's epoch is applied again, in order, over
 * whatever mixture of old and new pages the disk kept. After a mere kill
 * only what stands behind the header's `applied` mark is.
 *
 * Everything here is called with the map's writers' lock held. 0 / -1 with
 * errno.
 */
#ifndef DRAC_JOURNAL_H
#define DRAC_JOURNAL_H

#include <sys/stat.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#define DRAC_RING_BYTES (1024u * 1024)

/* The header, as it lies in the file. Host byte order: never moved. */
struct drac_journal_head {
	char magic[8];
	uint32_t version;
	uint32_t page_size;
	uint64_t pages; /* of the map, meta page included */
	uint64_t free;  /* of them on the free list; after a kill a few less */
	uint64_t map_ino;
	int64_t mtime_s; /* the map's, as we last left it */
	int64_t mtime_ns;
	uint64_t epoch;   /* of the records in the ring */
	uint64_t applied; /* number of the last record that is in the map */
	uint64_t tail;    /* where in the ring the record after it begins */
	int64_t replaced; /* when readers in the way last cost a new file,
			   * seconds of CLOCK_BOOTTIME */
	unsigned char boot[16]; /* the boot that wrote this; 0 unknown */
	uint64_t sum;           /* of all before, and of mark */
	int64_t mark;           /* the latest time at which a change was made
				 * or somebody looked after the map, seconds
				 * UTC; 0 unknown */
};

struct drac_journal {
	int fd;
	struct drac_journal_head head;
	bool rebooted; /* head.boot is not this boot */
	uint64_t end;  /* ring offset behind the last valid record */
	uint64_t last; /* number of the last valid record */
	bool synced;   /* what is in the ring is on the disk, as we know */
};

/* Octets of the journal of a map with so many pages. */
off_t drac_journal_size(uint64_t pages);

/* This boot's identity; all 0 when /proc cannot tell. */
void drac_boot_id(unsigned char boot[16]);

/*
 * Write a new journal into the empty file fd, for a map whose inode and mtime
 * are in map_st. what: page_size, pages, free and mark are taken from it.
 * sums: as many values as there are pages. Every octet of the file is
 * allocated, so that no later append can find the disk full.
 */
int drac_journal_create(int fd, const struct stat *map_st,
    const struct drac_journal_head *what, const uint64_t *sums);

/*
 * Read the header of fd into journal, which does not own fd. EBADMSG: not
 * a journal, torn, cut, or of another version. Version 1 has no mark, nor
 * have its records; it becomes 2 when the ring begins anew.
 */
int drac_journal_load(struct drac_journal *journal, int fd);

/*
 * Hand over the page images of every record that may not be in the map
 * yet, oldest first: those behind `applied`, or all after a reboot. Sets
 * end and last, and mark to what they say when that is later. take returns 0 or -1 with errno.
 */
typedef int drac_journal_take(void *arg, uint32_t pgno,
    const unsigned char *page);
int drac_journal_pending(struct drac_journal *journal, drac_journal_take *take,
    void *arg);

/* Is there room for a record of `count` images; would an empty ring do? */
bool drac_journal_fits(const struct drac_journal *journal, size_t count);
bool drac_journal_holds(const struct drac_journal *journal, size_t count);

/*
 * Append one record, which carries head.mark, and, with sync, wait until it
 * is on the disk. images: count * page_size octets. When this returns 0 the
 * update is safe.
 */
int drac_journal_append(struct drac_journal *journal, const uint32_t *pgno,
    const unsigned char *images, size_t count, bool sync);

/* Record that everything up to `last` is in the map, with its new mtime. */
int drac_journal_applied(struct drac_journal *journal,
    const struct stat *map_st);

/*
 * The mark alone, in the header. Not in a journal of version 1, whose first
 * mark comes with the first change.
 */
int drac_journal_note(struct drac_journal *journal, int64_t mark);

/* Begin the ring anew; the map and the sums were synced just before. */
int drac_journal_restart(struct drac_journal *journal, bool sync);

/* The checksums of count pages from first on, read or written. */
int drac_journal_sums(const struct drac_journal *journal, uint32_t first,
    uint32_t count, uint64_t *sums);
int drac_journal_set_sums(const struct drac_journal *journal, uint32_t first,
    uint32_t count, const uint64_t *sums);

/* pread(2) and pwrite(2) of all or nothing; a short one is gone on with. */
int drac_read_full(int fd, void *data, size_t length, off_t offset);
int drac_write_full(int fd, const void *data, size_t length, off_t offset);

#endif
