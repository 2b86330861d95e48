/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The wire against the RPC library that everybody else uses: what its XDR
 * writes we must read, what we write it must read, and octets must agree.
 */
#include <errno.h>
#include <rpc/clnt.h>
#include <rpc/pmap_prot.h>
#include <rpc/rpc.h>
#include <rpc/rpcb_prot.h>

#include "test.h"
#include "wire.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define XID          0x38d303a1u

struct message {
	char octets[DRAC_REPLY_MAX];
	unsigned size;
};

static struct drac_addr
addr(const char *text)
{
	struct drac_addr found = { 0 };

	CHECK_ROW(drac_addr_parse(text, &found) == 0, text);
	return found;
}

static const unsigned char *
octets(const struct message *m)
{
	return (const unsigned char *)m->octets;
}

/* What the stubs of drac.x do with char drac_addr[16]. */
static bool_t
xdr_addr6(XDR *xdrs, char *chars)
{
	return xdr_vector(xdrs, chars, 16, sizeof(char), (xdrproc_t)xdr_char);
}

/* The header of a call by the library, with credentials of size octets. */
static void
begin_call(XDR *xdrs, struct message *m, rpcvers_t version, unsigned size)
{
	static char credential[MAX_AUTH_BYTES];
	struct rpc_msg msg = { .rm_xid = XID, .rm_direction = CALL };

	memset(m, 0, sizeof *m);
	msg.rm_call.cb_rpcvers = RPC_MSG_VERSION;
	msg.rm_call.cb_prog = DRAC_PROGRAM;
	msg.rm_call.cb_vers = version;
	msg.rm_call.cb_proc = DRAC_PROC_ADD;
	msg.rm_call.cb_cred.oa_flavor = size == 0 ? AUTH_NONE : AUTH_SYS;
	msg.rm_call.cb_cred.oa_base = credential;
	msg.rm_call.cb_cred.oa_length = size;
	msg.rm_call.cb_verf = _null_auth;
	xdrmem_create(xdrs, m->octets, sizeof m->octets, XDR_ENCODE);
	CHECK(xdr_callmsg(xdrs, &msg));
}

static void
end_call(XDR *xdrs, struct message *m)
{
	m->size = xdr_getpos(xdrs);
	xdr_destroy(xdrs);
}

static void
call_v4(struct message *m, unsigned long host_order, unsigned credential)
{
	XDR xdrs;

	begin_call(&xdrs, m, DRAC_VERSION_V4, credential);
	CHECK(xdr_u_long(&xdrs, &host_order));
	end_call(&xdrs, m);
}

static void
call_v6(struct message *m, const struct drac_addr *who, unsigned credential)
{
	char chars[16];
	XDR xdrs;

	memcpy(chars, who->octet, sizeof chars);
	begin_call(&xdrs, m, DRAC_VERSION_V6, credential);
	CHECK(xdr_addr6(&xdrs, chars));
	end_call(&xdrs, m);
}

/* Read by us; without credentials also written by us, to the octet. */
static void
must_be_ours(const struct message *m, const struct drac_addr *who, bool plain)
{
	struct drac_call call;
	enum drac_fault fault;
	unsigned char ours[DRAC_CALL_MAX];

	CHECK(drac_wire_read_call(octets(m), m->size, DRAC_VERSION_V6, &call,
		  &fault) == DRAC_CALL_GOOD);
	CHECK(call.xid == XID && call.procedure == DRAC_PROC_ADD);
	CHECK(memcmp(&call.addr, who, sizeof *who) == 0);
	CHECK(!plain || (drac_wire_call(&call, ours) == m->size &&
			    memcmp(ours, m->octets, m->size) == 0));
}

