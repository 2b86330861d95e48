/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The wire, octet by octet: messages as they were captured from the
 * daemon and the clients of 1998, and as RFC 5531 and RFC 1833 have them.
 */
#include "wire.h"

#include <errno.h>
#include <stdlib.h>

#include "test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A call of XID 7: header without credentials, then what follows. */
#define HEAD(program, version, procedure) \
	"00000007 00000000 00000002 " program " " version " " procedure " "
#define NOAUTH     "00000000 00000000 00000000 00000000 "
#define OURS(v, p) HEAD("000dbc05", "0000000" v, "0000000" p) NOAUTH
#define ACCEPTED   "00000007 00000001 00000000 00000000 00000000 "
#define SUCCESS    ACCEPTED "00000000 "
#define V6         "20010db8 00000000 00000000 000000b8 "
#define ZERO3      "00000000 00000000 00000000 "
#define ZERO11     ZERO3 ZERO3 ZERO3 "00000000 00000000 "

static const char v1_call[] =
    "70997039 00000000 00000002 000dbc05 00000001 00000001 "
    "00000000 00000000 00000000 00000000 c0000264";
static const char v1_reply[] =
    "70997039 00000001 00000000 00000000 00000000 00000000 00000000";
static const char v2_call[] =
    "38d303a1 00000000 00000002 000dbc05 00000002 00000001 "
    "00000000 00000000 00000000 00000000 "
    "00000020 00000001 0000000d ffffffb8 " ZERO11 "ffffffb8";
static const char v2_reply[] =
    "38d303a1 00000001 00000000 00000000 00000000 00000000 00000000";

struct message {
	unsigned char octets[DRAC_REPLY_MAX];
	size_t size;
};

/* Octets in hexadecimal, blanks between them anywhere but within one. */
static struct message
message(const char *hex)
{
	static struct message made;

	memset(&made, 0, sizeof made);
	while (*hex != '\0') {
		if (*hex == ' ') {
			hex++;
			continue;
		}
		char pair[3] = { hex[0], hex[1], '\0' };

		made.octets[made.size++] =
		    (unsigned char)strtoul(pair, NULL, 16);
		hex += 2;
	}
	return made;
}

static bool
same(const unsigned char *octets, size_t size, const char *hex)
{
	struct message wanted = message(hex);

	return size == wanted.size && memcmp(octets, wanted.octets, size) == 0;
}

static struct drac_addr
addr(const char *text)
{
	struct drac_addr found = { 0 };

	CHECK_ROW(text[0] == '\0' || drac_addr_parse(text, &found) == 0, text);
	return found;
}

/* From memory of exactly that size, so that a sanitizer sees it overrun. */
static enum drac_verdict
read_call(const unsigned char *octets, size_t size, struct drac_call *call,
    enum drac_fault *fault)
{
	unsigned char *exact = malloc(size + (size == 0));
	enum drac_verdict verdict;

	if (exact == NULL)
		abort();
	memcpy(exact, octets, size);
	verdict =
	    drac_wire_read_call(exact, size, DRAC_VERSION_LOCAL, call, fault);
	free(exact);
	return verdict;
}

static int
read_reply(const unsigned char *octets, size_t size,
    const struct drac_call *call, struct drac_reply *reply)
{
	unsigned char *exact = malloc(size + (size == 0));
	int result;

	if (exact == NULL)
		abort();
	memcpy(exact, octets, size);
	result = drac_wire_read_reply(exact, size, call, reply);
	free(exact);
	return result;
}

static bool
same_call(const struct drac_call *a, const struct drac_call *b)
{
	return a->xid == b->xid && a->version == b->version &&
	       a->procedure == b->procedure && a->expiry == b->expiry &&
	       a->previous == b->previous && a->count == b->count &&
	       a->report.id == b->report.id &&
	       a->report.deadline_ms == b->report.deadline_ms &&
	       strcmp(a->report.user, b->report.user) == 0 &&
	       strcmp(a->report.service, b->report.service) == 0 &&
	       memcmp(&a->addr, &b->addr, sizeof a->addr) == 0;
}

static void
captured_calls_both_ways(void)
{
	static const struct {
		const char *hex, *address;
		uint32_t xid, version;
	} rows[] = {
		{ v1_call, "192.0.2.100", 0x70997039, DRAC_VERSION_V4 },
		{ v2_call, "2001:db8::b8", 0x38d303a1, DRAC_VERSION_V6 },
	};
	unsigned char octets[DRAC_CALL_MAX];

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message sent = message(rows[i].hex);
		struct drac_call call, wanted = { .xid = rows[i].xid,
			.version = rows[i].version,
			.procedure = DRAC_PROC_ADD,
			.addr = addr(rows[i].address) };
		enum drac_fault fault;

		CHECK_ROW(read_call(sent.octets, sent.size, &call, &fault) ==
			      DRAC_CALL_GOOD,
		    rows[i].address);
		CHECK_ROW(fault == DRAC_FAULT_NONE, rows[i].address);
		CHECK_ROW(same_call(&call, &wanted), rows[i].address);
		CHECK_ROW(same(octets, drac_wire_call(&wanted, octets),
			      rows[i].hex),
		    rows[i].address);
	}
}

static void
captured_replies_both_ways(void)
{
	static const struct {
		const char *hex;
		uint32_t xid, version;
	} rows[] = {
		{ v1_reply, 0x70997039, DRAC_VERSION_V4 },
		{ v2_reply, 0x38d303a1, DRAC_VERSION_V6 },
	};
	unsigned char octets[28];

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message got = message(rows[i].hex);
		struct drac_call call = { .xid = rows[i].xid,
			.version = rows[i].version,
			.procedure = DRAC_PROC_ADD };
		struct drac_reply reply = { .answer = 77 };

		CHECK_ROW(read_reply(got.octets, got.size, &call, &reply) == 1,
		    rows[i].hex);
		CHECK_ROW(reply.answer == DRAC_ANSWER_SUCCESS, rows[i].hex);
		CHECK_ROW(same(octets,
			      drac_wire_answer(rows[i].xid, DRAC_ANSWER_SUCCESS,
				  octets),
			      rows[i].hex),
		    rows[i].hex);
	}
}

