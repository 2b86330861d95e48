/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A map that somebody else wrote made anew as ours: when it changes hands
 * from the daemon's user to root, neither its pages nor the checksums in
 * its journal are trusted by a program of root's. Entries are taken by what
 * trusts nothing (page.c, journal.c), and the old files are opened for reading
 * only.
 */
#ifndef DRAC_RENEW_H
#define DRAC_RENEW_H

#include "opts.h"
#include "remap.h"
#include "why.h"

/*
 * Replace map and journal at remap->place by new ones with the same entries,
 * those too that wait in the journal. The name leads to a whole map at any
 * instant. The caller keeps all writers away and owns the directory. 0, also
 * when there is no map: then the journal goes, too. -1 with errno (EBADMSG:
 * damaged) and why: the old files are as they were.
 */
int drac_renew(const struct drac_remap *remap,
    const struct drac_store_opts *opts, struct drac_why *why);

#endif