static void
we_read_what_it_calls(void)
{
	static const struct {
		const char *address;
		unsigned long host_order;
	} four[] = {
		{ "192.0.2.100", 0xc0000264 },
		{ "203.0.113.255", 0xcb0071ff },
		{ "127.0.0.1", 0x7f000001 },
	};
	static const char *const six[] = { "2001:db8::b8",
		"2001:db8::", "2001:db8:7f80:ff:8081:fefd:1:ffff" };
	static const unsigned credentials[] = { 0, 4, 44, 45, 400 };
	static struct message m;

	for (size_t c = 0; c < COUNT(credentials); c++) {
		bool plain = credentials[c] == 0;

		for (size_t i = 0; i < COUNT(four); i++) {
			struct drac_addr who = addr(four[i].address);

			call_v4(&m, four[i].host_order, credentials[c]);
			CHECK(!plain || m.size == 44);
			must_be_ours(&m, &who, plain);
		}
		for (size_t i = 0; i < COUNT(six); i++) {
			struct drac_addr who = addr(six[i]);

			call_v6(&m, &who, credentials[c]);
			CHECK(!plain || m.size == 104);
			must_be_ours(&m, &who, plain);
		}
	}
}

/* Of 401 octets the library makes no call, and takes none. */
static void
long_credentials_are_no_call_to_either(void)
{
	static struct message m;
	struct drac_call call;
	enum drac_fault fault;
	char credential[MAX_AUTH_BYTES];
	struct rpc_msg msg = { 0 };
	XDR xdrs;

	call_v4(&m, 0xc0000264, 400);
	m.octets[31] = (char)0x91; /* 400 becomes 401 */
	m.size += 4;
	msg.rm_call.cb_cred.oa_base = credential;
	xdrmem_create(&xdrs, m.octets, m.size, XDR_DECODE);
	CHECK(!xdr_callmsg(&xdrs, &msg));
	xdr_destroy(&xdrs);
	CHECK(drac_wire_read_call(octets(&m), m.size, DRAC_VERSION_V6, &call,
		  &fault) == DRAC_CALL_NOISE);
}

/* The header of a call by us, read by the library up to the arguments. */
static void
open_call(XDR *xdrs, const unsigned char *ours, size_t size,
    struct rpc_msg *msg)
{
	static char credential[MAX_AUTH_BYTES], verifier[MAX_AUTH_BYTES];
	static struct message m;

	memset(msg, 0, sizeof *msg);
	msg->rm_call.cb_cred.oa_base = credential;
	msg->rm_call.cb_verf.oa_base = verifier;
	memcpy(m.octets, ours, size);
	xdrmem_create(xdrs, m.octets, (u_int)size, XDR_DECODE);
	CHECK(xdr_callmsg(xdrs, msg));
	CHECK(msg->rm_xid == XID && msg->rm_direction == CALL);
	CHECK(msg->rm_call.cb_rpcvers == RPC_MSG_VERSION);
	CHECK(msg->rm_call.cb_cred.oa_flavor == AUTH_NONE);
}

static void
close_call(XDR *xdrs, size_t size)
{
	CHECK(xdr_getpos(xdrs) == size);
	xdr_destroy(xdrs);
}

static void
it_reads_what_we_call(void)
{
	struct drac_call call = { .xid = XID,
		.version = DRAC_VERSION_V4,
		.procedure = DRAC_PROC_ADD,
		.addr = addr("203.0.113.255") };
	unsigned char ours[DRAC_CALL_MAX];
	struct rpc_msg msg;
	u_long host_order = 0;
	char chars[16];
	XDR xdrs;
	size_t size = drac_wire_call(&call, ours);

	open_call(&xdrs, ours, size, &msg);
	CHECK(msg.rm_call.cb_prog == DRAC_PROGRAM);
	CHECK(msg.rm_call.cb_vers == 1 && msg.rm_call.cb_proc == 1);
	CHECK(xdr_u_long(&xdrs, &host_order) && host_order == 0xcb0071ff);
	close_call(&xdrs, size);
	call.version = DRAC_VERSION_V6;
	call.addr = addr("2001:db8:7f80:ff:8081:fefd:1:ffff");
	size = drac_wire_call(&call, ours);
	open_call(&xdrs, ours, size, &msg);
	CHECK(msg.rm_call.cb_vers == 2 && msg.rm_call.cb_proc == 1);
	CHECK(xdr_addr6(&xdrs, chars));
	CHECK(memcmp(chars, call.addr.octet, sizeof chars) == 0);
	close_call(&xdrs, size);
}