static void
null_calls_and_replies(void)
{
	static const char *const calls[] = { OURS("1", "0"), OURS("2", "0"),
		OURS("3", "0") };
	unsigned char octets[DRAC_CALL_MAX];

	for (uint32_t i = 0; i < COUNT(calls); i++) {
		struct drac_call call = { .xid = 7, .version = i + 1 }, found;
		struct message got = message(calls[i]);
		enum drac_fault fault;

		CHECK_ROW(same(octets, drac_wire_call(&call, octets), calls[i]),
		    calls[i]);
		CHECK_ROW(read_call(got.octets, got.size, &found, &fault) ==
			      DRAC_CALL_GOOD,
		    calls[i]);
		CHECK_ROW(same_call(&call, &found), calls[i]);
		got = message(SUCCESS);
		CHECK_ROW(same(octets, drac_wire_void(7, octets), SUCCESS),
		    calls[i]);
		CHECK_ROW(read_reply(got.octets, got.size, &call, NULL) == 1,
		    calls[i]);
	}
}

static void
answers_of_old_versions(void)
{
	static const uint32_t rows[] = { DRAC_ANSWER_SUCCESS, DRAC_ANSWER_PERM,
		DRAC_ANSWER_SYSERR, DRAC_ANSWER_UNKNOWN };
	struct drac_call call = { .xid = 7,
		.version = DRAC_VERSION_V6,
		.procedure = DRAC_PROC_ADD };
	unsigned char octets[28];

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_reply reply = { .answer = 77, .count = 5 };
		size_t size =
		    drac_wire_answer(7, (enum drac_answer)rows[i], octets);

		CHECK(size == sizeof octets && octets[27] == rows[i]);
		CHECK(read_reply(octets, size, &call, &reply) == 1);
		CHECK(reply.answer == rows[i] && reply.count == 0);
	}
}

/* The sixteen words of version 2, by the sender's idea of a char. */
static void
version2_takes_either_char(void)
{
	static const struct {
		const char *name, *words, *address;
	} rows[] = {
		{ "signed",
		    "00000020 00000001 0000000d ffffffb8 " ZERO11 "ffffffff",
		    "2001:db8::ff" },
		{ "unsigned",
		    "00000020 00000001 0000000d 000000b8 " ZERO11 "000000ff",
		    "2001:db8::ff" },
		{ "mixed",
		    "00000020 00000001 0000000d ffffffb8 " ZERO11 "00000080",
		    "2001:db8::80" },
		{ "lowest",
		    "00000020 00000001 0000000d 000000b8 " ZERO11 "ffffff80",
		    "2001:db8::80" },
		{ "mapped signed",
		    ZERO3 ZERO3 ZERO3 "00000000 ffffffff ffffffff "
				      "ffffffc0 00000000 00000002 00000064",
		    "192.0.2.100" },
		{ "mapped unsigned",
		    ZERO3 ZERO3 ZERO3 "00000000 000000ff 000000ff "
				      "000000c0 00000000 00000002 00000064",
		    "192.0.2.100" },
		/* No char at all. */
		{ "257",
		    "00000020 00000001 0000000d 00000101 " ZERO11 "00000000",
		    NULL },
		{ "256", ZERO11 ZERO3 "00000000 00000100", NULL },
		{ "-129", ZERO11 ZERO3 "00000000 ffffff7f", NULL },
		{ "lowest int", ZERO11 ZERO3 "80000000 00000001", NULL },
		{ "sixteen octets", V6, NULL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message got = message(OURS("2", "1"));
		struct message words = message(rows[i].words);
		struct drac_call call;
		enum drac_fault fault;
		enum drac_verdict verdict;

		memcpy(got.octets + got.size, words.octets, words.size);
		got.size += words.size;
		verdict = read_call(got.octets, got.size, &call, &fault);
		if (rows[i].address == NULL) {
			CHECK_ROW(verdict == DRAC_CALL_FAULTY, rows[i].name);
			CHECK_ROW(fault == DRAC_FAULT_ARGUMENTS, rows[i].name);
		} else {
			struct drac_addr wanted = addr(rows[i].address);

			CHECK_ROW(verdict == DRAC_CALL_GOOD, rows[i].name);
			CHECK_ROW(memcmp(&call.addr, &wanted, sizeof wanted) ==
				      0,
			    rows[i].name);
		}
	}
}

static void
version2_writes_ipv4_mapped(void)
{
	struct drac_call call = { .xid = 7,
		.version = DRAC_VERSION_V6,
		.procedure = DRAC_PROC_ADD,
		.addr = addr("192.0.2.128") };
	unsigned char octets[DRAC_CALL_MAX];

	CHECK(same(octets, drac_wire_call(&call, octets),
	    OURS("2", "1") ZERO3 ZERO3 ZERO3
	    "00000000 ffffffff ffffffff "
	    "ffffffc0 00000000 00000002 ffffff80"));
}

/* Each call of the table below, cut anywhere. */
static void
calls_cut_short(void)
{
	static const char *const rows[] = { v1_call, v2_call,
		OURS("3", "1") "00000010" V6,
		OURS("3", "2") "00000004 c0000264 00000000 655a8be0 "
			       "00000000 00000000",
		OURS("3", "7") "00000000 000003e8" };

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message whole = message(rows[i]);
		struct drac_call call;
		enum drac_fault fault;

		CHECK_ROW(read_call(whole.octets, whole.size, &call, &fault) ==
			      DRAC_CALL_GOOD,
		    rows[i]);
		for (size_t size = 0; size < whole.size; size++) {
			enum drac_verdict wanted =
			    size < 40 ? DRAC_CALL_NOISE : DRAC_CALL_FAULTY;

			CHECK_ROW(read_call(whole.octets, size, &call,
				      &fault) == wanted,
			    rows[i]);
			CHECK_ROW(size < 40 || fault == DRAC_FAULT_ARGUMENTS,
			    rows[i]);
			CHECK_ROW(size < 4 || call.xid == 7 || i < 2, rows[i]);
		}
	}
}

static void
calls_too_long(void)
{
	static const char *const rows[] = { v1_call, v2_call, OURS("1", "0"),
		OURS("2", "0"), OURS("3", "0"), OURS("3", "1") "00000010" V6,
		OURS("3", "8"), OURS("3", "7") "00000000 000003e8" };

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message got = message(rows[i]);
		struct drac_call call;
		enum drac_fault fault;

		CHECK_ROW(read_call(got.octets, got.size, &call, &fault) ==
			      DRAC_CALL_GOOD,
		    rows[i]);
		for (size_t more = 1; more <= 4; more++) {
			CHECK_ROW(read_call(got.octets, got.size + more, &call,
				      &fault) == DRAC_CALL_FAULTY,
			    rows[i]);
			CHECK_ROW(fault == DRAC_FAULT_ARGUMENTS, rows[i]);
		}
	}
}

