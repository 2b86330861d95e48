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

#include "check.h"
#include "dracctl.h"

#define LIFETIME_MAX_S 31536000
#define WAIT_MAX_MS    600000

static const char usage_text[] =
    "usage: dracctl [-c CONF] VERB\n"
    "\n"
    "  init [--daemon]             make the directory and the map, for root\n"
    "                              or for the user of rpc.dracd\n"
    "  list [--json]               every entry, expired ones too\n"
    "  list --closed [--json]      what is closed to logins, and until when\n"
    "  show ADDR [--json]          is ADDR authorised now?\n"
    "  add ADDR [--lifetime TIME]  authorise ADDR; never shortens an entry\n"
    "                              unless TIME (90s, 30m, 2h, 1d) is given\n"
    "  drop ADDR | --all           take an authorisation back\n"
    "        [--for TIME]          and keep it closed to logins for TIME;\n"
    "                              0s: no longer\n"
    "  sweep [--limit N]           remove what has expired; end an rpc.dracd\n"
    "        [--end-hung TIME]     that keeps the map and does not answer so long\n"
    "  status [--json]             what rpc.dracd has done so far\n"
    "  ask SERVER ADDR [--tcp]     have a server authorise ADDR, as a mail\n"
    "                              server does; SERVER: local, HOST[:PORT]\n"
    "  check [--pam SERVICE]...    what will not work, and what to do about it\n"
    "        [--json]\n"
    "  explain ADDR [--as SERVER]  what SERVER (postfix, sendmail, exim) makes\n"
    "        [--json]              of ADDR, and why\n"
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
	bool reads_conf;      /* by itself, for it may be broken */
	enum drac_ctl_status (*run)(struct drac_ctl *ctl);
};

static const struct verb verbs[] = {
	{ "init", "dq", "", false, drac_ctl_init },
	{ "list", "cj", "", false, drac_ctl_list },
	{ "show", "j", "a", false, drac_ctl_show },
	{ "add", "lq", "a", false, drac_ctl_add },
	{ "drop", "afq", "a", false, drac_ctl_drop },
	{ "sweep", "enq", "", false, drac_ctl_sweep },
	{ "status", "j", "", false, drac_ctl_status },
	{ "ask", "t", "sa", false, drac_ctl_ask },
	{ "check", "jpr", "", true, drac_ctl_check },
	{ "explain", "jrs", "a", false, drac_ctl_explain },
};

