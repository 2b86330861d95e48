/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * RPC messages, word by word; see wire.h. A reader that ran out of octets
 * or met nonsense, and a writer that was asked for what cannot be said,
 * stay bad: they are looked at once, at the end.
 */
#include "wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* RFC 5531, 8.2 and 9. */
#define RPC_VERSION   2u
#define AUTH_SIZE_MAX 400u

enum message_type {
	MESSAGE_CALL = 0,
	MESSAGE_REPLY = 1
};

enum reply_stat {
	REPLY_ACCEPTED = 0,
	REPLY_DENIED = 1
};

enum accept_stat {
	ACCEPT_SUCCESS = 0,
	ACCEPT_PROG_UNAVAIL = 1,
	ACCEPT_PROG_MISMATCH = 2,
	ACCEPT_PROC_UNAVAIL = 3,
	ACCEPT_GARBAGE_ARGS = 4,
	ACCEPT_SYSTEM_ERR = 5
};

enum reject_stat {
	REJECT_RPC_MISMATCH = 0,
	REJECT_AUTH_ERROR = 1
};

/* RFC 1833. */
#define PORTMAP_PROGRAM 100000u
#define PORTMAP_GETPORT 3u /* of version 2 */
#define RPCBIND_GETADDR 3u /* of version 3 */

/* "2001:db8::1.3.225": the longest address, two numbers, a NUL. */
#define UADDR_TEXT (DRAC_ADDR_TEXT + sizeof ".255.255" - 1)

/* Of STATUS; with it a reply stays well below DRAC_REPLY_MAX. */
#define STATUS_TEXT_MAX 61440u

/* What a procedure of version 3 takes and tells, in the order of the wire. */
enum part {
	PART_ADDR = 1 << 0,
	PART_FLAG = 1 << 1,
	PART_EXPIRY = 1 << 2,
	PART_PREVIOUS = 1 << 3,
	PART_COUNT = 1 << 4,
	PART_LISTED = 1 << 5,
	PART_SWEPT = 1 << 6,
	PART_TEXT = 1 << 7,
	PART_BITS = 1 << 8,
	PART_CLOSED = 1 << 9,
	PART_REPORT = 1 << 10,
	PART_ID = 1 << 11
};

static const struct {
	unsigned takes, tells;
} procedures[] = {
	[DRAC_PROC_ADD] = { PART_ADDR,
	    PART_FLAG | PART_EXPIRY | PART_PREVIOUS },
	[DRAC_PROC_TAKE_BACK] = { PART_ADDR | PART_EXPIRY | PART_PREVIOUS,
	    PART_FLAG },
	[DRAC_PROC_GET] = { PART_ADDR, PART_FLAG | PART_EXPIRY },
	[DRAC_PROC_SET] = { PART_ADDR | PART_EXPIRY, 0 },
	[DRAC_PROC_DROP] = { PART_ADDR, PART_FLAG },
	[DRAC_PROC_CLEAR] = { 0, 0 },
	[DRAC_PROC_LIST] = { PART_ADDR | PART_COUNT, PART_FLAG | PART_LISTED },
	[DRAC_PROC_SWEEP] = { 0, PART_SWEPT },
	[DRAC_PROC_STATUS] = { 0, PART_TEXT },
	[DRAC_PROC_CLOSE] = { PART_ADDR | PART_BITS | PART_EXPIRY, 0 },
	[DRAC_PROC_CLOSED] = { 0, PART_CLOSED },
	[DRAC_PROC_REPORT] = { PART_ADDR | PART_ID | PART_REPORT,
	    PART_FLAG | PART_EXPIRY | PART_PREVIOUS },
	[DRAC_PROC_UNDO] = { PART_ADDR | PART_ID, PART_FLAG },
	[DRAC_PROC_GRANT] = { PART_ADDR,
	    PART_FLAG | PART_EXPIRY | PART_PREVIOUS },
};

static unsigned
parts_taken(uint32_t procedure)
{
	return procedure <= DRAC_PROC_GRANT ? procedures[procedure].takes : 0;
}