/*
 * A call of version 1 with size octets of credential and of verifier. 400
 * is the limit of RFC 5531, 8.2; what has more is no call by that RFC and
 * is noise, as to libtirpc.
 */
static void
credentials_up_to_400(void)
{
	static const struct {
		size_t credential, verifier;
		enum drac_verdict verdict;
	} rows[] = {
		{ 0, 0, DRAC_CALL_GOOD },
		{ 1, 0, DRAC_CALL_GOOD },
		{ 3, 2, DRAC_CALL_GOOD },
		{ 400, 400, DRAC_CALL_GOOD },
		{ 399, 0, DRAC_CALL_GOOD },
		{ 401, 0, DRAC_CALL_NOISE },
		{ 0, 401, DRAC_CALL_NOISE },
		{ 0xfffffffd, 0, DRAC_CALL_NOISE },
		{ 0, 0xffffffff, DRAC_CALL_NOISE },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message got =
		    message(HEAD("000dbc05", "00000001", "00000001"));
		size_t sizes[2] = { rows[i].credential, rows[i].verifier };
		struct drac_call call;
		enum drac_fault fault;

		for (size_t k = 0; k < 2; k++) {
			got.octets[got.size + 3] = 6; /* flavour */
			for (int n = 0; n < 4; n++)
				got.octets[got.size + 4 + (size_t)n] =
				    (unsigned char)(sizes[k] >> (24 - 8 * n));
			got.size += 8;
			if (sizes[k] > 401)
				sizes[k] = 401;
			memset(got.octets + got.size, 'x', sizes[k]);
			got.size += (sizes[k] + 3) & ~(size_t)3;
		}
		memcpy(got.octets + got.size, "\xc0\x00\x02\x64", 4);
		got.size += 4;
		CHECK(read_call(got.octets, got.size, &call, &fault) ==
		      rows[i].verdict);
		CHECK(rows[i].verdict != DRAC_CALL_GOOD ||
		      memcmp(&call.addr.octet, "\xc0\x00\x02\x64", 4) == 0);
	}
}

/* Stamp, "mx.example.org", uid 8, gid 12, groups 12 and 8. */
static void
credential_of_a_user(void)
{
	struct message got = message(HEAD("000dbc05", "00000001",
	    "00000001") "00000001 0000002c 655a8be0 0000000e 6d782e65 78616d70 6c652e6f "
			"72670000 00000008 0000000c 00000002 0000000c 00000008 "
			"00000000 00000000 c0000264");
	struct drac_call call;
	enum drac_fault fault;
	struct drac_addr wanted = addr("192.0.2.100");

	CHECK(read_call(got.octets, got.size, &call, &fault) == DRAC_CALL_GOOD);
	CHECK(drac_addr_equal(&call.addr, &wanted));
}

static void
faults_and_their_replies(void)
{
	static const struct {
		const char *name, *call, *reply;
		uint32_t highest;
		enum drac_fault fault;
	} rows[] = {
		{ "rpc version 1",
		    "00000007 00000000 00000001 000dbc05 00000001 00000001 ",
		    "00000007 00000001 00000001 00000000 00000002 00000002",
		    DRAC_VERSION_V6, DRAC_FAULT_RPC_VERSION },
		{ "rpc version 3, nothing else", "00000007 00000000 00000003",
		    "00000007 00000001 00000001 00000000 00000002 00000002",
		    DRAC_VERSION_LOCAL, DRAC_FAULT_RPC_VERSION },
		{ "the port mapper's program",
		    HEAD("000186a0", "00000002", "00000003") NOAUTH ZERO3,
		    ACCEPTED "00000001", DRAC_VERSION_V6, DRAC_FAULT_PROGRAM },
		{ "version 0", OURS("0", "1") "c0000264",
		    ACCEPTED "00000002 00000001 00000002", DRAC_VERSION_V6,
		    DRAC_FAULT_VERSION },
		{ "version 3, not served", OURS("3", "1") "00000004 c0000264",
		    ACCEPTED "00000002 00000001 00000002", DRAC_VERSION_V6,
		    DRAC_FAULT_VERSION },
		{ "version 4", OURS("4", "1") "c0000264",
		    ACCEPTED "00000002 00000001 00000003", DRAC_VERSION_LOCAL,
		    DRAC_FAULT_VERSION },
		{ "procedure 2 of version 1", OURS("1", "2") "c0000264",
		    ACCEPTED "00000003", DRAC_VERSION_V6,
		    DRAC_FAULT_PROCEDURE },
		{ "procedure 2 of version 2", OURS("2", "2") "c0000264",
		    ACCEPTED "00000003", DRAC_VERSION_LOCAL,
		    DRAC_FAULT_PROCEDURE },
		{ "procedure 15 of version 3", OURS("3", "f"),
		    ACCEPTED "00000003", DRAC_VERSION_LOCAL,
		    DRAC_FAULT_PROCEDURE },
		{ "no argument", OURS("1", "1"), ACCEPTED "00000004",
		    DRAC_VERSION_V6, DRAC_FAULT_ARGUMENTS },
		{ "an argument too many", OURS("1", "0") "c0000264",
		    ACCEPTED "00000004", DRAC_VERSION_V6,
		    DRAC_FAULT_ARGUMENTS },
	};
	unsigned char octets[64];

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message got = message(rows[i].call);
		struct drac_call call;
		enum drac_fault fault;

		CHECK_ROW(drac_wire_read_call(got.octets, got.size,
			      rows[i].highest, &call,
			      &fault) == DRAC_CALL_FAULTY,
		    rows[i].name);
		CHECK_ROW(fault == rows[i].fault, rows[i].name);
		CHECK_ROW(same(octets,
			      drac_wire_fault(call.xid, fault, rows[i].highest,
				  octets),
			      rows[i].reply),
		    rows[i].name);
	}
	CHECK(drac_wire_fault(7, DRAC_FAULT_NONE, 2, octets) == 0);
}

