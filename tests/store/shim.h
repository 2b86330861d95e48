/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the preloaded shim does at a chosen write-type system call on the
 * files of one directory, and what it saw not to be synced. The shim's
 * functions are found with dlsym(3).
 */
#ifndef DRAC_SHIM_H
#define DRAC_SHIM_H

enum drac_fault {
	DRAC_FAULT_NONE,   /* only count */
	DRAC_FAULT_KILL,   /* SIGKILL before the call */
	DRAC_FAULT_TEAR,   /* half of what is written, then SIGKILL */
	DRAC_FAULT_EIO,    /* this call fails */
	DRAC_FAULT_ENOSPC, /* this and all later calls fail */
	DRAC_FAULT_SHORT,  /* half of what is written; the rest may follow */
	DRAC_FAULT_TORN    /* half of what is written; the rest fails */
};

/*
 * Act at the `at`-th call from now on (1 is the next). directory: as
 * /proc/self/fd shows it; NULL: let everything pass. Returns how many
 * calls were counted since the last arming.
 */
typedef long drac_fault_arm_fn(const char *directory, enum drac_fault fault,
    long at);

enum drac_unsynced {
	DRAC_UNSYNCED_FILE = 1, /* a file was renamed before it was synced */
	DRAC_UNSYNCED_NAME = 2, /* a rename, and no sync of the directory yet */
	DRAC_UNSYNCED_MANY = 4  /* more files than the shim can remember */
};

/* From now on, with all that is in the directory on the disk. */
typedef void drac_sync_watch_fn(const char *directory);

/* enum drac_unsynced: what this process and its like did since. */
typedef unsigned drac_sync_check_fn(void);

#endif
