/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libFuzzer: any text as a configuration file, and as one argument. The
 * values stay in range whatever comes, a refusal has a sentence, and each
 * sentence is printable.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static void
must_be_printable(const char *text)
{
	must(*text != '\0');
	for (; *text != '\0'; text++)
		must(*text >= ' ' && *text <= '~');
}

static void
count_error(const char *text, void *arg)
{
	unsigned *errors = arg;

	must_be_printable(text);
	(*errors)++;
}

static void
must_be_in_range(const struct drac_conf *conf)
{
	must(conf->database[0] == '/');
	must(conf->lifetime_s >= 1 && conf->lifetime_s <= 31536000);
	must(conf->renew_s <= 31536000);
	must(conf->timeout_ms >= 10 && conf->timeout_ms <= 60000);
	must((conf->mode & 07133) == 0 && (conf->mode & 0600) == 0600);
	must((conf->services == NULL) == (conf->service_count == 0));
	must((conf->peer_ports == NULL) == (conf->peer_port_count == 0));
	for (size_t i = 0; i < conf->service_count; i++)
		must(conf->services[i][0] != '\0');
	for (size_t i = 0; i < conf->peer_port_count; i++)
		must(conf->peer_ports[i] != 0);
	for (size_t i = 0; i < conf->exclude.count; i++)
		must(drac_net_has(&conf->exclude.net[i],
		    &conf->exclude.net[i].addr));
}

static void
try_file(struct drac_conf *conf, char *text, size_t size)
{
	unsigned errors = 0;

	if (drac_conf_parse(conf, "f", text, size, count_error, &errors) == -1)
		must(errors > 0 && errno == EINVAL);
	else
		must(errors == 0 && conf->renew_s < conf->lifetime_s);
	must_be_in_range(conf);
}

static void
try_argument(struct drac_conf *conf, const char *text)
{
	struct drac_why why = { "" };

	if (drac_conf_argument(conf, text, &why) == -1) {
		must(errno == EINVAL);
		must_be_printable(why.text);
	}
	must_be_in_range(conf);
}

/* On top of what the file gave, so that values are replaced as well. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct drac_conf conf;
	char *text = malloc(size + 1), *argument = malloc(size + 1);

	if (text != NULL && argument != NULL && drac_conf_init(&conf) == 0) {
		memcpy(text, data, size);
		memcpy(argument, data, size);
		argument[size] = '\0';
		try_file(&conf, text, size);
		try_argument(&conf, argument);
		drac_conf_free(&conf);
	}
	free(text);
	free(argument);
	return 0;
}