static void
noise_is_not_answered(void)
{
	static const char *const rows[] = { "", "00000007", "00000007 00000000",
		v1_reply, v2_reply, SUCCESS,
		/* neither call nor reply */
		"00000007 00000002 00000002 000dbc05 00000001 00000001 " NOAUTH
		"c0000264",
		/* a record mark before the call */
		"8000002c 00000007 00000000 00000002 000dbc05 00000001 "
		"00000001 " NOAUTH "c0000264",
		/* a foreign program without verifier */
		HEAD("000186a0", "00000002", "00000003") "00000000 00000000" };

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message got = message(rows[i]);
		struct drac_call call;
		enum drac_fault fault;

		CHECK_ROW(read_call(got.octets, got.size, &call, &fault) ==
			      DRAC_CALL_NOISE,
		    rows[i]);
		CHECK_ROW(fault == DRAC_FAULT_NONE, rows[i]);
	}
}

/* Every procedure of version 3, as it travels. */
static void
local_calls_both_ways(void)
{
	const struct {
		const char *hex;
		struct drac_call call;
	} rows[] = {
		{ OURS("3", "1") "00000004 c0000264",
		    { .procedure = DRAC_PROC_ADD,
			.addr = addr("192.0.2.100") } },
		{ OURS("3", "1") "00000010" V6,
		    { .procedure = DRAC_PROC_ADD,
			.addr = addr("2001:db8::b8") } },
		{ OURS("3", "2") "00000010" V6
				 "00000000 655a8be0 00000001 00000002",
		    { .procedure = DRAC_PROC_TAKE_BACK,
			.addr = addr("2001:db8::b8"),
			.expiry = 0x655a8be0,
			.previous = 0x100000002 } },
		{ OURS("3", "3") "00000004 c0000264",
		    { .procedure = DRAC_PROC_GET,
			.addr = addr("192.0.2.100") } },
		{ OURS("3", "4") "00000004 c0000264 00000000 00000005",
		    { .procedure = DRAC_PROC_SET,
			.addr = addr("192.0.2.100"),
			.expiry = 5 } },
		{ OURS("3", "5") "00000010" V6,
		    { .procedure = DRAC_PROC_DROP,
			.addr = addr("2001:db8::b8") } },
		{ OURS("3", "6"), { .procedure = DRAC_PROC_CLEAR } },
		{ OURS("3", "7") "00000000 000003e8",
		    { .procedure = DRAC_PROC_LIST, .count = DRAC_LIST_MAX } },
		{ OURS("3", "7") "00000010" V6 "00000001",
		    { .procedure = DRAC_PROC_LIST,
			.addr = addr("2001:db8::b8"),
			.count = 1 } },
		{ OURS("3", "8"), { .procedure = DRAC_PROC_SWEEP } },
		{ OURS("3", "9"), { .procedure = DRAC_PROC_STATUS } },
		{ OURS("3", "a") "00000004 c0000264 00000020 00000000 00000005",
		    { .procedure = DRAC_PROC_CLOSE,
			.addr = addr("192.0.2.100"),
			.bits = 32,
			.expiry = 5 } },
		{ OURS("3", "a") "00000010 00000000 " ZERO3
				 "00000000 00000000 00000000",
		    { .procedure = DRAC_PROC_CLOSE, .addr = addr("::") } },
		{ OURS("3", "b"), { .procedure = DRAC_PROC_CLOSED } },
		{ OURS("3", "c") "00000004 c0000264 01020304 05060708 "
				 "00000001 00000002 00000005 616c6963 65000000 "
				 "00000004 706f7033",
		    { .procedure = DRAC_PROC_REPORT,
			.addr = addr("192.0.2.100"),
			.report = { .id = 0x0102030405060708,
			    .deadline_ms = 0x100000002,
			    .user = "alice",
			    .service = "pop3" } } },
		{ OURS("3", "c") "00000010" V6 "00000000 00000000 "
				 "00000000 00000000 00000000 00000000",
		    { .procedure = DRAC_PROC_REPORT,
			.addr = addr("2001:db8::b8") } },
		{ OURS("3", "d") "00000004 c0000264 00000000 00000007",
		    { .procedure = DRAC_PROC_UNDO,
			.addr = addr("192.0.2.100"),
			.report = { .id = 7 } } },
		{ OURS("3", "e") "00000004 c0000264",
		    { .procedure = DRAC_PROC_GRANT,
			.addr = addr("192.0.2.100") } },
	};
	unsigned char octets[DRAC_CALL_MAX];

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message got = message(rows[i].hex);
		struct drac_call found, wanted = rows[i].call;
		enum drac_fault fault;

		wanted.xid = 7;
		wanted.version = DRAC_VERSION_LOCAL;
		CHECK_ROW(read_call(got.octets, got.size, &found, &fault) ==
			      DRAC_CALL_GOOD,
		    rows[i].hex);
		CHECK_ROW(same_call(&found, &wanted), rows[i].hex);
		CHECK_ROW(same(octets, drac_wire_call(&wanted, octets),
			      rows[i].hex),
		    rows[i].hex);
	}
}

static void
local_calls_fold_mapped(void)
{
	struct message got = message(
	    OURS("3", "1") "00000010 00000000 00000000 0000ffff c0000264");
	struct drac_addr wanted = addr("192.0.2.100");
	struct drac_call call;
	enum drac_fault fault;

	CHECK(read_call(got.octets, got.size, &call, &fault) == DRAC_CALL_GOOD);
	CHECK(memcmp(&call.addr, &wanted, sizeof wanted) == 0);
}