/* Version 3 has no stubs; its parts are those of RFC 4506 all the same. */
static void
it_reads_our_local_calls(void)
{
	struct drac_call call = { .xid = XID,
		.version = DRAC_VERSION_LOCAL,
		.procedure = DRAC_PROC_TAKE_BACK,
		.addr = addr("2001:db8::b8"),
		.expiry = 0x123456789a,
		.previous = 5 };
	unsigned char ours[DRAC_CALL_MAX];
	size_t size = drac_wire_call(&call, ours);
	struct rpc_msg msg;
	char found[16], *where = found;
	u_int length = 0;
	int64_t expiry = 0, previous = 0;
	XDR xdrs;

	open_call(&xdrs, ours, size, &msg);
	CHECK(msg.rm_call.cb_vers == 3 &&
	      msg.rm_call.cb_proc == DRAC_PROC_TAKE_BACK);
	CHECK(xdr_bytes(&xdrs, &where, &length, sizeof found) && length == 16);
	CHECK(memcmp(found, call.addr.octet, sizeof found) == 0);
	CHECK(xdr_int64_t(&xdrs, &expiry) && expiry == 0x123456789a);
	CHECK(xdr_int64_t(&xdrs, &previous) && previous == 5);
	close_call(&xdrs, size);
}

/* xdr_void() has no arguments in the library's own header. */
static bool_t
no_results(XDR *xdrs, ...)
{
	(void)xdrs;
	return TRUE;
}

/* An accepted reply by the library; as svc_sendreply makes it. */
static void
reply_accepted(struct message *m, enum accept_stat stat, enum_t *answer)
{
	struct rpc_msg msg = { .rm_xid = XID, .rm_direction = REPLY };
	XDR xdrs;

	memset(m, 0, sizeof *m);
	msg.rm_reply.rp_stat = MSG_ACCEPTED;
	msg.acpted_rply.ar_verf = _null_auth;
	msg.acpted_rply.ar_stat = stat;
	if (stat == SUCCESS) {
		msg.acpted_rply.ar_results.where = (caddr_t)answer;
		msg.acpted_rply.ar_results.proc =
		    answer == NULL ? no_results : (xdrproc_t)xdr_enum;
	} else if (stat == PROG_MISMATCH) {
		msg.acpted_rply.ar_vers.low = 1;
		msg.acpted_rply.ar_vers.high = 2;
	}
	xdrmem_create(&xdrs, m->octets, sizeof m->octets, XDR_ENCODE);
	CHECK(xdr_replymsg(&xdrs, &msg));
	m->size = xdr_getpos(&xdrs);
	xdr_destroy(&xdrs);
}

static void
reply_denied(struct message *m, enum reject_stat stat)
{
	struct rpc_msg msg = { .rm_xid = XID, .rm_direction = REPLY };
	XDR xdrs;

	memset(m, 0, sizeof *m);
	msg.rm_reply.rp_stat = MSG_DENIED;
	msg.rjcted_rply.rj_stat = stat;
	if (stat == RPC_MISMATCH) {
		msg.rjcted_rply.rj_vers.low = 2;
		msg.rjcted_rply.rj_vers.high = 2;
	} else {
		msg.rjcted_rply.rj_why = AUTH_TOOWEAK;
	}
	xdrmem_create(&xdrs, m->octets, sizeof m->octets, XDR_ENCODE);
	CHECK(xdr_replymsg(&xdrs, &msg));
	m->size = xdr_getpos(&xdrs);
	xdr_destroy(&xdrs);
}

static int
read_reply(const struct message *m, struct drac_reply *reply)
{
	struct drac_call call = { .xid = XID,
		.version = DRAC_VERSION_V4,
		.procedure = DRAC_PROC_ADD };

	errno = 0;
	return drac_wire_read_reply(octets(m), m->size, &call, reply);
}

static void
answers_agree(void)
{
	static struct message m;
	unsigned char ours[28];

	for (enum_t i = DRAC_ANSWER_SUCCESS; i <= DRAC_ANSWER_UNKNOWN; i++) {
		struct drac_reply reply = { .answer = 77 };

		reply_accepted(&m, SUCCESS, &i);
		CHECK(read_reply(&m, &reply) == 1);
		CHECK(reply.answer == (uint32_t)i);
		CHECK(
		    drac_wire_answer(XID, (enum drac_answer)i, ours) == m.size);
		CHECK(memcmp(ours, m.octets, m.size) == 0);
	}
	reply_accepted(&m, SUCCESS, NULL);
	CHECK(drac_wire_void(XID, ours) == m.size);
	CHECK(memcmp(ours, m.octets, m.size) == 0);
}

