/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * ask: tell one server of an address exactly as a mail server would, and
 * what it answered.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dracctl.h"

/* Shorter would tell little about a server that is far away. */
#define TIMEOUT_MIN_MS 5000u

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
	if (ask->socket != NULL && ask->reply.expiry == 0) {
		drac_ctl_complain("%s: %s", ask->name, ask->reply.why.text);
		return DRAC_CTL_NO;
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
	struct drac_ask ask = { .name = server->name,
		.port = server->port,
		.transport =
		    ctl->tcp ? DRAC_TRANSPORT_TCP : DRAC_TRANSPORT_ANY };
	struct drac_why why;

	/* As the module does it: the DNS may say otherwise, or be slow. */
	if (server->host == NULL)
		ask.socket = ctl->conf.socket;
	else if (drac_client_find("/etc/hosts", server->host, &ask, &why) == -1)
		return drac_ctl_failed(&why);
	(void)drac_client_add(&ask, 1, &ctl->addr, timeout_ms);
	return report(ctl, &ask);
}

enum drac_ctl_status
drac_ctl_ask(struct drac_ctl *ctl)
{
	struct drac_conf scratch;
	const struct drac_server *server;
	enum drac_ctl_status status = DRAC_CTL_USAGE;

	/* No server would, though an old one may say yes. */
	if (!drac_ctl_may_be_recorded(ctl))
		return DRAC_CTL_NO;
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