static void
local_calls_refused(void)
{
	static const struct {
		const char *name, *hex;
	} rows[] = {
		{ "33 bits", OURS("3", "a") "00000004 c0000264 00000021 "
					    "00000000 00000005" },
		{ "129 bits", OURS("3", "a") "00000010" V6 "00000081 "
					     "00000000 00000005" },
		{ "a report without a user",
		    OURS("3",
			"c") "00000004 c0000264 00000000 00000007 00000000 00000007" },
		{ "a user with a NUL",
		    OURS("3",
			"c") "00000004 c0000264 00000000 00000007 00000000 00000007 "
			     "00000003 61006200 00000000" },
		{ "a user of 256 octets",
		    OURS("3",
			"c") "00000004 c0000264 00000000 00000007 00000000 00000007 "
			     "00000100 61626364" },
		{ "a service of 65 octets",
		    OURS("3",
			"c") "00000004 c0000264 00000000 00000007 00000000 00000007 "
			     "00000000 00000041 61626364" },
		{ "no id to undo", OURS("3", "d") "00000004 c0000264" },
		{ "no bits", OURS("3", "a") "00000004 c0000264 00000000" },
		{ "no address", OURS("3", "1") "00000000" },
		{ "5 octets", OURS("3", "1") "00000005 c0000264 01000000" },
		{ "3 octets", OURS("3", "1") "00000003 c0000200" },
		{ "17 octets", OURS("3", "1") "00000011" V6 "00000000" },
		{ "endless", OURS("3", "1") "ffffffff" V6 },
		{ "no address to drop", OURS("3", "5") "00000000" },
		{ "before 1970",
		    OURS("3", "4") "00000004 c0000264 ffffffff ffffffff" },
		{ "previous before 1970", OURS("3", "2") "00000004 c0000264 "
							 "00000000 00000005 "
							 "80000000 00000000" },
		{ "list of none", OURS("3", "7") "00000000 00000000" },
		{ "list of 1001", OURS("3", "7") "00000000 000003e9" },
		{ "list behind 8 octets",
		    OURS("3", "7") "00000008 c0000264 c0000264 00000001" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message got = message(rows[i].hex);
		struct drac_call call;
		enum drac_fault fault;

		CHECK_ROW(read_call(got.octets, got.size, &call, &fault) ==
			      DRAC_CALL_FAULTY,
		    rows[i].name);
		CHECK_ROW(fault == DRAC_FAULT_ARGUMENTS, rows[i].name);
	}
}

static void
what_cannot_be_said(void)
{
	const struct {
		const char *name;
		struct drac_call call;
	} rows[] = {
		{ "IPv6 in version 1", { .version = 1,
					   .procedure = 1,
					   .addr = addr("2001:db8::b8") } },
		{ "nobody in version 1", { .version = 1, .procedure = 1 } },
		{ "nobody in version 2", { .version = 2, .procedure = 1 } },
		{ "nobody in version 3", { .version = 3, .procedure = 1 } },
		{ "an address of 99 octets",
		    { .version = 3, .procedure = 1, .addr = { .len = 99 } } },
		{ "the same in version 2",
		    { .version = 2, .procedure = 1, .addr = { .len = 99 } } },
		{ "version 0", { .version = 0, .procedure = 0 } },
		{ "version 4", { .version = 4, .procedure = 0 } },
		{ "procedure 2 of version 1",
		    { .version = 1,
			.procedure = 2,
			.addr = addr("192.0.2.100") } },
		{ "procedure 15", { .version = 3, .procedure = 15 } },
		{ "before 1970", { .version = 3,
				     .procedure = DRAC_PROC_SET,
				     .addr = addr("192.0.2.100"),
				     .expiry = -1 } },
	};
	unsigned char octets[DRAC_CALL_MAX];

	for (size_t i = 0; i < COUNT(rows); i++)
		CHECK_ROW(drac_wire_call(&rows[i].call, octets) == 0,
		    rows[i].name);
}

/* A call of version 3 that the replies below belong to. */
static struct drac_call
local_call(uint32_t procedure)
{
	return (struct drac_call){ .xid = 7,
		.version = DRAC_VERSION_LOCAL,
		.procedure = procedure };
}

static bool
same_reply(const struct drac_reply *a, const struct drac_reply *b)
{
	return a->answer == b->answer &&
	       strcmp(a->why.text, b->why.text) == 0 && a->flag == b->flag &&
	       a->expiry == b->expiry && a->previous == b->previous &&
	       a->removed == b->removed && a->kept == b->kept &&
	       a->count == b->count;
}

static void
local_replies_both_ways(void)
{
	static const struct {
		const char *hex;
		uint32_t procedure;
		struct drac_reply reply;
	} rows[] = {
		{ SUCCESS "00000000 00000000 00000001 00000000 655a8be0 "
			  "00000000 00000005",
		    DRAC_PROC_ADD,
		    { .flag = true, .expiry = 0x655a8be0, .previous = 5 } },
		{ SUCCESS "00000000 00000005 736c6f77 21000000 00000000 "
			  "7fffffff ffffffff 00000000 00000000",
		    DRAC_PROC_ADD,
		    { .why = { "slow!" }, .expiry = INT64_MAX } },
		{ SUCCESS "00000001 00000003 6e6f2e00", DRAC_PROC_ADD,
		    { .answer = DRAC_ANSWER_PERM, .why = { "no." } } },
		{ SUCCESS "00000000 00000000 00000001", DRAC_PROC_TAKE_BACK,
		    { .flag = true } },
		{ SUCCESS "00000000 00000000 00000001 00000000 00000009",
		    DRAC_PROC_GET, { .flag = true, .expiry = 9 } },
		{ SUCCESS "00000000 00000000", DRAC_PROC_SET, { .answer = 0 } },
		{ SUCCESS "00000000 00000000 00000000", DRAC_PROC_DROP,
		    { .flag = false } },
		{ SUCCESS "00000000 00000000", DRAC_PROC_CLEAR,
		    { .answer = 0 } },
		{ SUCCESS "00000002 00000000", DRAC_PROC_LIST,
		    { .answer = DRAC_ANSWER_SYSERR } },
		{ SUCCESS "00000000 00000000 00000001 00000000", DRAC_PROC_LIST,
		    { .flag = true } },
		{ SUCCESS
		    "00000000 00000000 00000000 000f4240 00000001 00000002",
		    DRAC_PROC_SWEEP,
		    { .removed = 1000000, .kept = 0x100000002 } },
	};
	static unsigned char octets[DRAC_REPLY_MAX];

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message got = message(rows[i].hex);
		struct drac_call call = local_call(rows[i].procedure);
		struct drac_reply found = { .answer = 77, .kept = 77 };

		CHECK_ROW(read_reply(got.octets, got.size, &call, &found) == 1,
		    rows[i].hex);
		CHECK_ROW(same_reply(&found, &rows[i].reply), rows[i].hex);
		CHECK_ROW(same(octets,
			      drac_wire_reply(7, rows[i].procedure,
				  &rows[i].reply, octets),
			      rows[i].hex),
		    rows[i].hex);
	}
}