static void
refusals_agree(void)
{
	static const struct {
		const char *name;
		enum accept_stat stat;
		enum drac_fault fault;
		int error;
	} rows[] = {
		{ "program", PROG_UNAVAIL, DRAC_FAULT_PROGRAM,
		    EPROTONOSUPPORT },
		{ "version", PROG_MISMATCH, DRAC_FAULT_VERSION,
		    EPROTONOSUPPORT },
		{ "procedure", PROC_UNAVAIL, DRAC_FAULT_PROCEDURE, ENOSYS },
		{ "arguments", GARBAGE_ARGS, DRAC_FAULT_ARGUMENTS, EPROTO },
		{ "system", SYSTEM_ERR, DRAC_FAULT_NONE, EIO },
	};
	static struct message m;
	struct drac_reply reply;
	unsigned char ours[64];

	for (size_t i = 0; i < COUNT(rows); i++) {
		reply_accepted(&m, rows[i].stat, NULL);
		CHECK_ROW(read_reply(&m, &reply) == -1, rows[i].name);
		CHECK_ROW(errno == rows[i].error, rows[i].name);
		if (rows[i].fault == DRAC_FAULT_NONE)
			continue;
		CHECK_ROW(drac_wire_fault(XID, rows[i].fault, DRAC_VERSION_V6,
			      ours) == m.size,
		    rows[i].name);
		CHECK_ROW(memcmp(ours, m.octets, m.size) == 0, rows[i].name);
	}
	reply_denied(&m, AUTH_ERROR);
	CHECK(read_reply(&m, &reply) == -1 && errno == EACCES);
	reply_denied(&m, RPC_MISMATCH);
	CHECK(read_reply(&m, &reply) == -1 && errno == EPROTO);
	CHECK(drac_wire_fault(XID, DRAC_FAULT_RPC_VERSION, DRAC_VERSION_V6,
		  ours) == m.size);
	CHECK(memcmp(ours, m.octets, m.size) == 0);
}

/* What a client of the library makes of our reply. */
static enum clnt_stat
read_by_library(const unsigned char *ours, size_t size, enum_t *answer)
{
	static struct message m;
	char verifier[MAX_AUTH_BYTES];
	struct rpc_msg msg = { 0 };
	struct rpc_err error = { 0 };
	XDR xdrs;

	memcpy(m.octets, ours, size);
	msg.acpted_rply.ar_verf.oa_base = verifier;
	msg.acpted_rply.ar_results.where = (caddr_t)answer;
	msg.acpted_rply.ar_results.proc = (xdrproc_t)xdr_enum;
	xdrmem_create(&xdrs, m.octets, (u_int)size, XDR_DECODE);
	if (!xdr_replymsg(&xdrs, &msg))
		error.re_status = RPC_CANTDECODERES;
	else
		_seterr_reply(&msg, &error);
	CHECK(xdr_getpos(&xdrs) == size && msg.rm_xid == XID);
	xdr_destroy(&xdrs);
	return error.re_status;
}

static void
it_reads_what_we_reply(void)
{
	static const struct {
		enum drac_fault fault;
		enum clnt_stat stat;
	} rows[] = {
		{ DRAC_FAULT_RPC_VERSION, RPC_VERSMISMATCH },
		{ DRAC_FAULT_PROGRAM, RPC_PROGUNAVAIL },
		{ DRAC_FAULT_VERSION, RPC_PROGVERSMISMATCH },
		{ DRAC_FAULT_PROCEDURE, RPC_PROCUNAVAIL },
		{ DRAC_FAULT_ARGUMENTS, RPC_CANTDECODEARGS },
	};
	unsigned char ours[64];
	enum_t answer = 77;
	size_t size = drac_wire_answer(XID, DRAC_ANSWER_PERM, ours);

	CHECK(read_by_library(ours, size, &answer) == RPC_SUCCESS);
	CHECK(answer == DRAC_ANSWER_PERM);
	for (size_t i = 0; i < COUNT(rows); i++) {
		size = drac_wire_fault(XID, rows[i].fault, 2, ours);
		CHECK(read_by_library(ours, size, &answer) == rows[i].stat);
	}
}