static unsigned
parts_told(uint32_t procedure)
{
	return procedure <= DRAC_PROC_GRANT ? procedures[procedure].tells : 0;
}

static bool
has_version(uint32_t version, uint32_t highest)
{
	return version >= DRAC_VERSION_V4 && version <= highest;
}

static bool
has_procedure(uint32_t version, uint32_t procedure)
{
	if (version == DRAC_VERSION_LOCAL)
		return procedure <= DRAC_PROC_GRANT;
	return procedure <= DRAC_PROC_ADD;
}

static int
failed(int error)
{
	errno = error;
	return -1;
}

/* Reading. */

struct reader {
	const unsigned char *at;
	size_t left;
	bool bad;
};

/* NULL: there are not as many. */
static const unsigned char *
take(struct reader *r, size_t size)
{
	const unsigned char *at = r->at;

	if (r->bad || size > r->left) {
		r->bad = true;
		return NULL;
	}
	r->at += size;
	r->left -= size;
	return at;
}

static bool
finished(const struct reader *r)
{
	return !r->bad && r->left == 0;
}

static uint32_t
take_word(struct reader *r)
{
	const unsigned char *octet = take(r, 4);

	if (octet == NULL)
		return 0;
	return (uint32_t)octet[0] << 24 | (uint32_t)octet[1] << 16 |
	       (uint32_t)octet[2] << 8 | octet[3];
}

static uint64_t
take_hyper(struct reader *r)
{
	uint64_t high = take_word(r);

	return high << 32 | take_word(r);
}

/* From 1970 on. */
static time_t
take_time(struct reader *r)
{
	int64_t value = (int64_t)take_hyper(r);

	if (value < 0 || (time_t)value != value) {
		r->bad = true;
		return 0;
	}
	return (time_t)value;
}

static bool
take_flag(struct reader *r)
{
	uint32_t word = take_word(r);

	if (word > 1)
		r->bad = true;
	return word == 1;
}

/* Of variable length, at most limit; what it is padded with does not count. */
static const unsigned char *
take_opaque(struct reader *r, size_t limit, size_t *size)
{
	*size = take_word(r);
	if (*size > limit) {
		r->bad = true;
		return NULL;
	}
	return take(r, (*size + 3) & ~(size_t)3);
}

static void
skip_auth(struct reader *r)
{
	size_t size;

	(void)take_word(r);
	(void)take_opaque(r, AUTH_SIZE_MAX, &size);
}

/* Text that may go to a terminal or a log as it is. */
static void
take_text(struct reader *r, char *text, size_t room)
{
	const unsigned char *octet;
	size_t size;

	if (room == 0) {
		r->bad = true;
		return;
	}
	octet = take_opaque(r, room - 1, &size);
	if (octet == NULL)
		return;
	for (size_t i = 0; i < size; i++) {
		bool good =
		    octet[i] == '\n' || (octet[i] >= ' ' && octet[i] <= '~');
		text[i] = good ? (char)octet[i] : '?';
	}
	text[size] = '\0';
}

/* The same on one line. */
static void
take_sentence(struct reader *r, struct drac_why *why)
{
	take_text(r, why->text, sizeof why->text);
	drac_why_make_harmless(why->text);
}

static void
set_v6(struct drac_addr *addr, const unsigned char *octet)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };

	memcpy(&sin6.sin6_addr, octet, sizeof sin6.sin6_addr);
	(void)drac_addr_from_sockaddr((const struct sockaddr *)&sin6,
	    sizeof sin6, addr);
}

static void
take_addr(struct reader *r, struct drac_addr *addr)
{
	size_t size;
	const unsigned char *octet = take_opaque(r, 16, &size);

	if (octet == NULL)
		return;
	if (size == 16) {
		set_v6(addr, octet);
	} else if (size == 4 || size == 0) {
		addr->len = (unsigned char)size;
		memcpy(addr->octet, octet, size);
	} else {
		r->bad = true;
	}
}