static void
list_of_a_thousand(void)
{
	static struct drac_listed told[DRAC_LIST_MAX], heard[DRAC_LIST_MAX];
	static unsigned char octets[DRAC_REPLY_MAX];
	struct drac_reply reply = { .listed = told, .count = DRAC_LIST_MAX };
	struct drac_reply found = { .listed = heard };
	struct drac_call call = local_call(DRAC_PROC_LIST);
	size_t size;

	for (size_t i = 0; i < DRAC_LIST_MAX; i++) {
		told[i].addr = addr(i % 3 == 0 ? "192.0.2.1" : "2001:db8::1");
		told[i].addr.octet[2] = (unsigned char)(i >> 8);
		told[i].addr.octet[3] = (unsigned char)i;
		told[i].expiry = (time_t)(1700000000 + i);
	}
	size = drac_wire_reply(7, DRAC_PROC_LIST, &reply, octets);
	CHECK(size == 24 + 16 + 334 * 16 + 666 * 28);
	CHECK(read_reply(octets, size, &call, &found) == 1);
	CHECK(found.count == DRAC_LIST_MAX && found.listed == heard);
	for (size_t i = 0; i < DRAC_LIST_MAX; i++) {
		CHECK(told[i].expiry == heard[i].expiry);
		CHECK(memcmp(&told[i].addr, &heard[i].addr,
			  sizeof told[i].addr) == 0);
	}
	found.listed = NULL;
	errno = 0;
	CHECK(read_reply(octets, size, &call, &found) == -1);
	CHECK(errno == EBADMSG);
	reply.count++;
	CHECK(drac_wire_reply(7, DRAC_PROC_LIST, &reply, octets) == 0);
}

static void
closed_networks(void)
{
	static const char hex[] =
	    SUCCESS "00000000 00000000 00000002 "
		    "00000004 c0000200 00000018 00000000 00000005 "
		    "00000010 00000000 " ZERO3 "00000000 00000000 00000006";
	struct drac_listed told[] = { { addr("192.0.2.0"), 5, 24 },
		{ addr("::"), 6, 0 } };
	static struct drac_listed heard[DRAC_LIST_MAX];
	unsigned char octets[DRAC_CALL_MAX];
	struct drac_reply reply = { .listed = told, .count = 2 };
	struct drac_reply found = { .listed = heard };
	struct drac_call call = local_call(DRAC_PROC_CLOSED);
	struct message got = message(hex);

	CHECK(same(octets, drac_wire_reply(7, DRAC_PROC_CLOSED, &reply, octets),
	    hex));
	CHECK(read_reply(got.octets, got.size, &call, &found) == 1);
	CHECK(found.count == 2);
	for (size_t i = 0; i < 2; i++)
		CHECK(drac_addr_equal(&heard[i].addr, &told[i].addr) &&
		      heard[i].bits == told[i].bits &&
		      heard[i].expiry == told[i].expiry);
}

static void
text_limits(void)
{
	static const char line[] = "entries 5\nadded 7\n";
	static unsigned char octets[DRAC_REPLY_MAX];
	static char huge[70000], heard[DRAC_REPLY_MAX];
	char room[sizeof line];
	struct drac_reply reply = { .text = (char *)(uintptr_t)line };
	struct drac_reply found = { .text = room, .text_room = sizeof room };
	struct drac_call call = local_call(DRAC_PROC_STATUS);
	size_t size = drac_wire_reply(7, DRAC_PROC_STATUS, &reply, octets);

	CHECK(read_reply(octets, size, &call, &found) == 1);
	CHECK(strcmp(room, line) == 0);
	found.text_room--;
	errno = 0;
	CHECK(read_reply(octets, size, &call, &found) == -1);
	CHECK(errno == EBADMSG);
	found = (struct drac_reply){ 0 };
	CHECK(read_reply(octets, size, &call, &found) == -1);
	memset(huge, 'x', sizeof huge - 1);
	reply.text = huge;
	size = drac_wire_reply(7, DRAC_PROC_STATUS, &reply, octets);
	found.text = heard;
	found.text_room = sizeof heard;
	CHECK(read_reply(octets, size, &call, &found) == 1);
	CHECK(strlen(heard) == 61440);
	reply.text = NULL;
	size = drac_wire_reply(7, DRAC_PROC_STATUS, &reply, octets);
	CHECK(read_reply(octets, size, &call, &found) == 1);
	CHECK(heard[0] == '\0');
}

static void
sentence_limits(void)
{
	static unsigned char octets[DRAC_REPLY_MAX];
	struct drac_reply reply = { 0 }, found = { 0 };
	struct drac_call call = local_call(DRAC_PROC_SET);
	struct message longer;
	size_t size;

	memset(reply.why.text, 'x', sizeof reply.why.text - 1);
	size = drac_wire_reply(7, DRAC_PROC_SET, &reply, octets);
	CHECK(size == 24 + 8 + 320);
	CHECK(read_reply(octets, size, &call, &found) == 1);
	CHECK(strcmp(found.why.text, reply.why.text) == 0);
	longer = message(SUCCESS "00000000 00000140");
	longer.size += 320;
	CHECK(read_reply(longer.octets, longer.size, &call, &found) == -1);
	CHECK(errno == EBADMSG);
}

/* Nothing that a terminal or a log would act on. */
static void
text_is_made_harmless(void)
{
	struct message got =
	    message(SUCCESS "00000000 0000000c 1b5b326a 000a7f80 ff61207e "
			    "0000000c 1b5b326a 000a7f80 ff61207e");
	struct drac_call call = local_call(DRAC_PROC_STATUS);
	char text[32] = "";
	struct drac_reply reply = { .text = text, .text_room = sizeof text };

	CHECK(read_reply(got.octets, got.size, &call, &reply) == 1);
	CHECK(strcmp(reply.why.text, "?[2j?????a ~") == 0);
	CHECK(strcmp(text, "?[2j?\n???a ~") == 0);
}

