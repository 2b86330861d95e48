/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libFuzzer: any octets as a call, as a reply to each procedure, and as
 * what a port mapper says; and the same behind a header that is in order,
 * where the fuzzer alone would seldom come. What is understood must survive being written
 * and read again, and a faulty call must have a reply.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define TEXT_ROOM 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned char message[DRAC_REPLY_MAX], again[DRAC_REPLY_MAX];

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static bool
good_addr(const struct drac_addr *addr)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

	return addr->len == 4 ||
	       (addr->len == 16 && memcmp(addr->octet, mapped, 12) != 0);
}

static void
same_call(const struct drac_call *a, const struct drac_call *b)
{
	must(a->xid == b->xid && a->version == b->version);
	must(a->procedure == b->procedure && a->count == b->count);
	must(a->expiry == b->expiry && a->previous == b->previous);
	must(memcmp(&a->addr, &b->addr, sizeof a->addr) == 0);
	must(a->report.id == b->report.id);
	must(a->report.deadline_ms == b->report.deadline_ms);
	must(strcmp(a->report.user, b->report.user) == 0);
	must(strcmp(a->report.service, b->report.service) == 0);
}

static void
good_call(const struct drac_call *call, uint32_t highest)
{
	struct drac_call found;
	enum drac_fault fault;
	size_t size = drac_wire_call(call, message);

	must(call->version >= 1 && call->version <= highest);
	must(call->addr.len == 0 || good_addr(&call->addr));
	must(size >= 40 && size <= DRAC_CALL_MAX);
	must(drac_wire_read_call(message, size, highest, &found, &fault) ==
	     DRAC_CALL_GOOD);
	same_call(call, &found);
	must(drac_wire_call(&found, again) == size);
	must(memcmp(message, again, size) == 0);
}

static void
try_call(const uint8_t *data, size_t size, uint32_t highest)
{
	struct drac_call call;
	enum drac_fault fault;
	struct drac_reply reply;

	switch (drac_wire_read_call(data, size, highest, &call, &fault)) {
	case DRAC_CALL_GOOD:
		must(fault == DRAC_FAULT_NONE);
		good_call(&call, highest);
		break;
	case DRAC_CALL_FAULTY:
		must(fault != DRAC_FAULT_NONE);
		size = drac_wire_fault(call.xid, fault, highest, message);
		must(size >= 24 && size <= 64);
		must(drac_wire_read_reply(message, size, &call, &reply) == -1);
		must(errno != EBADMSG);
		break;
	case DRAC_CALL_NOISE:
		must(fault == DRAC_FAULT_NONE);
		break;
	}
}

static void
same_reply(const struct drac_reply *a, const struct drac_reply *b)
{
	must(a->answer == b->answer && a->flag == b->flag);
	must(strcmp(a->why.text, b->why.text) == 0);
	must(a->expiry == b->expiry && a->previous == b->previous);
	must(a->removed == b->removed && a->kept == b->kept);
	must(a->count == b->count && strcmp(a->text, b->text) == 0);
	for (size_t i = 0; i < a->count; i++) {
		const struct drac_listed *x = &a->listed[i], *y = &b->listed[i];

		must(good_addr(&x->addr) && x->expiry == y->expiry);
		must(memcmp(&x->addr, &y->addr, sizeof x->addr) == 0);
	}
}

static void
must_be_harmless(const char *text, const char *besides)
{
	for (; *text != '\0'; text++)
		must((*text >= ' ' && *text <= '~') ||
		     strchr(besides, *text) != NULL);
}

static size_t
write_reply(const struct drac_call *call, const struct drac_reply *reply,
    unsigned char *octets)
{
	if (call->procedure == DRAC_PROC_NULL)
		return drac_wire_void(call->xid, octets);
	if (call->version != DRAC_VERSION_LOCAL)
		return drac_wire_answer(call->xid,
		    (enum drac_answer)reply->answer, octets);
	return drac_wire_reply(call->xid, call->procedure, reply, octets);
}

static void
good_reply(const struct drac_call *call, const struct drac_reply *reply)
{
	static struct drac_listed listed[DRAC_LIST_MAX];
	char text[TEXT_ROOM] = "";
	struct drac_reply found = { .listed = listed,
		.text = text,
		.text_room = sizeof text };
	size_t size = write_reply(call, reply, message);

	must_be_harmless(reply->why.text, "");
	must_be_harmless(reply->text, "\n");
	must(size >= 24 && size <= DRAC_REPLY_MAX);
	must(drac_wire_read_reply(message, size, call, &found) == 1);
	same_reply(reply, &found);
	must(write_reply(call, &found, again) == size);
	must(memcmp(message, again, size) == 0);
}