/* Those of a network that has this address. */
static unsigned char
take_bits(struct reader *r, const struct drac_addr *addr)
{
	uint32_t bits = take_word(r);

	if (bits > 8u * addr->len)
		r->bad = true;
	return r->bad ? 0 : (unsigned char)bits;
}

/* The argument of version 1. */
static void
take_addr_word(struct reader *r, struct drac_addr *addr)
{
	const unsigned char *octet = take(r, 4);

	if (octet == NULL)
		return;
	addr->len = 4;
	memcpy(addr->octet, octet, 4);
}

/* The argument of version 2: chars, signed or not. */
static void
take_addr_chars(struct reader *r, struct drac_addr *addr)
{
	unsigned char octet[16];

	for (size_t i = 0; i < sizeof octet; i++) {
		uint32_t word = take_word(r);

		if (word > 0xff && word < 0xffffff80)
			r->bad = true;
		octet[i] = word & 0xff;
	}
	set_v6(addr, octet);
}

static void
take_addr_old(struct reader *r, uint32_t version, struct drac_addr *addr)
{
	if (version == DRAC_VERSION_V4)
		take_addr_word(r, addr);
	else
		take_addr_chars(r, addr);
}

/* Any octets, but that a NUL would hide what comes after it. */
static void
take_name(struct reader *r, char *name, size_t most)
{
	size_t size;
	const unsigned char *octet = take_opaque(r, most, &size);

	if (octet == NULL)
		return;
	if (memchr(octet, '\0', size) != NULL)
		r->bad = true;
	memcpy(name, octet, size);
	name[size] = '\0';
}

static void
take_arguments(struct reader *r, struct drac_call *call)
{
	unsigned parts = parts_taken(call->procedure);

	if (parts & PART_ADDR)
		take_addr(r, &call->addr);
	if (parts & PART_BITS)
		call->bits = take_bits(r, &call->addr);
	if (parts & PART_EXPIRY)
		call->expiry = take_time(r);
	if (parts & PART_PREVIOUS)
		call->previous = take_time(r);
	if (parts & PART_ID)
		call->report.id = take_hyper(r);
	if (parts & PART_REPORT) {
		call->report.deadline_ms = take_hyper(r);
		take_name(r, call->report.user, DRAC_USER_MAX);
		take_name(r, call->report.service, DRAC_SERVICE_MAX);
	}
	if (parts & PART_COUNT) {
		call->count = take_word(r);
		if (call->count < 1 || call->count > DRAC_LIST_MAX)
			r->bad = true;
	} else if (parts & PART_ADDR && call->addr.len == 0) {
		r->bad = true;
	}
}

/* Everything behind the header. */
static bool
arguments_good(struct reader *r, struct drac_call *call)
{
	if (call->version == DRAC_VERSION_LOCAL)
		take_arguments(r, call);
	else if (call->procedure == DRAC_PROC_ADD)
		take_addr_old(r, call->version, &call->addr);
	return finished(r);
}

static enum drac_fault
find_fault(struct reader *r, uint32_t program, uint32_t highest,
    struct drac_call *call)
{
	if (program != DRAC_PROGRAM)
		return DRAC_FAULT_PROGRAM;
	if (!has_version(call->version, highest))
		return DRAC_FAULT_VERSION;
	if (!has_procedure(call->version, call->procedure))
		return DRAC_FAULT_PROCEDURE;
	if (!arguments_good(r, call))
		return DRAC_FAULT_ARGUMENTS;
	return DRAC_FAULT_NONE;
}

enum drac_verdict
drac_wire_read_call(const unsigned char *octets, size_t size, uint32_t highest,
    struct drac_call *call, enum drac_fault *fault)
{
	struct reader r = { .at = octets, .left = size };
	uint32_t type, rpc_version, program;

