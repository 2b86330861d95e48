/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libFuzzer: any text as a PAM service, whose files the NULs in it part: the
 * first is the service, and the others are those that it may include as 1, 2
 * and so on. Every line can be gone to by every sort of login.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../dracctl/pam_stack.h"

#define WALKS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct files {
	const char *text;
	size_t size;
};

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static int
read_file(const char *name, char **text, char **path, void *arg)
{
	const struct files *files = arg;
	const char *at = files->text, *end = files->text + files->size;
	int number = atoi(name);

	while (number-- > 0 && at < end)
		at += strnlen(at, (size_t)(end - at)) + 1;
	if (at >= end)
		return 0;
	*text = strndup(at, (size_t)(end - at));
	*path = strdup(name);
	if (*text != NULL && *path != NULL)
		return 1;
	free(*text);
	free(*path);
	return -1;
}

static void
walk(const struct drac_pam_stack *stack, const struct drac_pam_line *line)
{
	struct drac_pam_fate fate;

	for (int login = DRAC_PAM_GOOD; login <= DRAC_PAM_REFUSED; login++) {
		drac_pam_walk(stack, line, (enum drac_pam_login)login, &fate);
		must(fate.too_many || fate.ends_well || fate.ends_badly);
		must(!fate.in_vain || (fate.called && fate.ends_badly));
		must(!fate.missed || fate.ends_well);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct files files = { (const char *)data, size };
	struct drac_pam_stack stack;
	int result = drac_pam_load(&stack, "0", read_file, &files);

	must(result != -1 || errno == EFBIG || errno == ENOMEM);
	if (result != 1)
		return 0;
	for (size_t i = 0; i < stack.count && i < WALKS_MAX; i++) {
		const struct drac_pam_line *line = &stack.line[i];

		must(line->group < DRAC_PAM_GROUPS && line->file != NULL);
		must(line->level <= DRAC_PAM_LEVELS);
		must(line->kind != DRAC_PAM_BROKEN || line->fault != NULL);
		must(line->kind != DRAC_PAM_MODULE || line->module != NULL);
		walk(&stack, line);
	}
	drac_pam_free(&stack);
	return 0;
}
