/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A map that lib/page cannot read, but Berkeley DB can: a hash file, a btree
 * with duplicates or checksums, one of another byte order. Berkeley DB may
 * crash or never end on a damaged file, so it reads a copy in a child process
 * with a time limit, and nothing that it says is trusted.
 *
 * For rpc.dracd and dracctl, which hand it to the store (opts.h). A login
 * process forks for nobody: there the file is left to the next sweep.
 */
#ifndef DRAC_IMPORT_H
#define DRAC_IMPORT_H

#include "opts.h"

/* A drac_store_import. fd is the map, open for reading. */
int drac_import(int fd, drac_store_item *take, void *arg, struct drac_why *why);

#endif