	memset(call, 0, sizeof *call);
	*fault = DRAC_FAULT_NONE;
	call->xid = take_word(&r);
	type = take_word(&r);
	rpc_version = take_word(&r);
	if (r.bad || type != MESSAGE_CALL)
		return DRAC_CALL_NOISE;
	/* Another version may look like anything from here on. */
	if (rpc_version != RPC_VERSION) {
		*fault = DRAC_FAULT_RPC_VERSION;
		return DRAC_CALL_FAULTY;
	}
	program = take_word(&r);
	call->version = take_word(&r);
	call->procedure = take_word(&r);
	skip_auth(&r);
	skip_auth(&r);
	/* Without a whole header it is no call, whatever it asks for. */
	if (r.bad)
		return DRAC_CALL_NOISE;
	*fault = find_fault(&r, program, highest, call);
	return *fault == DRAC_FAULT_NONE ? DRAC_CALL_GOOD : DRAC_CALL_FAULTY;
}

static int
take_accepted(struct reader *r)
{
	static const int errors[] = {
		[ACCEPT_PROG_UNAVAIL] = EPROTONOSUPPORT,
		[ACCEPT_PROG_MISMATCH] = EPROTONOSUPPORT,
		[ACCEPT_PROC_UNAVAIL] = ENOSYS,
		[ACCEPT_GARBAGE_ARGS] = EPROTO,
		[ACCEPT_SYSTEM_ERR] = EIO,
	};
	uint32_t stat;

	skip_auth(r);
	stat = take_word(r);
	if (stat == ACCEPT_SUCCESS)
		return 1;
	if (stat == ACCEPT_PROG_MISMATCH)
		(void)take_hyper(r); /* lowest and highest version */
	if (!finished(r) || stat > ACCEPT_SYSTEM_ERR)
		return failed(EBADMSG);
	return failed(errors[stat]);
}

static int
take_denied(struct reader *r)
{
	uint32_t stat = take_word(r);

	(void)take_word(r); /* lowest version, or why */
	if (stat == REJECT_RPC_MISMATCH)
		(void)take_word(r); /* highest version */
	if (!finished(r) || stat > REJECT_AUTH_ERROR)
		return failed(EBADMSG);
	return failed(stat == REJECT_AUTH_ERROR ? EACCES : EPROTO);
}

/* As drac_wire_read_reply; 1: what follows are results. */
static int
take_reply(struct reader *r, uint32_t xid)
{
	uint32_t theirs = take_word(r), type = take_word(r), stat;

	if (r->bad || theirs != xid || type != MESSAGE_REPLY)
		return 0;
	stat = take_word(r);
	if (stat == REPLY_ACCEPTED)
		return take_accepted(r);
	if (stat == REPLY_DENIED)
		return take_denied(r);
	return failed(EBADMSG);
}

static void
take_listed(struct reader *r, bool nets, struct drac_reply *reply)
{
	uint32_t count = take_word(r);

	if (count > (reply->listed == NULL ? 0 : DRAC_LIST_MAX)) {
		r->bad = true;
		return;
	}
	for (uint32_t i = 0; i < count && !r->bad; i++) {
		struct drac_listed *entry = &reply->listed[i];

		memset(entry, 0, sizeof *entry);
		take_addr(r, &entry->addr);
		if (entry->addr.len == 0)
			r->bad = true;
		if (nets)
			entry->bits = take_bits(r, &entry->addr);
		entry->expiry = take_time(r);
	}
	reply->count = count;
}

static void
take_told(struct reader *r, uint32_t procedure, struct drac_reply *reply)
{
	unsigned parts = parts_told(procedure);

	take_sentence(r, &reply->why);
	if (reply->answer != DRAC_ANSWER_SUCCESS)
		return;
	if (parts & PART_FLAG)
		reply->flag = take_flag(r);
	if (parts & PART_EXPIRY)
		reply->expiry = take_time(r);
	if (parts & PART_PREVIOUS)
		reply->previous = take_time(r);
	if (parts & (PART_LISTED | PART_CLOSED))
		take_listed(r, parts & PART_CLOSED, reply);
	if (parts & PART_SWEPT) {
		reply->removed = take_hyper(r);
		reply->kept = take_hyper(r);
	}
	if (parts & PART_TEXT)
		take_text(r, reply->text, reply->text_room);
}

