/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The whole of our test framework. A test is a function; a check that
 * fails prints where and goes on. Each test prints one line, `ok NAME`,
 * `FAIL NAME` or, where this place cannot do it, `skip NAME: reason`, which
 * tests/run counts.
 */
#ifndef DRAC_TEST_H
#define DRAC_TEST_H

#include <stdio.h>
#include <string.h>

static int test_failures;
static const char *test_skipped; /* the reason, set by the running test */

#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition)) {                                            \
			printf("  %s:%d: not so: %s\n", __FILE__, __LINE__,    \
			    #condition);                                       \
			test_failures++;                                       \
		}                                                              \
	} while (0)

/* The same with a few words on which row of a table it was. */
#define CHECK_ROW(condition, row)                                              \
	do {                                                                   \
		if (!(condition)) {                                            \
			printf("  %s:%d: [%s] not so: %s\n", __FILE__,         \
			    __LINE__, (row), #condition);                      \
			test_failures++;                                       \
		}                                                              \
	} while (0)

#define RUN(function)                                                          \
	do {                                                                   \
		int before_ = test_failures;                                   \
		test_skipped = NULL;                                           \
		function();                                                    \
		if (test_failures == before_ && test_skipped != NULL)          \
			printf("skip " #function ": %s\n", test_skipped);      \
		else                                                           \
			printf("%s " #function "\n",                           \
			    test_failures == before_ ? "ok" : "FAIL");         \
		fflush(stdout);                                                \
	} while (0)

#define TEST_RESULT() (test_failures == 0 ? 0 : 1)

#endif
