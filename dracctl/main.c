/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * dracctl [-c CONF] VERB: the command line, the configuration, the exit
 * status.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dracctl.h"

#define LIFETIME_MAX_S 31536000

static const char usage_text[] =
    "usage: dracctl [-c CONF] VERB\n"
    "\n"
    "  init [--daemon]             make the directory and the map, for root\n"
    "                              or for the user of rpc.dracd\n"
    "  list [--json]               every entry, expired ones too\n"
    "  show ADDR [--json]          is ADDR authorised now?\n"
    "  add ADDR [--lifetime TIME]  authorise ADDR; never shortens an entry\n"
    "                              unless TIME (90s, 30m, 2h, 1d) is given\n"
    "  drop ADDR | --all           take an authorisation back\n"
    "  sweep [--limit N]           remove what has expired\n"
    "  status [--json]             what rpc.dracd has done so far\n"
    "  ask SERVER ADDR [--tcp]     have a server authorise ADDR, as a mail\n"
    "                              server does; SERVER: local, HOST[:PORT]\n"
    "\n"
    "  -c, --conf CONF   configuration, default " DRAC_CONF_PATH "\n"
    "  -q, --quiet       after init, add, drop, sweep: say only what is wrong\n"
    "  -h, --help        this text\n"
    "  -V, --version     the version\n"
    "\n"
    "exit status: 0 yes or done, 1 no, 2 usage, 3 could not\n";

struct verb {
	const char *name;
	const char *takes;    /* letters of verb_options */
	const char *operands; /* s: server, a: address */
	enum drac_ctl_status (*run)(struct drac_ctl *ctl);
};

static const struct verb verbs[] = {
	{ "init", "dq", "", drac_ctl_init },
	{ "list", "j", "", drac_ctl_list },
	{ "show", "j", "a", drac_ctl_show },
	{ "add", "lq", "a", drac_ctl_add },
	{ "drop", "aq", "a", drac_ctl_drop },
	{ "sweep", "nq", "", drac_ctl_sweep },
	{ "status", "j", "", drac_ctl_status },
	{ "ask", "t", "sa", drac_ctl_ask },
};