int
drac_wire_read_reply(const unsigned char *octets, size_t size,
    const struct drac_call *call, struct drac_reply *reply)
{
	struct reader r = { .at = octets, .left = size };
	int result = take_reply(&r, call->xid);

	if (result != 1)
		return result;
	if (call->procedure != DRAC_PROC_NULL) {
		*reply = (struct drac_reply){ .listed = reply->listed,
			.text = reply->text,
			.text_room = reply->text_room };
		reply->answer = take_word(&r);
		if (call->version == DRAC_VERSION_LOCAL)
			take_told(&r, call->procedure, reply);
	}
	return finished(&r) ? 1 : failed(EBADMSG);
}

/* Cut the last ".N" off text: N, plain decimal up to 255; else -1. */
static int
cut_number(char *text)
{
	char *dot = strrchr(text, '.'), *digits = dot == NULL ? text : dot + 1;
	size_t len = strlen(digits);
	int value = 0;

	if (dot == NULL || len < 1 || len > 3 ||
	    strspn(digits, "0123456789") != len)
		return -1;
	if (digits[0] == '0' && len > 1)
		return -1;
	for (size_t i = 0; i < len; i++)
		value = value * 10 + (digits[i] - '0');
	*dot = '\0';
	return value <= 255 ? value : -1;
}

/* A universal address (RFC 5665, 5.2.3), empty when there is none. */
static void
take_uaddr(struct reader *r, unsigned short *port)
{
	char text[UADDR_TEXT] = "";
	struct drac_addr host;
	int high, low;

	take_text(r, text, sizeof text);
	*port = 0;
	if (r->bad || text[0] == '\0')
		return;
	low = cut_number(text);
	high = cut_number(text);
	if (low == -1 || high == -1 || drac_addr_parse(text, &host) == -1)
		r->bad = true;
	else
		*port = (unsigned short)(high << 8 | low);
}

int
drac_wire_read_port(const unsigned char *octets, size_t size, uint32_t xid,
    bool v6, unsigned short *port)
{
	struct reader r = { .at = octets, .left = size };
	int result = take_reply(&r, xid);
	unsigned short found;

	if (result != 1)
		return result;
	if (v6) {
		take_uaddr(&r, &found);
	} else {
		uint32_t word = take_word(&r);

		if (word > 65535)
			r.bad = true;
		found = (unsigned short)word;
	}
	if (!finished(&r))
		return failed(EBADMSG);
	*port = found;
	return 1;
}

/* Writing. */

struct writer {
	unsigned char *octets;
	size_t size, room;
	bool bad;
};

static void
put(struct writer *w, const void *octets, size_t size)
{
	if (w->bad || size > w->room - w->size) {
		w->bad = true;
		return;
	}
	memcpy(w->octets + w->size, octets, size);
	w->size += size;
}

/* The size of the message; 0: there is none. */
static size_t
written(const struct writer *w)
{
	return w->bad ? 0 : w->size;
}

static void
put_word(struct writer *w, uint32_t word)
{
	unsigned char octet[4] = { (unsigned char)(word >> 24),
		(unsigned char)(word >> 16), (unsigned char)(word >> 8),
		(unsigned char)word };

	put(w, octet, sizeof octet);
}

static void
put_hyper(struct writer *w, uint64_t value)
{
	put_word(w, (uint32_t)(value >> 32));
	put_word(w, (uint32_t)value);
}

static void
put_time(struct writer *w, time_t value)
{
	if (value < 0)
		w->bad = true;
	put_hyper(w, (uint64_t)value);
}

static void
put_opaque(struct writer *w, const void *octets, size_t size)
{
	static const unsigned char zero[3];

	put_word(w, (uint32_t)size);
	put(w, octets, size);
	put(w, zero, -size & 3);
}

static void
put_text(struct writer *w, const char *text)
{
	put_opaque(w, text, strlen(text));
}

static void
put_addr(struct writer *w, const struct drac_addr *addr)
{
	if (addr->len != 4 && addr->len != 16)
		w->bad = true;
	else
		put_opaque(w, addr->octet, addr->len);
}