static void
replies_that_fail(void)
{
	static const struct {
		const char *name, *hex;
		int error;
	} rows[] = {
		{ "program", ACCEPTED "00000001", EPROTONOSUPPORT },
		{ "version", ACCEPTED "00000002 00000001 00000002",
		    EPROTONOSUPPORT },
		{ "procedure", ACCEPTED "00000003", ENOSYS },
		{ "arguments", ACCEPTED "00000004", EPROTO },
		{ "system error", ACCEPTED "00000005", EIO },
		{ "status 6", ACCEPTED "00000006", EBADMSG },
		{ "no versions", ACCEPTED "00000002 00000001", EBADMSG },
		{ "program and more", ACCEPTED "00000001 00000000", EBADMSG },
		{ "rpc version",
		    "00000007 00000001 00000001 00000000 00000002 00000002",
		    EPROTO },
		{ "credentials", "00000007 00000001 00000001 00000001 00000005",
		    EACCES },
		{ "rejected 2", "00000007 00000001 00000001 00000002 00000005",
		    EBADMSG },
		{ "neither accepted nor denied",
		    "00000007 00000001 00000002 00000000 00000000 00000000",
		    EBADMSG },
		{ "nothing said", "00000007 00000001", EBADMSG },
		{ "no answer", SUCCESS, EBADMSG },
		{ "answer and more", SUCCESS "00000000 00000000", EBADMSG },
		{ "verifier of 401 octets",
		    "00000007 00000001 00000000 00000000 00000191 00000000 "
		    "00000000",
		    EBADMSG },
	};
	struct drac_call call = { .xid = 7,
		.version = DRAC_VERSION_V4,
		.procedure = DRAC_PROC_ADD };

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message got = message(rows[i].hex);
		struct drac_reply reply = { 0 };

		errno = 0;
		CHECK_ROW(read_reply(got.octets, got.size, &call, &reply) == -1,
		    rows[i].name);
		CHECK_ROW(errno == rows[i].error, rows[i].name);
	}
}

static void
local_replies_refused(void)
{
	static const struct {
		const char *name;
		uint32_t procedure;
		const char *hex;
	} rows[] = {
		{ "closed: 33 bits", DRAC_PROC_CLOSED,
		    SUCCESS "00000000 00000000 00000001 "
			    "00000004 c0000200 00000021 00000000 00000005" },
		{ "a flag of 2", DRAC_PROC_DROP,
		    SUCCESS "00000000 00000000 00000002" },
		{ "no flag", DRAC_PROC_DROP, SUCCESS "00000000 00000000" },
		{ "before 1970", DRAC_PROC_GET,
		    SUCCESS "00000000 00000000 00000001 ffffffff ffffffff" },
		{ "more than was asked", DRAC_PROC_SET,
		    SUCCESS "00000000 00000000 00000000" },
		{ "refused, and yet more", DRAC_PROC_DROP,
		    SUCCESS "00000001 00000000 00000001" },
		{ "fewer than counted", DRAC_PROC_LIST,
		    SUCCESS "00000000 00000000 00000001 00000002 "
			    "00000004 c0000264 00000000 00000005" },
		{ "more than can be", DRAC_PROC_LIST,
		    SUCCESS "00000000 00000000 00000001 000003e9" },
		{ "an entry without address", DRAC_PROC_LIST,
		    SUCCESS "00000000 00000000 00000001 00000001 "
			    "00000000 00000000 00000005" },
		{ "an address of 8 octets", DRAC_PROC_LIST,
		    SUCCESS "00000000 00000000 00000001 00000001 "
			    "00000008 c0000264 c0000264 00000000 00000005" },
	};
	static struct drac_listed listed[DRAC_LIST_MAX];

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message got = message(rows[i].hex);
		struct drac_call call = local_call(rows[i].procedure);
		struct drac_reply reply = { .listed = listed };

		errno = 0;
		CHECK_ROW(read_reply(got.octets, got.size, &call, &reply) == -1,
		    rows[i].name);
		CHECK_ROW(errno == EBADMSG, rows[i].name);
		CHECK_ROW(reply.listed == listed, rows[i].name);
	}
}

static void
replies_to_somebody_else(void)
{
	static const char *const rows[] = { "", "00000007", "00000007 000000",
		"00000008 00000001 00000000 00000000 00000000 00000000 "
		"00000000",
		/* a call */
		OURS("1", "1") "c0000264",
		"00000007 00000002 00000000 00000000 00000000 00000000 "
		"00000000" };
	struct drac_call call = { .xid = 7,
		.version = DRAC_VERSION_V4,
		.procedure = DRAC_PROC_ADD };

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message got = message(rows[i]);
		struct drac_reply reply = { .answer = 77 };

		CHECK_ROW(read_reply(got.octets, got.size, &call, &reply) == 0,
		    rows[i]);
		CHECK_ROW(reply.answer == 77, rows[i]);
	}
}

static void
replies_cut_short(void)
{
	static const struct {
		uint32_t version, procedure;
		const char *hex;
	} rows[] = {
		{ 1, DRAC_PROC_ADD, SUCCESS "00000000" },
		{ 3, DRAC_PROC_ADD,
		    SUCCESS "00000000 00000005 736c6f77 21000000 00000001 "
			    "00000000 655a8be0 00000000 00000005" },
		{ 3, DRAC_PROC_LIST,
		    SUCCESS "00000000 00000000 00000001 00000002 "
			    "00000004 c0000264 00000000 00000005 00000010" V6
			    "00000000 00000006" },
		{ 3, DRAC_PROC_STATUS,
		    SUCCESS "00000000 00000000 00000004 6120310a" },
	};
	static struct drac_listed listed[DRAC_LIST_MAX];
	char text[64];

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message got = message(rows[i].hex);
		struct drac_call call = local_call(rows[i].procedure);
		struct drac_reply reply = { .listed = listed,
			.text = text,
			.text_room = sizeof text };

		call.version = rows[i].version;
		CHECK_ROW(read_reply(got.octets, got.size, &call, &reply) == 1,
		    rows[i].hex);
		for (size_t size = 0; size < got.size; size++) {
			errno = 0;
			CHECK_ROW(read_reply(got.octets, size, &call, &reply) ==
				      (size < 8 ? 0 : -1),
			    rows[i].hex);
			CHECK_ROW(size < 8 || errno == EBADMSG, rows[i].hex);
		}
	}
}

static void
replies_that_cannot_be_said(void)
{
	static unsigned char octets[DRAC_REPLY_MAX];
	struct drac_listed nobody = { .expiry = 5 };
	struct drac_reply reply = { .listed = &nobody, .count = 1 };

	CHECK(drac_wire_reply(7, DRAC_PROC_LIST, &reply, octets) == 0);
	reply = (struct drac_reply){ .flag = true, .expiry = -1 };
	CHECK(drac_wire_reply(7, DRAC_PROC_GET, &reply, octets) == 0);
}