static void
portmapper_calls_agree(void)
{
	struct pmap map = { 0 };
	RPCB binding = { 0 };
	unsigned char ours[DRAC_CALL_MAX];
	struct rpc_msg msg;
	XDR xdrs;
	size_t size =
	    drac_wire_ask_port(XID, DRAC_VERSION_V6, true, false, ours);

	open_call(&xdrs, ours, size, &msg);
	CHECK(msg.rm_call.cb_prog == PMAPPROG);
	CHECK(msg.rm_call.cb_vers == PMAPVERS);
	CHECK(msg.rm_call.cb_proc == PMAPPROC_GETPORT);
	CHECK(xdr_pmap(&xdrs, &map));
	CHECK(map.pm_prog == DRAC_PROGRAM && map.pm_vers == 2);
	CHECK(map.pm_prot == IPPROTO_TCP && map.pm_port == 0);
	close_call(&xdrs, size);
	size = drac_wire_ask_port(XID, DRAC_VERSION_V4, false, true, ours);
	open_call(&xdrs, ours, size, &msg);
	CHECK(msg.rm_call.cb_prog == RPCBPROG);
	CHECK(msg.rm_call.cb_vers == RPCBVERS);
	CHECK(msg.rm_call.cb_proc == RPCBPROC_GETADDR);
	CHECK(xdr_rpcb(&xdrs, &binding));
	CHECK(binding.r_prog == DRAC_PROGRAM && binding.r_vers == 1);
	CHECK(strcmp(binding.r_netid, "udp6") == 0);
	CHECK(binding.r_addr[0] == '\0' && binding.r_owner[0] == '\0');
	close_call(&xdrs, size);
	xdr_free((xdrproc_t)xdr_rpcb, (char *)&binding);
}

/* The reply of a port mapper, its results by proc. */
static void
reply_with(struct message *m, xdrproc_t proc, void *results)
{
	struct rpc_msg msg = { .rm_xid = XID, .rm_direction = REPLY };
	XDR xdrs;

	msg.rm_reply.rp_stat = MSG_ACCEPTED;
	msg.acpted_rply.ar_verf = _null_auth;
	msg.acpted_rply.ar_results.where = results;
	msg.acpted_rply.ar_results.proc = proc;
	xdrmem_create(&xdrs, m->octets, sizeof m->octets, XDR_ENCODE);
	CHECK(xdr_replymsg(&xdrs, &msg));
	m->size = xdr_getpos(&xdrs);
	xdr_destroy(&xdrs);
}

static void
portmapper_replies_agree(void)
{
	static struct message m;
	u_long number = 993;
	char text[] = "2001:db8::1.3.225", none[] = "", *uaddr = text;
	unsigned short port = 77;

	reply_with(&m, (xdrproc_t)xdr_u_long, &number);
	CHECK(drac_wire_read_port(octets(&m), m.size, XID, false, &port) == 1);
	CHECK(port == 993);
	port = 77;
	reply_with(&m, (xdrproc_t)xdr_wrapstring, &uaddr);
	CHECK(drac_wire_read_port(octets(&m), m.size, XID, true, &port) == 1);
	CHECK(port == 993);
	uaddr = none;
	reply_with(&m, (xdrproc_t)xdr_wrapstring, &uaddr);
	CHECK(drac_wire_read_port(octets(&m), m.size, XID, true, &port) == 1);
	CHECK(port == 0);
}

int
main(void)
{
	RUN(we_read_what_it_calls);
	RUN(long_credentials_are_no_call_to_either);
	RUN(it_reads_what_we_call);
	RUN(it_reads_our_local_calls);
	RUN(answers_agree);
	RUN(refusals_agree);
	RUN(it_reads_what_we_reply);
	RUN(portmapper_calls_agree);
	RUN(portmapper_replies_agree);
	return TEST_RESULT();
}