static void
put_addr_word(struct writer *w, const struct drac_addr *addr)
{
	if (addr->len != 4)
		w->bad = true;
	put(w, addr->octet, 4);
}

/* One char, as a sender sends it to whom it is signed. */
static void
put_char(struct writer *w, unsigned char octet)
{
	put_word(w, octet < 0x80 ? octet : 0xffffff00u | octet);
}

/* Version 2 knows IPv4 as mapped addresses only. */
static void
put_addr_chars(struct writer *w, const struct drac_addr *addr)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (addr->len != 4 && addr->len != 16) {
		w->bad = true;
		return;
	}
	for (size_t i = 0; addr->len == 4 && i < sizeof mapped; i++)
		put_char(w, mapped[i]);
	for (size_t i = 0; i < addr->len; i++)
		put_char(w, addr->octet[i]);
}

static void
put_addr_old(struct writer *w, uint32_t version, const struct drac_addr *addr)
{
	if (version == DRAC_VERSION_V4)
		put_addr_word(w, addr);
	else
		put_addr_chars(w, addr);
}

static void
put_arguments(struct writer *w, const struct drac_call *call)
{
	unsigned parts = parts_taken(call->procedure);

	if (parts & PART_COUNT && call->addr.len == 0)
		put_word(w, 0);
	else if (parts & PART_ADDR)
		put_addr(w, &call->addr);
	if (parts & PART_BITS)
		put_word(w, call->bits);
	if (parts & PART_EXPIRY)
		put_time(w, call->expiry);
	if (parts & PART_PREVIOUS)
		put_time(w, call->previous);
	if (parts & PART_ID)
		put_hyper(w, call->report.id);
	if (parts & PART_REPORT) {
		put_hyper(w, call->report.deadline_ms);
		put_text(w, call->report.user);
		put_text(w, call->report.service);
	}
	if (parts & PART_COUNT)
		put_word(w, call->count);
}

/* What follows the xid: AUTH_NONE for credential and verifier. */
static void
put_header(struct writer *w, uint32_t program, uint32_t version,
    uint32_t procedure)
{
	put_word(w, MESSAGE_CALL);
	put_word(w, RPC_VERSION);
	put_word(w, program);
	put_word(w, version);
	put_word(w, procedure);
	put_hyper(w, 0);
	put_hyper(w, 0);
}

size_t
drac_wire_call(const struct drac_call *call, unsigned char *octets)
{
	struct writer w = { .octets = octets, .room = DRAC_CALL_MAX };

	put_word(&w, call->xid);
	put_header(&w, DRAC_PROGRAM, call->version, call->procedure);
	if (!has_version(call->version, DRAC_VERSION_LOCAL) ||
	    !has_procedure(call->version, call->procedure))
		w.bad = true;
	else if (call->version == DRAC_VERSION_LOCAL)
		put_arguments(&w, call);
	else if (call->procedure == DRAC_PROC_ADD)
		put_addr_old(&w, call->version, &call->addr);
	return written(&w);
}

static void
put_accepted(struct writer *w, uint32_t xid, enum accept_stat stat)
{
	put_word(w, xid);
	put_word(w, MESSAGE_REPLY);
	put_word(w, REPLY_ACCEPTED);
	put_hyper(w, 0);
	put_word(w, stat);
}

static void
put_rpc_mismatch(struct writer *w, uint32_t xid)
{
	put_word(w, xid);
	put_word(w, MESSAGE_REPLY);
	put_word(w, REPLY_DENIED);
	put_word(w, REJECT_RPC_MISMATCH);
	put_word(w, RPC_VERSION);
	put_word(w, RPC_VERSION);
}

