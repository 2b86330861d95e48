/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What several rooms ask of the system in the same way. The clock here only
 * measures waits: what time it is remains the caller's to say.
 */
#ifndef DRAC_SYS_H
#define DRAC_SYS_H

#include <stdint.h>

/* CLOCK_MONOTONIC in milliseconds. errno is kept. */
int64_t drac_sys_ms(void);

/*
 * CLOCK_BOOTTIME in milliseconds: the same for all processes of a host, but
 * those in a time namespace of their own. errno is kept.
 */
uint64_t drac_sys_boot_ms(void);

/*
 * fd under a number above 2, close-on-exec; fd itself when it is one, or -1.
 * A program may have closed its standard descriptors, and what others print
 * there must not end up in a file or socket of ours. fd is closed when
 * another one is returned; -1 with errno when there is none.
 */
int drac_sys_above_stderr(int fd);

#endif
