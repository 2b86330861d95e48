/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libFuzzer: any octets as the kernel's answer about sockets. The first octet
 * says what was asked. Nobody is told as user 0, and a shorter answer tells
 * no more than the whole.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../dracd/diag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool condition)
{
	if (!condition)
		abort();
}

/* In memory of that size, so that a read beyond it is seen. */
static int
read_copy(const uint8_t *data, size_t size, const struct drac_diag *asked,
    struct drac_diag_told *told)
{
	unsigned char *copy = malloc(size + 1);
	int result;

	if (copy == NULL)
		abort();
	memcpy(copy, data, size);
	*told = (struct drac_diag_told){ 0 };
	result = drac_diag_read(copy, size, asked, told);
	free(copy);
	must(result == 0 || result == 1 || result == -1);
	must(told->sockets == 0 || told->unclear || told->uid != 0);
	return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct drac_diag asked = { .seq = 1,
		.portid = 7,
		.from = { 4, { 127, 0, 0, 1 } },
		.to = { 4, { 127, 0, 0, 1 } },
		.from_port = 4000,
		.to_port = 900 };
	struct drac_diag_told whole, part;
	int result;

	if (size < 1)
		return 0;
	asked.tcp = (data[0] & 1) != 0;
	/* So that more than refusals is tried. */
	if (size > 17 && (data[0] & 2) != 0) {
		memcpy(&asked.seq, data + 1 + 8, sizeof asked.seq);
		memcpy(&asked.portid, data + 1 + 12, sizeof asked.portid);
	}
	result = read_copy(data + 1, size - 1, &asked, &whole);
	(void)read_copy(data + 1, (size - 1) / 2, &asked, &part);
	must(part.sockets <= whole.sockets || result == -1);
	return 0;
}