static const struct option main_options[] = {
	{ "conf", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static const struct option verb_options[] = {
	{ "all", no_argument, NULL, 'a' },
	{ "as", required_argument, NULL, 's' },
	{ "closed", no_argument, NULL, 'c' },
	{ "daemon", no_argument, NULL, 'd' },
	{ "end-hung", required_argument, NULL, 'e' },
	{ "for", required_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ "lifetime", required_argument, NULL, 'l' },
	{ "limit", required_argument, NULL, 'n' },
	{ "pam", required_argument, NULL, 'p' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "root", required_argument, NULL, 'r' },
	{ "tcp", no_argument, NULL, 't' },
	{ NULL, 0, NULL, 0 },
};

/* least: 0 or 1 second. */
static int
parse_span(const char *option, const char *text, unsigned least, unsigned *span)
{
	uint64_t ms;
	const char *what = NULL;

	if (drac_duration_parse(text, &ms) == -1)
		what = "not a duration";
	else if (ms % 1000 != 0)
		what = "not whole seconds";
	else if (ms / 1000 < least || ms / 1000 > LIFETIME_MAX_S)
		what = least == 0 ? "not 0s to 365d" : "not 1s to 365d";
	if (what != NULL) {
		drac_ctl_complain("--%s: %s: %s", option, what, text);
		return -1;
	}
	*span = (unsigned)(ms / 1000);
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

static int
add_pam(struct drac_ctl *ctl, const char *service)
{
	if (*service == '\0' || strchr(service, '/') != NULL) {
		drac_ctl_complain("--pam: not the name of a service: %s",
		    service);
		return -1;
	}
	if (ctl->pam_count == DRAC_CTL_PAM_MAX) {
		drac_ctl_complain("--pam: too many services");
		return -1;
	}
	ctl->pam[ctl->pam_count++] = service;
	return 0;
}

static int
set_as(struct drac_ctl *ctl, const char *name)
{
	static const char *const names[] = { "postfix", "sendmail", "exim" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0) {
			ctl->as = names[i];
			return 0;
		}
	drac_ctl_complain("--as: not postfix, sendmail or exim: %s", name);
	return -1;
}

/* Without the slash at its end, or `/' would be another root. */
static int
set_root(struct drac_ctl *ctl, char *dir)
{
	size_t length = strlen(dir);

	if (dir[0] != '/') {
		drac_ctl_complain("--root: not a full path: %s", dir);
		return -1;
	}
	while (length > 0 && dir[length - 1] == '/')
		dir[--length] = '\0';
	ctl->root = dir;
	return 0;
}

static int
parse_wait(const char *text, unsigned *wait_ms)
{
	uint64_t ms;

	if (drac_duration_parse(text, &ms) == -1 || ms < 1000 ||
	    ms > WAIT_MAX_MS) {
		drac_ctl_complain("--end-hung: not 1s to 10m: %s", text);
		return -1;
	}
	*wait_ms = (unsigned)ms;
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
	case 'c':
		ctl->closed = true;
		return 0;
	case 'd':
		ctl->daemon = true;
		return 0;
	case 'e':
		return parse_wait(optarg, &ctl->end_hung_ms);
	case 'j':
		ctl->json = true;
		return 0;
	case 'f':
		ctl->shut = true;
		return parse_span("for", optarg, 0, &ctl->shut_s);
	case 'l':
		return parse_span("lifetime", optarg, 1, &ctl->lifetime_s);
	case 'n':
		return parse_limit(optarg, &ctl->limit);
	case 'p':
		return add_pam(ctl, optarg);
	case 'r':
		return set_root(ctl, optarg);
	case 's':
		return set_as(ctl, optarg);
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
load_conf(struct drac_ctl *ctl)
{
	char *path = ctl->conf_path != NULL ? strdup(ctl->conf_path)
					    : drac_below(ctl, DRAC_CONF_PATH);
	int errors = 0, result = 0;

	if (path == NULL) {
		drac_ctl_complain("configuration: %s", strerror(errno));
		return -1;
	}
	if (drac_conf_load(&ctl->conf, path, report_conf_error, &errors) ==
		-1 &&
	    (errno != ENOENT || ctl->conf_path != NULL)) {
		if (errors == 0)
			drac_ctl_complain("%s: %s", path, strerror(errno));
		result = -1;
	}
	free(path);
	return result == 0 ? drac_below_map(ctl) : -1;
}

static enum drac_ctl_status
run_verb(struct drac_ctl *ctl, const struct verb *verb)
{
	enum drac_ctl_status status = DRAC_CTL_FAILED;

	if (drac_conf_init(&ctl->conf) == -1) {
		drac_ctl_complain("configuration: %s", strerror(errno));
		return DRAC_CTL_FAILED;
	}
	if (verb->reads_conf || load_conf(ctl) == 0)
		status = verb->run(ctl);
	drac_link_close(ctl->link);
	drac_store_close(ctl->store);
	free(ctl->map_path);
	drac_conf_free(&ctl->conf);
	return status;
}

static enum drac_ctl_status
run(struct drac_ctl *ctl, int argc, char **argv)
{
	const struct verb *verb;
	int go_on = read_main_line(&ctl->conf_path, argc, argv);

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
	return run_verb(ctl, verb);
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
	struct drac_ctl ctl = { .root = "", .now = time(NULL) };

	if (occupy_standard_descriptors() == -1)
		return DRAC_CTL_FAILED;
	drac_ctl_open_log();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a limit for files is an error */
	return drac_ctl_finish(run(&ctl, argc, argv));
}
