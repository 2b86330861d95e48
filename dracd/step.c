/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Has the clock been set? timerfd_create(2) wakes the loop when it was, and
 * when the host was asleep; two clocks side by side tell by how much.
 */

#include <sys/timerfd.h>

#include <errno.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "dracd.h"

#define LEAST_MS 1000

/* How far the time of day is ahead of a clock that nobody sets. */
static int64_t
ahead_ms(void)
{
	struct timespec day, boot;

	clock_gettime(CLOCK_REALTIME, &day);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	return (int64_t)(day.tv_sec - boot.tv_sec) * 1000 +
	       (day.tv_nsec - boot.tv_nsec) / 1000000;
}

/* It never expires, but is cancelled whenever the clock is set. */
static int
arm(int fd)
{
	struct itimerspec never = { .it_value.tv_sec = INT64_MAX };

	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
	    &never, NULL);
}

int
drac_step_open(struct drac_step *step)
{
	step->ahead_ms = ahead_ms();
	step->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (step->fd == -1)
		return -1;
	if (arm(step->fd) == 0)
		return 0;
	drac_step_close(step);
	return -1;
}

time_t
drac_step_seen(struct drac_step *step)
{
	int64_t ahead = ahead_ms();
	int64_t by_ms = ahead - step->ahead_ms;
	uint64_t times;

	if (step->fd != -1 && read(step->fd, &times, sizeof(times)) == -1 &&
	    errno == ECANCELED)
		(void)arm(step->fd);
	if (by_ms < LEAST_MS && by_ms > -LEAST_MS)
		return 0;
	step->ahead_ms = ahead;
	return (time_t)(by_ms / 1000);
}

void
drac_step_close(struct drac_step *step)
{
	int saved = errno;

	if (step->fd != -1)
		(void)close(step->fd);
	step->fd = -1;
	errno = saved;
}