size_t
drac_wire_fault(uint32_t xid, enum drac_fault fault, uint32_t highest,
    unsigned char *octets)
{
	struct writer w = { .octets = octets, .room = 64 };

	switch (fault) {
	case DRAC_FAULT_NONE:
		break;
	case DRAC_FAULT_RPC_VERSION:
		put_rpc_mismatch(&w, xid);
		break;
	case DRAC_FAULT_PROGRAM:
		put_accepted(&w, xid, ACCEPT_PROG_UNAVAIL);
		break;
	case DRAC_FAULT_VERSION:
		put_accepted(&w, xid, ACCEPT_PROG_MISMATCH);
		put_word(&w, DRAC_VERSION_V4);
		put_word(&w, highest);
		break;
	case DRAC_FAULT_PROCEDURE:
		put_accepted(&w, xid, ACCEPT_PROC_UNAVAIL);
		break;
	case DRAC_FAULT_ARGUMENTS:
		put_accepted(&w, xid, ACCEPT_GARBAGE_ARGS);
		break;
	}
	return written(&w);
}

size_t
drac_wire_void(uint32_t xid, unsigned char *octets)
{
	struct writer w = { .octets = octets, .room = 24 };

	put_accepted(&w, xid, ACCEPT_SUCCESS);
	return written(&w);
}

size_t
drac_wire_answer(uint32_t xid, enum drac_answer answer, unsigned char *octets)
{
	struct writer w = { .octets = octets, .room = 28 };

	put_accepted(&w, xid, ACCEPT_SUCCESS);
	put_word(&w, answer);
	return written(&w);
}

static void
put_listed(struct writer *w, bool nets, const struct drac_reply *reply)
{
	size_t count = reply->listed == NULL ? 0 : reply->count;

	if (count > DRAC_LIST_MAX)
		w->bad = true;
	put_word(w, (uint32_t)count);
	for (size_t i = 0; i < count && !w->bad; i++) {
		put_addr(w, &reply->listed[i].addr);
		if (nets)
			put_word(w, reply->listed[i].bits);
		put_time(w, reply->listed[i].expiry);
	}
}

static void
put_told(struct writer *w, uint32_t procedure, const struct drac_reply *reply)
{
	unsigned parts = parts_told(procedure);

	if (parts & PART_FLAG)
		put_word(w, reply->flag);
	if (parts & PART_EXPIRY)
		put_time(w, reply->expiry);
	if (parts & PART_PREVIOUS)
		put_time(w, reply->previous);
	if (parts & (PART_LISTED | PART_CLOSED))
		put_listed(w, parts & PART_CLOSED, reply);
	if (parts & PART_SWEPT) {
		put_hyper(w, reply->removed);
		put_hyper(w, reply->kept);
	}
	if (parts & PART_TEXT) {
		const char *text = reply->text == NULL ? "" : reply->text;

		put_opaque(w, text, strnlen(text, STATUS_TEXT_MAX));
	}
}

size_t
drac_wire_reply(uint32_t xid, uint32_t procedure,
    const struct drac_reply *reply, unsigned char *octets)
{
	struct writer w = { .octets = octets, .room = DRAC_REPLY_MAX };

	put_accepted(&w, xid, ACCEPT_SUCCESS);
	put_word(&w, reply->answer);
	put_opaque(&w, reply->why.text,
	    strnlen(reply->why.text, sizeof reply->why.text - 1));
	if (reply->answer == DRAC_ANSWER_SUCCESS)
		put_told(&w, procedure, reply);
	return written(&w);
}

size_t
drac_wire_ask_port(uint32_t xid, uint32_t version, bool tcp, bool v6,
    unsigned char *octets)
{
	struct writer w = { .octets = octets, .room = DRAC_CALL_MAX };

	put_word(&w, xid);
	if (v6)
		put_header(&w, PORTMAP_PROGRAM, 3, RPCBIND_GETADDR);
	else
		put_header(&w, PORTMAP_PROGRAM, 2, PORTMAP_GETPORT);
	put_word(&w, DRAC_PROGRAM);
	put_word(&w, version);
	if (v6) {
		put_text(&w, tcp ? "tcp6" : "udp6");
		put_text(&w, ""); /* address and owner: any */
		put_text(&w, "");
	} else {
		put_word(&w, tcp ? IPPROTO_TCP : IPPROTO_UDP);
		put_word(&w, 0);
	}
	return written(&w);
}
