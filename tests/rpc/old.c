/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A daemon and a caller as they were, made with the RPC library and nothing
 * of ours.
 *
 *	old server [-1] [-a answer] FILE
 *	old client [-u] HOST ADDR...
 *	old local [-u] PATH ADDR...
 *
 * The server registers versions 1 and 2 (with -1 version 1 alone) over UDP
 * and TCP with rpcbind, then makes FILE, appends each address that it is
 * told of and answers 0, or what -a says. When it is killed its registration
 * stays, as the original's did.
 *
 * The client tells HOST of each address by UDP and by TCP, or the daemon at
 * the socket PATH in the two ways that the library has for it; one line a
 * call: the way, the address, and the answer or what went wrong. -u: octets
 * travel as machines with unsigned characters send them. Exit status 1 when
 * one of the answers was not 0.
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <rpc/rpc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM 900101u
#define ADD     1u
#define V6_SIZE 16u
#define STUB_S  25 /* what rpcgen gives a caller */

struct address {
	const char *text;
	rpcvers_t version;
	u_long v4; /* host order */
	char v6[V6_SIZE];
};

static struct {
	int file;
	enum_t answer;
} server;

static xdrproc_t xdr_octet = (xdrproc_t)xdr_char;

_Noreturn static void
usage(void)
{
	fprintf(stderr, "usage: old server [-1] [-a answer] FILE\n"
			"       old client [-u] HOST ADDR...\n"
			"       old local [-u] PATH ADDR...\n");
	exit(2);
}

/* char drac_addr[16] of the interface file. */
static bool_t
xdr_v6(XDR *xdrs, char *octets)
{
	return xdr_vector(xdrs, octets, V6_SIZE, sizeof(char), xdr_octet);
}

/* The daemon. */

static void
append(int family, const void *octets)
{
	char line[INET6_ADDRSTRLEN + 1];

	if (inet_ntop(family, octets, line, INET6_ADDRSTRLEN) == NULL)
		err(1, "inet_ntop");
	strcat(line, "\n");
	if (write(server.file, line, strlen(line)) != (ssize_t)strlen(line))
		err(1, "write");
}

static bool
take(struct svc_req *request, SVCXPRT *transport)
{
	char v6[V6_SIZE];
	struct in_addr in;
	u_long v4;

	if (request->rq_vers == 1) {
		if (!svc_getargs(transport, (xdrproc_t)xdr_u_long, &v4))
			return false;
		in.s_addr = htonl((uint32_t)v4);
		append(AF_INET, &in);
		return true;
	}
	if (!svc_getargs(transport, (xdrproc_t)xdr_v6, v6))
		return false;
	append(AF_INET6, v6);
	return true;
}

/* xdr_void() has no arguments in the library's own header. */
static bool_t
no_results(XDR *xdrs, ...)
{
	(void)xdrs;
	return TRUE;
}

static void
dispatch(struct svc_req *request, SVCXPRT *transport)
{
	if (request->rq_proc == NULLPROC)
		(void)svc_sendreply(transport, no_results, NULL);
	else if (request->rq_proc != ADD)
		svcerr_noproc(transport);
	else if (!take(request, transport))
		svcerr_decode(transport);
	else
		(void)svc_sendreply(transport, (xdrproc_t)xdr_enum,
		    &server.answer);
}

static void
offer(rpcvers_t version)
{
	if (svc_create(dispatch, PROGRAM, version, "udp") == 0 ||
	    svc_create(dispatch, PROGRAM, version, "tcp") == 0)
		errx(1, "cannot serve version %u", (unsigned)version);
}

static int
serve(int argc, char **argv)
{
	rpcvers_t highest = 2;
	int option;

	while ((option = getopt(argc, argv, "1a:")) != -1) {
		if (option == '1')
			highest = 1;
		else if (option == 'a')
			server.answer = atoi(optarg);
		else
			usage();
	}
	if (optind != argc - 1)
		usage();
	/* What a dead one left behind. */
	svc_unreg(PROGRAM, 1);
	svc_unreg(PROGRAM, 2);
	for (rpcvers_t version = 1; version <= highest; version++)
		offer(version);
	server.file =
	    open(argv[optind], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (server.file == -1)
		err(1, "%s", argv[optind]);
	svc_run();
	errx(1, "svc_run has returned");
}

/* The caller. */

static struct address
parse(const char *text)
{
	struct address address = { .text = text };
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) == 1) {
		address.version = 1;
		address.v4 = ntohl(in.s_addr);
	} else if (inet_pton(AF_INET6, text, address.v6) == 1) {
		address.version = 2;
	} else {
		errx(2, "%s: no address", text);
	}
	return address;
}

/* The end of client, which may be NULL. Returns 0 for an answer of 0. */
static int
call(CLIENT *client, const char *way, struct address *address)
{
	const struct timeval patience = { .tv_sec = STUB_S };
	bool v4 = address->version == 1;
	enum_t answer = -1;
	char *what;

	if (client == NULL) {
		printf("%s %s %s\n", way, address->text,
		    clnt_spcreateerror("create"));
		return 1;
	}
	what = v4 ? (char *)&address->v4 : address->v6;
	if (clnt_call(client, ADD,
		v4 ? (xdrproc_t)xdr_u_long : (xdrproc_t)xdr_v6, what,
		(xdrproc_t)xdr_enum, (char *)&answer, patience) == RPC_SUCCESS)
		printf("%s %s %d\n", way, address->text, answer);
	else
		printf("%s %s %s\n", way, address->text,
		    clnt_sperror(client, "call"));
	clnt_destroy(client);
	return answer != 0;
}

static int
call_host(const char *host, struct address *address)
{
	int bad = 0;

	bad |= call(clnt_create(host, PROGRAM, address->version, "udp"), "udp",
	    address);
	bad |= call(clnt_create(host, PROGRAM, address->version, "tcp"), "tcp",
	    address);
	return bad;
}

static CLIENT *
connect_vc(struct sockaddr_un *sun, rpcvers_t version)
{
	struct netbuf where = { .buf = sun,
		.len = sizeof(*sun),
		.maxlen = sizeof(*sun) };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 ||
	    connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == -1)
		err(1, "%s", sun->sun_path);
	return clnt_vc_create(fd, &where, PROGRAM, version, 0, 0);
}

static int
call_local(const char *path, struct address *address)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = RPC_ANYSOCK, bad = 0;

	if (strlen(path) >= sizeof(sun.sun_path))
		errx(2, "%s: too long", path);
	strcpy(sun.sun_path, path);
	bad |= call(connect_vc(&sun, address->version), "vc", address);
	bad |= call(clntunix_create(&sun, PROGRAM, address->version, &fd, 0, 0),
	    "unix", address);
	return bad;
}

static int
ask(int argc, char **argv, int (*way)(const char *, struct address *))
{
	int option, bad = 0;

	while ((option = getopt(argc, argv, "u")) != -1) {
		if (option != 'u')
			usage();
		xdr_octet = (xdrproc_t)xdr_u_char;
	}
	if (argc - optind < 2)
		usage();
	for (int i = optind + 1; i < argc; i++) {
		struct address address = parse(argv[i]);

		bad |= way(argv[optind], &address);
	}
	return bad;
}

int
main(int argc, char **argv)
{
	if (argc < 2)
		usage();
	if (strcmp(argv[1], "server") == 0)
		return serve(argc - 1, argv + 1);
	if (strcmp(argv[1], "client") == 0)
		return ask(argc - 1, argv + 1, call_host);
	if (strcmp(argv[1], "local") == 0)
		return ask(argc - 1, argv + 1, call_local);
	usage();
}
