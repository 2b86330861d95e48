/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * drac-login: the address of a login that somebody else has checked,
 * recorded as pam_drac would, and then the command behind it. That one
 * inherits all that we were given, as we were given it; so nothing is
 * changed in this process that is not put back, and every descriptor of
 * ours is close-on-exec. It runs whatever became of the recording, unless
 * the configuration is strict.
 */

#include <sys/auxv.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "breaker.h"
#include "drac-login.h"
#include "sys.h"

static const char usage_text[] =
    "usage: drac-login [-c CONF] -a ADDRESS | -e VARIABLE [-u USER]\n"
    "                  [-s SERVICE] [--] [COMMAND [ARGUMENT ...]]\n"
    "       drac-login [-c CONF] [-s SERVICE] -l\n"
    "\n"
    "Record the address of a login, then run COMMAND whatever came of it.\n"
    "\n"
    "  -a ADDRESS    the address\n"
    "  -e VARIABLE   the environment variable that has it\n"
    "  -l            many logins, from standard input: lines\n"
    "                ADDRESS [USER [SERVICE]]\n"
    "  -u USER       for the log, users= and deny_users=, default $USER\n"
    "  -s SERVICE    for the log and for services=, default login\n"
    "\n"
    "  -c, --conf CONF   configuration, default " DRAC_CONF_PATH "\n"
    "  -h, --help        this text\n"
    "  -V, --version     the version\n"
    "\n"
    "exit status without COMMAND: 0 recorded, 1 not to be recorded, 2 usage,\n"
    "3 could not\n";

