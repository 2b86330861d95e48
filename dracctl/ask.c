/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * ask: tell one server of an address exactly as a mail server would, and
 * what it answered.
 */

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dracctl.h"

/* Shorter would tell little about a server that is far away. */
#define TIMEOUT_MIN_MS 5000u

/* Addresses of one name that are tried. */
#define ADDRS_MAX 4

/* The server as the key of drac.conf names it. NULL after a complaint. */
static const struct drac_server *
read_server(const char *text, struct drac_conf *scratch)
{
	struct drac_why why = { "" };
	char *argument;
	int result;

	if (asprintf(&argument, "server=%s", text) == -1) {
		drac_ctl_complain("out of memory");
		return NULL;
	}
	result = drac_conf_argument(scratch, argument, &why);
	free(argument);
	if (result == 0 && scratch->server_count == 1)
		return &scratch->servers[0];
	drac_ctl_complain("%s",
	    result == -1 ? why.text : "server: one server is asked at a time");
	return NULL;
}

/* getaddrinfo(3) knows no time limit, and all there is to do is to say so. */
static void
give_up(int signal_number)
{
	static const char sentence[] =
	    "dracctl: the name of the server could not be resolved in time\n";
	ssize_t written = write(STDERR_FILENO, sentence, sizeof(sentence) - 1);

	(void)signal_number;
	(void)written;
	_exit(DRAC_CTL_FAILED);
}

static struct addrinfo *
resolve(const char *host, unsigned timeout_ms)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	struct addrinfo *list = NULL;
	int error;
	void (*before)(int) = signal(SIGALRM, give_up);

	alarm((timeout_ms + 999) / 1000);
	error = getaddrinfo(host, NULL, &hints, &list);
	alarm(0);
	signal(SIGALRM, before);
	if (error == 0)
		return list;
	drac_ctl_complain("%s: %s", host,
	    error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
	return NULL;
}

/* Up to ADDRS_MAX addresses; 0 after a complaint. */
static size_t
find_addrs(const char *host, unsigned timeout_ms, struct drac_addr *addrs)
{
	struct addrinfo *list, *entry;
	size_t count = 0;

	if (drac_addr_parse(host, addrs) == 0)
		return 1;
	list = resolve(host, timeout_ms);
	for (entry = list; entry != NULL && count < ADDRS_MAX;
	     entry = entry->ai_next)
		if (drac_addr_from_sockaddr(entry->ai_addr, entry->ai_addrlen,
			&addrs[count]) == 0)
			count++;
	if (list != NULL)
		freeaddrinfo(list);
	return count;
}

/* The server answered, or the time is over: no need to try elsewhere. */
static bool
is_settled(int error)
{
	return error == 0 || error == EPERM || error == EIO ||
	       error == ETIMEDOUT;
}

static enum drac_ctl_status
report(const struct drac_ctl *ctl, const struct drac_ask *ask)
{
	char address[DRAC_ADDR_TEXT];

	if (ask->error != 0) {
		if (ask->why.text[0] != '\0')
			drac_ctl_complain("%s", ask->why.text);
		else
			drac_ctl_complain("%s: %s", ask->name,
			    strerror(ask->error));
		return ask->error == EPERM ? DRAC_CTL_NO : DRAC_CTL_FAILED;
	}
	drac_addr_text(&ctl->addr, address);
	drac_ctl_say("%s authorised %s (%u ms)\n", ask->name, address,
	    ask->took_ms);
	drac_ctl_warn(&ask->why);
	return DRAC_CTL_YES;
}

static enum drac_ctl_status
ask_server(const struct drac_ctl *ctl, const struct drac_server *server)
{
	unsigned timeout_ms = ctl->conf.timeout_ms > TIMEOUT_MIN_MS
				  ? ctl->conf.timeout_ms
				  : TIMEOUT_MIN_MS;
	struct drac_addr addrs[ADDRS_MAX] = { 0 };
	struct drac_ask ask = { 0 };
	size_t count = 1;

	if (server->host != NULL)
		count = find_addrs(server->host, timeout_ms, addrs);
	if (count == 0)
		return DRAC_CTL_FAILED;
	for (size_t i = 0; i == 0 || (i < count && !is_settled(ask.error));
	     i++) {
		ask = (struct drac_ask){ .name = server->name,
			.socket =
			    server->host == NULL ? ctl->conf.socket : NULL,
			.host = addrs[i],
			.port = server->port,
			.tcp = ctl->tcp };
		(void)drac_client_add(&ask, 1, &ctl->addr, timeout_ms);
	}
	return report(ctl, &ask);
}

enum drac_ctl_status
drac_ctl_ask(struct drac_ctl *ctl)
{
	struct drac_conf scratch;
	const struct drac_server *server;
	enum drac_ctl_status status = DRAC_CTL_USAGE;

	if (drac_conf_init(&scratch) == -1) {
		drac_ctl_complain("out of memory");
		return DRAC_CTL_FAILED;
	}
	server = read_server(ctl->server, &scratch);
	if (server != NULL && server->host == NULL && ctl->tcp)
		drac_ctl_complain("ask local takes no --tcp");
	else if (server != NULL)
		status = ask_server(ctl, server);
	drac_conf_free(&scratch);
	return status;
}
