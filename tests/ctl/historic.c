/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A caller of 1998: the functions are declared here, as it did, and drac.h
 * is not known.
 *
 *   historic SERVER ADDR...
 *
 * authorises each address at the server by dracauth and by dracconn,
 * dracsend and dracdisc, or by those with a 6, and prints one line a call.
 * Exit status 1 when one of them did not give 0.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

extern int dracauth(char *server, unsigned long userip, char **errmsg);
extern int dracconn(char *server, char **errmsg);
extern int dracsend(unsigned long userip, char **errmsg);
extern int dracdisc(char **errmsg);

extern int historic_print(const char *what, int result, const char *text);
extern int historic_const(const char *server, unsigned long userip);
extern int historic6(const char *server, const unsigned char *userip6);

static char nothing[] = "(nothing was said)";

int
historic_print(const char *what, int result, const char *text)
{
	if (result == 0)
		printf("%s 0\n", what);
	else
		printf("%s %d: %s\n", what, result, text);
	return result != 0;
}

static int
historic4(char *server, unsigned long userip)
{
	char *errmsg = nothing;
	int result, bad;

	result = dracauth(server, userip, &errmsg);
	bad = historic_print("dracauth", result, errmsg);
	errmsg = nothing;
	result = dracconn(server, &errmsg);
	bad |= historic_print("dracconn", result, errmsg);
	errmsg = nothing;
	result = dracsend(userip, &errmsg);
	bad |= historic_print("dracsend", result, errmsg);
	errmsg = nothing;
	result = dracdisc(&errmsg);
	bad |= historic_print("dracdisc", result, errmsg);
	return bad | historic_const(server, userip);
}

int
main(int argc, char **argv)
{
	struct in_addr v4;
	struct in6_addr v6;
	int bad = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: historic SERVER ADDR...\n");
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		if (inet_pton(AF_INET, argv[i], &v4) == 1) {
			bad |= historic4(argv[1], v4.s_addr);
		} else if (inet_pton(AF_INET6, argv[i], &v6) == 1) {
			bad |= historic6(argv[1], v6.s6_addr);
		} else {
			fprintf(stderr, "historic: %s: no address\n", argv[i]);
			return 2;
		}
	}
	return bad;
}
