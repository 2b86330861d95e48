/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The declarations with const, and the functions for IPv6; see historic.c.
 */
#include <stddef.h>

extern int dracauth(const char *server, unsigned long userip, char **errmsg);
extern int dracauth6(const char *host, const unsigned char *userip6,
    char **errmsg);
extern int dracconn6(const char *server, char **errmsg);
extern int dracsend6(const unsigned char *userip6, char **errmsg);
extern int dracdisc6(char **errmsg);

extern int historic_print(const char *what, int result, const char *text);
extern int historic_const(const char *server, unsigned long userip);
extern int historic6(const char *server, const unsigned char *userip6);

static char nothing[] = "(nothing was said)";

/* Once with a sentence, once without. */
int
historic_const(const char *server, unsigned long userip)
{
	char *errmsg = nothing;
	int result = dracauth(server, userip, &errmsg);
	int bad = historic_print("dracauth", result, errmsg);

	result = dracauth(server, userip, NULL);
	return bad | historic_print("dracauth", result, "(not asked)");
}

int
historic6(const char *server, const unsigned char *userip6)
{
	char *errmsg = nothing;
	int result = dracauth6(server, userip6, &errmsg);
	int bad = historic_print("dracauth6", result, errmsg);

	errmsg = nothing;
	result = dracconn6(server, &errmsg);
	bad |= historic_print("dracconn6", result, errmsg);
	errmsg = nothing;
	result = dracsend6(userip6, &errmsg);
	bad |= historic_print("dracsend6", result, errmsg);
	errmsg = nothing;
	result = dracdisc6(&errmsg);
	bad |= historic_print("dracdisc6", result, errmsg);
	return bad;
}