static void
portmapper_is_asked(void)
{
	static const struct {
		uint32_t version;
		bool tcp, v6;
		const char *hex;
	} rows[] = {
		{ 1, false, false,
		    HEAD("000186a0", "00000002", "00000003") NOAUTH
		    "000dbc05 00000001 00000011 00000000" },
		{ 2, true, false,
		    HEAD("000186a0", "00000002", "00000003") NOAUTH
		    "000dbc05 00000002 00000006 00000000" },
		{ 2, false, true,
		    HEAD("000186a0", "00000003", "00000003") NOAUTH
		    "000dbc05 00000002 00000004 75647036 00000000 00000000" },
		{ 2, true, true,
		    HEAD("000186a0", "00000003", "00000003") NOAUTH
		    "000dbc05 00000002 00000004 74637036 00000000 00000000" },
	};
	unsigned char octets[DRAC_CALL_MAX];

	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t size = drac_wire_ask_port(7, rows[i].version,
		    rows[i].tcp, rows[i].v6, octets);

		CHECK_ROW(same(octets, size, rows[i].hex), rows[i].hex);
		CHECK_ROW(rows[i].v6 || size == 56, rows[i].hex);
	}
}

static void
portmapper_answers(void)
{
	static const struct {
		const char *hex;
		int result, error;
		unsigned short port;
	} rows[] = {
		{ SUCCESS "000003e1", 1, 0, 993 },
		{ SUCCESS "0000ffff", 1, 0, 65535 },
		{ SUCCESS "00000000", 1, 0, 0 },
		{ SUCCESS "00010000", -1, EBADMSG, 77 },
		{ SUCCESS "000003e1 00000000", -1, EBADMSG, 77 },
		{ SUCCESS, -1, EBADMSG, 77 },
		{ ACCEPTED "00000001", -1, EPROTONOSUPPORT, 77 },
		{ "00000007 00000001 00000001 00000001 00000005", -1, EACCES,
		    77 },
		{ "00000008 00000001 00000000 00000000 00000000 00000000 "
		  "000003e1",
		    0, 0, 77 },
		{ v1_call, 0, 0, 77 },
		{ "", 0, 0, 77 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message got = message(rows[i].hex);
		unsigned short port = 77;

		errno = 0;
		CHECK_ROW(drac_wire_read_port(got.octets, got.size, 7, false,
			      &port) == rows[i].result,
		    rows[i].hex);
		CHECK_ROW(rows[i].result != -1 || errno == rows[i].error,
		    rows[i].hex);
		CHECK_ROW(port == rows[i].port, rows[i].hex);
	}
}

static void
universal_addresses(void)
{
	static const struct {
		const char *text;
		int port; /* -1: refused */
	} rows[] = {
		{ "", 0 },
		{ "2001:db8::1.3.225", 993 },
		{ "::.2.245", 757 },
		{ "::1.255.255", 65535 },
		{ "::1.0.0", 0 },
		{ "192.0.2.7.3.225", 993 },
		{ "2001:db8:1111:2222:3333:4444:192.000.2.1.3.225", -1 },
		{ "2001:db8:1111:2222:3333:4444:192.100.200.100.255.255",
		    65535 },
		{ "2001:db8::1", -1 },
		{ "2001:db8::1.3", -1 },
		{ "2001:db8::1.3.", -1 },
		{ "2001:db8::1..225", -1 },
		{ "2001:db8::1.3.256", -1 },
		{ "2001:db8::1.256.3", -1 },
		{ "2001:db8::1.3.0225", -1 },
		{ "2001:db8::1.03.225", -1 },
		{ "2001:db8::1.3.-1", -1 },
		{ "2001:db8::1.+3.1", -1 },
		{ "2001:db8::1.3.225 ", -1 },
		{ "2001:db8::1.3.225\n", -1 },
		{ " 2001:db8::1.3.225", -1 },
		{ "2001:db8::1.3.2251", -1 },
		{ "2001:db8::g.3.225", -1 },
		{ "example.org.3.225", -1 },
		{ ".3.225", -1 },
		{ "3.225", -1 },
		{ "225", -1 },
		{ "192.0.2.7", -1 },
		{ "fe80::1%eth0.3.225", -1 },
		{ "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0.3.225",
		    -1 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message got = message(SUCCESS);
		unsigned short port = 77;
		size_t len = strlen(rows[i].text);
		int result;

		got.octets[got.size + 3] = (unsigned char)len;
		memcpy(got.octets + got.size + 4, rows[i].text, len);
		got.size += 4 + ((len + 3) & ~(size_t)3);
		result =
		    drac_wire_read_port(got.octets, got.size, 7, true, &port);
		CHECK_ROW(result == (rows[i].port == -1 ? -1 : 1),
		    rows[i].text);
		CHECK_ROW(port == (rows[i].port == -1 ? 77 : rows[i].port),
		    rows[i].text);
	}
}

int
main(void)
{
	RUN(captured_calls_both_ways);
	RUN(captured_replies_both_ways);
	RUN(null_calls_and_replies);
	RUN(answers_of_old_versions);
	RUN(version2_takes_either_char);
	RUN(version2_writes_ipv4_mapped);
	RUN(calls_cut_short);
	RUN(calls_too_long);
	RUN(credentials_up_to_400);
	RUN(credential_of_a_user);
	RUN(faults_and_their_replies);
	RUN(noise_is_not_answered);
	RUN(local_calls_both_ways);
	RUN(local_calls_fold_mapped);
	RUN(local_calls_refused);
	RUN(what_cannot_be_said);
	RUN(local_replies_both_ways);
	RUN(list_of_a_thousand);
	RUN(closed_networks);
	RUN(text_limits);
	RUN(sentence_limits);
	RUN(text_is_made_harmless);
	RUN(replies_that_fail);
	RUN(local_replies_refused);
	RUN(replies_to_somebody_else);
	RUN(replies_cut_short);
	RUN(replies_that_cannot_be_said);
	RUN(portmapper_is_asked);
	RUN(portmapper_answers);
	RUN(universal_addresses);
	return TEST_RESULT();
}
