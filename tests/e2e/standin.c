/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Stand-ins for mail servers that Debian does not have: started from inetd,
 * they speak as much POP3 or IMAP as a login takes and call PAM as the real
 * ones do, in their order, with their flags and items.
 *
 *	standin uw-pop | uw-imap | qpopper
 *
 * uw: UW and Panda ipop3d and imapd. The user is looked up first, PAM_RHOST
 * is the numeric peer; a wrong password ends with PAM_DELETE_CRED, and so
 * does the session, as the user.
 *
 * qpopper: Qpopper 4. PAM_TTY and PAM_RHOST, the latter a name from the DNS,
 * are set when all calls are over.
 */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	LINE = 1024,
	WORD = 256,
	IDLE_S = 60
};

struct login {
	char user[WORD];
	char password[WORD];
	char peer[NI_MAXHOST];
	char name[NI_MAXHOST];
	pam_handle_t *pam;
};

struct server {
	const char *name;
	const char *service;
	const char *greeting;
	int (*serve)(const struct server *, struct login *);
	int (*check)(const char *service, struct login *);
	void (*leave)(struct login *);
};

static int answer_password(int count, const struct pam_message **messages,
    struct pam_response **responses, void *login);
static int check_uw(const char *service, struct login *login);
static void leave_uw(struct login *login);
static int check_qpopper(const char *service, struct login *login);
static void leave_qpopper(struct login *login);
static int serve_pop(const struct server *server, struct login *login);
static int serve_imap(const struct server *server, struct login *login);
static int find_peer(struct login *login);

static const struct server servers[] = {
	{ "uw-pop", "pop", "+OK POP3 stand-in for ipop3d", serve_pop, check_uw,
	    leave_uw },
	{ "uw-imap", "imap", "* OK IMAP4rev1 stand-in for imapd", serve_imap,
	    check_uw, leave_uw },
	{ "qpopper", "qpopper", "+OK stand-in for Qpopper", serve_pop,
	    check_qpopper, leave_qpopper },
};

static void
say(const char *text)
{
	printf("%s\r\n", text);
	fflush(stdout);
}

/* One line without its end; 0 at the end of input or when it is too long. */
static int
hear(char line[LINE])
{
	size_t length;

	(void)alarm(IDLE_S);
	if (fgets(line, LINE, stdin) == NULL)
		return 0;
	(void)alarm(0);
	length = strcspn(line, "\r\n");
	if (line[length] == '\0')
		return 0;
	line[length] = '\0';
	return 1;
}

/* UW: the name is known to the system or PAM is not asked. */
static int
check_uw(const char *service, struct login *login)
{
	const struct pam_conv conv = { answer_password, login };
	int status;

	if (getpwnam(login->user) == NULL)
		return 0;
	if (pam_start(service, login->user, &conv, &login->pam) != PAM_SUCCESS)
		return 0;
	status = pam_set_item(login->pam, PAM_RHOST, login->peer);
	if (status == PAM_SUCCESS)
		status = pam_authenticate(login->pam, 0);
	if (status == PAM_SUCCESS)
		status = pam_acct_mgmt(login->pam, 0);
	if (status == PAM_SUCCESS)
		status = pam_setcred(login->pam, PAM_ESTABLISH_CRED);
	if (status == PAM_SUCCESS)
		return 1;
	(void)pam_setcred(login->pam, PAM_DELETE_CRED);
	(void)pam_end(login->pam, PAM_SUCCESS);
	login->pam = NULL;
	return 0;
}

/* At logout the process has become the user. */
static void
leave_uw(struct login *login)
{
	const struct passwd *user = getpwnam(login->user);

	if (user == NULL || initgroups(user->pw_name, user->pw_gid) != 0 ||
	    setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)
		return;
	(void)pam_setcred(login->pam, PAM_DELETE_CRED);
	(void)pam_end(login->pam, PAM_SUCCESS);
}

static int
check_qpopper(const char *service, struct login *login)
{
	const struct pam_conv conv = { answer_password, login };
	int status;

	if (getpwnam(login->user) == NULL)
		return 0;
	if (pam_start(service, login->user, &conv, &login->pam) != PAM_SUCCESS)
		return 0;
	status = pam_authenticate(login->pam, 0);
	if (status == PAM_SUCCESS)
		status = pam_acct_mgmt(login->pam, 0);
	if (status == PAM_SUCCESS)
		status = pam_setcred(login->pam, PAM_ESTABLISH_CRED);
	(void)pam_set_item(login->pam, PAM_TTY, login->peer);
	(void)pam_set_item(login->pam, PAM_RHOST, login->name);
	(void)pam_end(login->pam, status);
	login->pam = NULL;
	return status == PAM_SUCCESS;
}

static void
leave_qpopper(struct login *login)
{
	(void)login;
}

static int
answer_password(int count, const struct pam_message **messages,
    struct pam_response **responses, void *arg)
{
	const struct login *login = arg;
	struct pam_response *all;

	if (count < 1 || count > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	all = calloc((size_t)count, sizeof(*all));
	if (all == NULL)
		return PAM_BUF_ERR;
	for (int i = 0; i < count; i++)
		if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
			all[i].resp = strdup(login->password);
	*responses = all;
	return PAM_SUCCESS;
}

/* 1 when the client may go on to its mail. */
static int
serve_pop(const struct server *server, struct login *login)
{
	char line[LINE];

	while (hear(line)) {
		if (sscanf(line, "USER %255s", login->user) == 1) {
			say("+OK password, please");
		} else if (sscanf(line, "PASS %255[^\n]", login->password) ==
			   1) {
			if (server->check(server->service, login)) {
				say("+OK mailbox open, 0 messages");
				return 1;
			}
			say("-ERR bad login");
		} else {
			say("+OK bye");
			return 0;
		}
	}
	return 0;
}

static int
serve_imap(const struct server *server, struct login *login)
{
	char line[LINE], tag[WORD];

	while (hear(line) &&
	       sscanf(line, "%255s LOGIN \"%255[^\"]\" \"%255[^\"]\"", tag,
		   login->user, login->password) == 3) {
		if (server->check(server->service, login)) {
			printf("%s OK LOGIN completed\r\n", tag);
			fflush(stdout);
			return 1;
		}
		printf("%s NO LOGIN failed\r\n", tag);
		fflush(stdout);
	}
	return 0;
}

/* The name is the number when the address has none. */
static int
find_peer(struct login *login)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);

	if (getpeername(STDIN_FILENO, (struct sockaddr *)&peer, &length) != 0)
		return 0;
	if (getnameinfo((struct sockaddr *)&peer, length, login->peer,
		sizeof(login->peer), NULL, 0, NI_NUMERICHOST) != 0)
		return 0;
	return getnameinfo((struct sockaddr *)&peer, length, login->name,
		   sizeof(login->name), NULL, 0, 0) == 0;
}

static const struct server *
find_server(const char *name)
{
	for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++)
		if (strcmp(servers[i].name, name) == 0)
			return &servers[i];
	return NULL;
}

int
main(int argc, char **argv)
{
	const struct server *server = argc == 2 ? find_server(argv[1]) : NULL;
	static struct login login;
	char line[LINE];

	if (server == NULL || !find_peer(&login)) {
		fprintf(stderr, "usage, from inetd: standin uw-pop | uw-imap "
				"| qpopper\n");
		return 2;
	}
	say(server->greeting);
	if (!server->serve(server, &login))
		return 1;
	(void)hear(line);
	server->leave(&login);
	return 0;
}