static const struct option long_options[] = {
	{ "conf", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

void
drac_post_begin(struct drac_login *login, const struct drac_conf *conf,
    struct drac_post_speaker *speaker)
{
	login->conf = conf;
	login->say = drac_post_say;
	login->say_arg = speaker;
	login->hosts = DRAC_LOGIN_HOSTS;
	login->breaker_dir = DRAC_BREAKER_DIR;
	login->now = time(NULL);
	login->boot = (time_t)(drac_sys_boot_ms() / 1000);
	login->level = DRAC_LOGIN_INFO;
}

/* 1 to go on, 0 when that was all, -1 after a complaint. */
static int
set_option(struct drac_post_options *options, int letter)
{
	switch (letter) {
	case 'a':
		options->address = optarg;
		return 1;
	case 'c':
		options->conf_path = optarg;
		return 1;
	case 'e':
		options->variable = optarg;
		return 1;
	case 'l':
		options->list = true;
		return 1;
	case 's':
		options->service = optarg;
		return 1;
	case 'u':
		options->user = optarg;
		return 1;
	case 'h':
		fputs(usage_text, stdout);
		return 0;
	case 'V':
		puts("drac-login " DRAC_VERSION);
		return 0;
	default:
		return -1;
	}
}

/* What only all options together can tell. */
static const char *
what_is_wrong(const struct drac_post_options *options)
{
	bool from = options->address != NULL || options->variable != NULL;

	if (options->list && (from || options->user != NULL))
		return "-l takes no -a, -e and -u";
	if (options->list && *options->command != NULL)
		return "-l takes no command";
	if (options->list)
		return NULL;
	if (!from)
		return "one of -a, -e and -l is needed";
	if (options->address != NULL && options->variable != NULL)
		return "-a and -e exclude each other";
	if (options->variable != NULL &&
	    (*options->variable == '\0' ||
		strchr(options->variable, '=') != NULL))
		return "-e: not the name of a variable";
	return NULL;
}

static int
read_options(struct drac_post_options *options, int argc, char **argv)
{
	static char name[] = "drac-login"; /* under which getopt complains */
	const char *wrong;
	int letter, go_on = 1;

	if (argc > 0)
		argv[0] = name;
	while (go_on == 1 && (letter = getopt_long(argc, argv, "+a:c:e:hls:u:V",
				  long_options, NULL)) != -1)
		go_on = set_option(options, letter);
	if (go_on != 1)
		return go_on;
	options->command = argv + optind;
	wrong = what_is_wrong(options);
	if (wrong == NULL)
		return 1;
	drac_post_complain("%s (drac-login -h tells more)", wrong);
	return -1;
}

static int
locate(struct drac_login *login, const struct drac_post_options *options)
{
	const char *name = options->variable;
	const char *text = name != NULL ? getenv(name) : options->address;
	char word[DRAC_LOGIN_WORD];
	struct drac_addr addr;

	if (text == NULL || *text == '\0') {
		drac_why_set(&login->why, "no remote host%s%s",
		    name != NULL ? " in " : "", name != NULL ? name : "");
		return -1;
	}
	if (drac_addr_parse(text, &addr) == 0) {
		drac_login_found(login, &addr);
		return 0;
	}
	drac_login_word(text, word);
	login->level = DRAC_LOGIN_WARNING;
	if (name != NULL)
		drac_why_set(&login->why, "%s=\"%s\" is not an address", name,
		    word);
	else
		drac_why_set(&login->why,
		    "remote host \"%s\" is not an address", word);
	return -1;
}

static const char *
user_of(const struct drac_post_options *options)
{
	const char *user = options->user;

	if (user == NULL && !options->list)
		user = getenv("USER");
	return user != NULL ? user : "";
}

static enum drac_outcome
authorise(struct drac_login *login, const struct drac_post_options *options)
{
	enum drac_outcome outcome;
	struct drac_mark *mark;

	if (!drac_login_serves(login, options->service) ||
	    !drac_login_admits(login, user_of(options)) ||
	    locate(login, options) == -1 || !drac_login_may_record(login))
		return DRAC_REFUSED;
	mark = drac_login_mark(login);
	if (mark == NULL)
		return DRAC_FAILED;
	outcome = drac_login_record(login, mark);
	free(mark);
	return outcome;
}

static int
load(struct drac_conf *conf, const struct drac_post_options *options,
    struct drac_post_speaker *speaker)
{
	int result;

	speaker->log.lines = DRAC_LOG_LINES;
	result = drac_conf_load_named(conf, options->conf_path,
	    drac_post_say_error, speaker);
	if (result == 0)
		speaker->log.lines = DRAC_LOG_NO_LIMIT;
	speaker->debug = conf->debug;
	return result;
}

static enum drac_post_status
attend(struct drac_conf *conf, const struct drac_post_options *options,
    struct drac_post_speaker *speaker)
{
	static const enum drac_post_status status[] = {
		[DRAC_RECORDED] = DRAC_POST_DONE,
		[DRAC_REFUSED] = DRAC_POST_NOT,
		[DRAC_FAILED] = DRAC_POST_FAILED,
	};
	struct drac_login login = { .user = "" };
	enum drac_outcome outcome = DRAC_FAILED;
	bool loaded = load(conf, options, speaker) == 0;

	if (loaded && options->list)
		return drac_post_list(conf, options->service, speaker);
	drac_post_begin(&login, conf, speaker);
	drac_login_word(user_of(options), login.user);
	drac_login_word(options->service, login.service);
	if (loaded) {
		outcome = authorise(&login, options);
	} else {
		login.level = DRAC_LOGIN_ERR;
		drac_why_set(&login.why, "the configuration is broken");
	}
	drac_login_conclude(&login, outcome);
	return status[outcome];
}

/* *strict: who is not recorded is not let in. */
static enum drac_post_status
record(const struct drac_post_options *options,
    struct drac_post_speaker *speaker, bool *strict)
{
	enum drac_post_status status = DRAC_POST_FAILED;
	struct drac_conf conf;

	*strict = false;
	if (drac_conf_init(&conf) == -1) {
		drac_post_tell(speaker, DRAC_LOGIN_ERR,
		    "not recorded: out of memory");
		return status;
	}
	status = attend(&conf, options, speaker);
	*strict = conf.strict;
	drac_conf_free(&conf);
	return status;
}

static enum drac_post_status
run(const struct drac_post_options *options)
{
	bool alone = *options->command == NULL, strict;
	struct drac_post_speaker speaker = {
		.terminal = alone && isatty(STDERR_FILENO)
	};
	enum drac_post_status status;
	int saved;

	drac_post_open_log(&speaker);
	status = record(options, &speaker, &strict);
	drac_log_end(&speaker.log);
	if (alone || (strict && status == DRAC_POST_FAILED))
		return status;
	(void)execvp(*options->command, options->command);
	saved = errno;
	speaker.terminal = isatty(STDERR_FILENO);
	speaker.log.lines = DRAC_LOG_NO_LIMIT;
	drac_post_tell(&speaker, DRAC_LOGIN_ERR, "%s: %s", *options->command,
	    strerrordesc_np(saved));
	return DRAC_POST_FAILED;
}

/*
 * What we open must not get the number of a standard descriptor that the
 * command is to find closed, or somebody may print into it.
 */
static void
occupy_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1)
			(void)open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int
main(int argc, char **argv)
{
	struct drac_post_options options = { .service = "login" };
	int go_on;

	occupy_standard_descriptors();
	if (getauxval(AT_SECURE) != 0) {
		drac_post_complain("does not run setuid or setgid");
		return DRAC_POST_FAILED;
	}
	go_on = read_options(&options, argc, argv);
	if (go_on == 1)
		return run(&options);
	if (go_on == 0 && fflush(stdout) == 0)
		return DRAC_POST_DONE;
	return go_on == 0 ? DRAC_POST_FAILED : DRAC_POST_USAGE;
}