static void
try_reply(const uint8_t *data, size_t size, struct drac_call *call)
{
	static struct drac_listed listed[DRAC_LIST_MAX];
	char text[TEXT_ROOM] = "";
	struct drac_reply reply = { .listed = listed,
		.text = text,
		.text_room = sizeof text };

	if (size >= 4)
		call->xid = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 |
			    (uint32_t)data[2] << 8 | data[3];
	switch (drac_wire_read_reply(data, size, call, &reply)) {
	case 1:
		good_reply(call, &reply);
		break;
	case 0:
		must(size < 8 || memcmp(data + 4, "\0\0\0\1", 4) != 0);
		break;
	default:
		must(reply.listed == listed && reply.text == text);
	}
}

static void
try_port(const uint8_t *data, size_t size, bool v6)
{
	uint32_t xid = 0;
	unsigned short port = 77;

	if (size >= 4)
		xid = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 |
		      (uint32_t)data[2] << 8 | data[3];
	if (drac_wire_read_port(data, size, xid, v6, &port) == 1)
		must(size >= 28);
	else
		must(port == 77);
}

static unsigned char whole[DRAC_REPLY_MAX];

/* data behind the head octets that are in whole; the size of both. */
static size_t
fill(size_t head, const uint8_t *data, size_t size)
{
	if (size > sizeof whole - head)
		size = sizeof whole - head;
	memcpy(whole + head, data, size);
	return head + size;
}

/* data as the arguments of a call, then as the results of a reply. */
static void
try_behind_header(const uint8_t *data, size_t size, struct drac_call call)
{
	struct drac_call null = { .version = call.version };
	size_t head = drac_wire_call(&null, whole);

	must(head == 40);
	whole[23] = (unsigned char)call.procedure;
	try_call(whole, fill(head, data, size), DRAC_VERSION_LOCAL);
	head = drac_wire_void(0, whole);
	try_reply(whole, fill(head, data, size), &call);
}

/* data as what follows our program's number, and as the rest of a reply. */
static void
try_half_header(const uint8_t *data, size_t size)
{
	struct drac_call call = { .version = DRAC_VERSION_V4 };
	size_t all;

	must(drac_wire_call(&call, whole) == 40);
	all = fill(16, data, size);
	try_call(whole, all, DRAC_VERSION_V6);
	try_call(whole, all, DRAC_VERSION_LOCAL);
	must(drac_wire_void(0, whole) == 24);
	try_reply(whole, fill(8, data, size), &call);
}

/* Is that the port which the text tells? */
static void
good_uaddr(const char *text, unsigned short port)
{
	char tail[16];
	size_t len = strlen(text), tail_len;

	snprintf(tail, sizeof tail, ".%d.%d", port >> 8, port & 0xff);
	tail_len = strlen(tail);
	must(len > tail_len && strcmp(text + len - tail_len, tail) == 0);
}

/* data as a universal address, or what is behind "::" in one. */
static void
try_uaddr(const uint8_t *data, size_t size, const char *start)
{
	size_t head = drac_wire_void(0, whole), len = strlen(start);
	unsigned short port = 77;
	char text[64] = "";

	if (size > sizeof text - 1 - len)
		size = sizeof text - 1 - len;
	memcpy(text, start, len);
	memcpy(text + len, data, size);
	size += len;
	memset(whole + head, 0, 4 + sizeof text);
	whole[head + 3] = (unsigned char)size;
	memcpy(whole + head + 4, text, size);
	size = head + 4 + ((size + 3) & ~(size_t)3);
	if (drac_wire_read_port(whole, size, 0, true, &port) != 1)
		must(port == 77);
	else if (port != 0)
		good_uaddr(text, port);
}

static void
try_procedure(const uint8_t *data, size_t size, struct drac_call call)
{
	try_behind_header(data, size, call);
	try_reply(data, size, &call);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	for (uint32_t p = 0; p <= DRAC_PROC_GRANT; p++)
		try_procedure(data, size,
		    (struct drac_call){ .version = DRAC_VERSION_LOCAL,
			.procedure = p });
	for (uint32_t p = 0; p <= DRAC_PROC_ADD; p++) {
		try_procedure(data, size,
		    (struct drac_call){ .version = DRAC_VERSION_V4,
			.procedure = p });
		try_procedure(data, size,
		    (struct drac_call){ .version = DRAC_VERSION_V6,
			.procedure = p });
	}
	try_half_header(data, size);
	try_uaddr(data, size, "");
	try_uaddr(data, size, "::");
	try_call(data, size, DRAC_VERSION_V6);
	try_call(data, size, DRAC_VERSION_LOCAL);
	try_port(data, size, false);
	try_port(data, size, true);
	return 0;
}
