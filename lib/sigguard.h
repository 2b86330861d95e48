/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Keep a file size limit (RLIMIT_FSIZE) from killing the process. The kernel
 * sends SIGXFSZ to the thread whose write(2), ftruncate(2) or fallocate(2)
 * goes beyond it, besides EFBIG. Between begin and end the signal is blocked
 * for this thread, and what our calls raised is taken away; nothing changes
 * for other threads, and a SIGXFSZ that was pending before stays.
 *
 * No other signal needs this: what we send has MSG_NOSIGNAL (SIGPIPE), and
 * no file is mapped (SIGBUS). errno is kept.
 */
#ifndef DRAC_SIGGUARD_H
#define DRAC_SIGGUARD_H

#include <signal.h>
#include <stdbool.h>

struct drac_sigguard {
	sigset_t mask; /* as it was */
	bool pending;  /* before */
};

void drac_sigguard_begin(struct drac_sigguard *guard);
void drac_sigguard_end(const struct drac_sigguard *guard);

#endif
