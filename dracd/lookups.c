/* SPDX-License-Identifier: BSD-2-Clause */

/* What loop and thread share, and the thread's beginning and end. */

#include "lookups.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lookup_parts.h"
#include "sys.h"

/* Nothing lasts longer. */
#define DRAC_NEVER ((time_t)INT64_MAX)

/* The thread asks. */

struct drac_lookup_moment
drac_lookup_moment(const struct drac_lookups *lookups)
{
	int64_t heart_ms =
	    atomic_load_explicit(&lookups->heart_ms, memory_order_relaxed);
	struct timespec now;

	/* time(3) may be some milliseconds late. */
	clock_gettime(CLOCK_REALTIME, &now);
	return (struct drac_lookup_moment){ .now = now.tv_sec,
		.alive = (int64_t)drac_sys_boot_ms() - heart_ms <= DRAC_LOOKUP_HEART_MS };
}

/* 1 it is there, 0 it is not, -1 there is no table. */
static int
look(struct drac_lookups *lookups, const struct drac_addr *addr, time_t *expiry)
{
	struct drac_net net;
	int found = -1;

	pthread_mutex_lock(&lookups->lock);
	net = drac_cover_of(&lookups->cover, addr);
	if (lookups->table != NULL)
		found = drac_table_get(lookups->table, &net.addr, expiry);
	pthread_mutex_unlock(&lookups->lock);
	return found;
}

struct drac_lookup_said
drac_lookup_say(struct drac_lookups *lookups, const struct drac_addr *addr,
    const struct drac_lookup_moment *moment)
{
	struct drac_lookup_said said = { .answer = DRAC_LOOKUP_NOTFOUND };
	int found;

	if (addr->len == 0)
		return said;
	found = look(lookups, addr, &said.expiry);
	if (found == -1) {
		said.answer = DRAC_LOOKUP_TEMP;
		said.reason = "rpc.dracd is out of memory";
	} else if (!moment->alive) {
		said.answer = DRAC_LOOKUP_TEMP;
		said.reason = "rpc.dracd does not go on";
	} else if (found == 1 && said.expiry > moment->now) {
		said.answer = DRAC_LOOKUP_FOUND;
	}
	return said;
}

/* The loop tells. */

void
drac_lookups_beat(struct drac_lookups *lookups, int64_t now_ms)
{
	if (lookups != NULL)
		atomic_store_explicit(&lookups->heart_ms, now_ms,
		    memory_order_relaxed);
}

/* Of an address alone nothing but expiry counts, be it sooner than before. */
static bool
has_longer(const struct drac_table *table, const struct drac_net *net,
    time_t expiry, time_t now)
{
	time_t is;

	return drac_net_is_wide(net) &&
	       drac_table_get(table, &net->addr, &is) && is > expiry &&
	       is > now;
}

static int
change(const struct drac_lookups *lookups, const struct drac_addr *addr,
    time_t expiry, time_t now)
{
	struct drac_net net = drac_cover_of(&lookups->cover, addr);

	if (lookups->table == NULL ||
	    has_longer(lookups->table, &net, expiry, now))
		return 0;
	return drac_table_set(lookups->table, &net.addr, expiry);
}

int
drac_lookups_raise(struct drac_lookups *lookups, const struct drac_addr *addr,
    time_t expiry, time_t now)
{
	int result;

	if (lookups == NULL)
		return 0;
	pthread_mutex_lock(&lookups->lock);
	result = change(lookups, addr, expiry, now);
	pthread_mutex_unlock(&lookups->lock);
	if (result == 0)
		return 0;
	drac_lookups_learn(lookups, NULL);
	errno = ENOMEM;
	return -1;
}

int
drac_lookups_tell(struct drac_lookups *lookups, const struct drac_addr *addr,
    time_t expiry)
{
	return drac_lookups_raise(lookups, addr, expiry, DRAC_NEVER);
}

time_t
drac_lookups_get(struct drac_lookups *lookups, const struct drac_addr *addr,
    time_t now)
{
	time_t expiry = 0;

	return lookups != NULL && look(lookups, addr, &expiry) == 1 &&
		       expiry > now
		   ? expiry
		   : 0;
}

int
drac_lookups_cover(struct drac_lookups *lookups, const struct drac_conf *conf)
{
	struct drac_nets fresh = { 0 }, old;

	if (lookups == NULL)
		return 0;
	for (size_t i = 0; i < conf->exclude.count; i++)
		if (drac_nets_add(&fresh, &conf->exclude.net[i]) == -1) {
			drac_nets_free(&fresh);
			errno = ENOMEM;
			return -1;
		}
	pthread_mutex_lock(&lookups->lock);
	old = lookups->exclude;
	lookups->exclude = fresh;
	lookups->cover = drac_conf_cover(conf);
	lookups->cover.exclude = &lookups->exclude;
	pthread_mutex_unlock(&lookups->lock);
	drac_nets_free(&old);
	return 0;
}

