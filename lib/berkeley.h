/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Berkeley DB, which reads what other programs wrote with it. Not for a login
 * process, nor for the map: lib/btree is the writer there. The only room that
 * includes <db.h>.
 */
#ifndef DRAC_BERKELEY_H
#define DRAC_BERKELEY_H

#include "page.h"

/*
 * Every item of a hash or btree file, which is verified first. Berkeley DB may
 * still crash on a damaged one, or never end, so this is for a child process
 * with a copy of the file. put returns 0 to go on. 0; -1 with errno: EBADMSG
 * it is damaged, of another type or no such file at all.
 */
typedef int drac_berkeley_put(void *arg, const struct drac_item *item);
int drac_berkeley_dump(const char *path, drac_berkeley_put *put, void *arg);

#endif