static const struct option main_options[] = {
	{ "conf", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static const struct option verb_options[] = {
	{ "all", no_argument, NULL, 'a' },
	{ "daemon", no_argument, NULL, 'd' },
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ "lifetime", required_argument, NULL, 'l' },
	{ "limit", required_argument, NULL, 'n' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "tcp", no_argument, NULL, 't' },
	{ NULL, 0, NULL, 0 },
};

static int
parse_lifetime(const char *text, unsigned *lifetime_s)
{
	uint64_t ms;
	const char *what = NULL;

	if (drac_duration_parse(text, &ms) == -1)
		what = "not a duration";
	else if (ms % 1000 != 0)
		what = "not whole seconds";
	else if (ms == 0 || ms / 1000 > LIFETIME_MAX_S)
		what = "not 1s to 365d";
	if (what != NULL) {
		drac_ctl_complain("--lifetime: %s: %s", what, text);
		return -1;
	}
	*lifetime_s = (unsigned)(ms / 1000);
	return 0;
}

static int
parse_limit(const char *text, uint64_t *limit)
{
	unsigned long long value;

	errno = 0;
	value = strtoull(text, NULL, 10);
	if (text[strspn(text, "0123456789")] != '\0' || errno != 0 ||
	    value == 0) {
		drac_ctl_complain("--limit: not a number from 1: %s", text);
		return -1;
	}
	*limit = value;
	return 0;
}

static const char *
option_name(int letter)
{
	const struct option *option = verb_options;

	while (option->val != letter)
		option++;
	return option->name;
}

static int
set_option(struct drac_ctl *ctl, const struct verb *verb, int letter)
{
	if (strchr(verb->takes, letter) == NULL) {
		drac_ctl_complain("%s takes no --%s", verb->name,
		    option_name(letter));
		return -1;
	}
	switch (letter) {
	case 'a':
		ctl->all = true;
		return 0;
	case 'd':
		ctl->daemon = true;
		return 0;
	case 'j':
		ctl->json = true;
		return 0;
	case 'l':
		return parse_lifetime(optarg, &ctl->lifetime_s);
	case 'n':
		return parse_limit(optarg, &ctl->limit);
	case 't':
		ctl->tcp = true;
		return 0;
	default:
		ctl->quiet = true;
		return 0;
	}
}

/* What the options leave of the command line. */
static int
set_operands(struct drac_ctl *ctl, const struct verb *verb, int count,
    char **operand)
{
	static const char *const wanted[] = { "no operand", "one address",
		"a server and an address" };
	const char *letters = ctl->all ? "" : verb->operands;

	if ((size_t)count != strlen(letters)) {
		drac_ctl_complain("%s%s takes %s", verb->name,
		    ctl->all ? " --all" : "", wanted[strlen(letters)]);
		return -1;
	}
	for (; *letters != '\0'; letters++, operand++) {
		if (*letters == 's') {
			ctl->server = *operand;
		} else if (drac_addr_parse(*operand, &ctl->addr) == -1) {
			drac_ctl_complain("not an address: %s", *operand);
			return -1;
		}
	}
	return 0;
}

/*
 * The command line is read in two halves, each with a function that
 * returns 1 to go on, 0 when the user only wanted to be told something,
 * -1 after a complaint. getopt_long complains by itself, under the name
 * in the first argument.
 */
static char program_name[] = "dracctl";

static int
read_verb_line(struct drac_ctl *ctl, const struct verb *verb, int argc,
    char **argv)
{
	int letter;

	argv[0] = program_name;
	optind = 0;
	while ((letter = getopt_long(argc, argv, "hq", verb_options, NULL)) !=
	       -1) {
		if (letter == 'h') {
			drac_ctl_say("%s", usage_text);
			return 0;
		}
		if (letter == 'a' && strcmp(argv[optind - 1], "--all") != 0) {
			drac_ctl_complain("--all is to be written in full: %s",
			    argv[optind - 1]);
			return -1;
		}
		if (letter == '?' || set_option(ctl, verb, letter) == -1)
			return -1;
	}
	return set_operands(ctl, verb, argc - optind, argv + optind) == 0 ? 1
									  : -1;
}

static int
read_main_line(const char **conf_path, int argc, char **argv)
{
	int letter;

	argv[0] = program_name;
	while ((letter = getopt_long(argc, argv, "+c:hV", main_options,
		    NULL)) != -1) {
		switch (letter) {
		case 'c':
			*conf_path = optarg;
			break;
		case 'h':
			drac_ctl_say("%s", usage_text);
			return 0;
		case 'V':
			drac_ctl_say("dracctl %s\n", DRAC_VERSION);
			return 0;
		default:
			return -1;
		}
	}
	return 1;
}

static const struct verb *
find_verb(const char *name)
{
	size_t i;

	if (name == NULL) {
		drac_ctl_complain("no verb (dracctl --help tells them all)");
		return NULL;
	}
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	drac_ctl_complain("unknown verb: %s (dracctl --help tells them all)",
	    name);
	return NULL;
}

static void
report_conf_error(const char *text, void *arg)
{
	int *errors = arg;

	(*errors)++;
	drac_ctl_complain("%s", text);
}

/* A file that was asked for must be there; the default one need not. */
static int
load_conf(struct drac_ctl *ctl, const char *path)
{
	int errors = 0;

	if (drac_conf_init(&ctl->conf) == -1) {
		drac_ctl_complain("configuration: %s", strerror(errno));
		return -1;
	}
	if (drac_conf_load(&ctl->conf, path != NULL ? path : DRAC_CONF_PATH,
		report_conf_error, &errors) == -1 &&
	    (errno != ENOENT || path != NULL)) {
		if (errors == 0)
			drac_ctl_complain("%s: %s",
			    path != NULL ? path : DRAC_CONF_PATH,
			    strerror(errno));
		drac_conf_free(&ctl->conf);
		return -1;
	}
	drac_conf_store_opts(&ctl->conf, &ctl->opts);
	return 0;
}

static enum drac_ctl_status
run(struct drac_ctl *ctl, int argc, char **argv)
{
	const char *conf_path = NULL;
	const struct verb *verb;
	enum drac_ctl_status status;
	int go_on = read_main_line(&conf_path, argc, argv);

	if (go_on != 1)
		return go_on == 0 ? DRAC_CTL_YES : DRAC_CTL_USAGE;
	argc -= optind;
	argv += optind;
	verb = find_verb(argv[0]);
	if (verb == NULL)
		return DRAC_CTL_USAGE;
	go_on = read_verb_line(ctl, verb, argc, argv);
	if (go_on != 1)
		return go_on == 0 ? DRAC_CTL_YES : DRAC_CTL_USAGE;
	if (load_conf(ctl, conf_path) == -1)
		return DRAC_CTL_FAILED;
	status = verb->run(ctl);
	drac_link_close(ctl->link);
	drac_store_close(ctl->store);
	drac_conf_free(&ctl->conf);
	return status;
}

/*
 * With stdin, stdout or stderr closed the map would be opened under that
 * number, and what the tool prints would go into it. What is put there
 * cannot be written to, so that printing fails as it should.
 */
static int
occupy_standard_descriptors(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 &&
		    open("/dev/null", O_RDONLY) != fd)
			return -1;
	return 0;
}

int
main(int argc, char **argv)
{
	struct drac_ctl ctl = { .now = time(NULL) };

	if (occupy_standard_descriptors() == -1)
		return DRAC_CTL_FAILED;
	signal(SIGPIPE, SIG_IGN);
	return drac_ctl_finish(run(&ctl, argc, argv));
}