int
drac_lookups_enter(struct drac_table *table, const struct drac_cover *cover,
    const struct drac_addr *addr, time_t expiry)
{
	struct drac_net net = drac_cover_of(cover, addr);

	return has_longer(table, &net, expiry, 0)
		   ? 0
		   : drac_table_set(table, &net.addr, expiry);
}

struct drac_table *
drac_lookups_table(void)
{
	struct drac_table_key key;

	if (getrandom(&key, sizeof key, GRND_INSECURE) != (ssize_t)sizeof key)
		return NULL;
	return drac_table_new(&key);
}

/* Freeing takes time, so it is done outside of the lock. */
void
drac_lookups_learn(struct drac_lookups *lookups, struct drac_table *table)
{
	struct drac_table *old;

	if (lookups == NULL)
		return;
	pthread_mutex_lock(&lookups->lock);
	old = lookups->table;
	lookups->table = table;
	pthread_mutex_unlock(&lookups->lock);
	drac_table_free(old);
}

/* Beginning and end */

static int
add_to_poll(struct drac_lookups *lookups, int fd, uint32_t way)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = way };

	return epoll_ctl(lookups->poll_fd, EPOLL_CTL_ADD, fd, &event);
}

static int
start_polling(struct drac_lookups *lookups)
{
	lookups->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	lookups->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (lookups->poll_fd == -1 || lookups->wake_fd == -1 ||
	    add_to_poll(lookups, lookups->wake_fd, DRAC_LOOKUP_SOCKETS_MAX) ==
		-1)
		return -1;
	for (size_t i = 0; i < lookups->socket_count; i++) {
		if (add_to_poll(lookups, lookups->sockets[i].fd, (uint32_t)i) ==
		    -1)
			return -1;
	}
	return 0;
}

static int
open_all(struct drac_lookups *lookups, const struct drac_conf *conf,
    const struct drac_lookup_fds *handed, struct drac_why *why)
{
	if (drac_lookup_sockets_open(lookups, conf, handed, why) == -1)
		return -1;
	if (start_polling(lookups) == 0)
		return 0;
	drac_why_set(why, "lookup: cannot poll: %s", strerror(errno));
	return -1;
}

int
drac_lookups_open(const struct drac_conf *conf,
    const struct drac_lookup_fds *handed, struct drac_lookups **lookups,
    struct drac_why *why)
{
	struct drac_lookups *made = calloc(1, sizeof *made);
	int result, saved;

	why->text[0] = '\0';
	*lookups = NULL;
	if (made == NULL) {
		for (size_t i = 0; i < handed->count; i++)
			(void)close(handed->fd[i]);
		drac_why_set(why, "out of memory");
		return -1;
	}
	made->poll_fd = made->wake_fd = -1;
	pthread_mutex_init(&made->lock, NULL);
	result = open_all(made, conf, handed, why);
	if (result == 0 && drac_lookups_cover(made, conf) == -1) {
		drac_why_set(why, "out of memory");
		result = -1;
	}
	if (result == 0 && made->socket_count > 0) {
		*lookups = made;
		return 0;
	}
	saved = errno;
	drac_lookups_close(made);
	errno = saved;
	return result;
}

/* No signal is for the thread. */
int
drac_lookups_start(struct drac_lookups *lookups, struct drac_why *why)
{
	sigset_t all, before;
	int error;

	drac_lookups_beat(lookups, (int64_t)drac_sys_boot_ms());
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error =
	    pthread_create(&lookups->thread, NULL, drac_lookup_thread, lookups);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	lookups->running = error == 0;
	if (error == 0)
		return 0;
	drac_why_set(why, "lookup: no thread: %s", strerror(error));
	errno = error;
	return -1;
}

static void
end_thread(struct drac_lookups *lookups)
{
	const uint64_t one = 1;

	if (!lookups->running)
		return;
	atomic_store(&lookups->ending, true);
	(void)!write(lookups->wake_fd, &one, sizeof one);
	pthread_join(lookups->thread, NULL);
}

void
drac_lookups_close(struct drac_lookups *lookups)
{
	if (lookups == NULL)
		return;
	end_thread(lookups);
	for (size_t i = 0; i < DRAC_LOOKUPS_MAX; i++)
		drac_lookup_conns_drop(lookups, i);
	drac_lookup_sockets_close(lookups);
	if (lookups->poll_fd != -1)
		(void)close(lookups->poll_fd);
	if (lookups->wake_fd != -1)
		(void)close(lookups->wake_fd);
	drac_table_free(lookups->table);
	drac_nets_free(&lookups->exclude);
	pthread_mutex_destroy(&lookups->lock);
	free(lookups);
}
