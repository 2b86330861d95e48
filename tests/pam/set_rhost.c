/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A PAM module for the tests: an account line with it sets PAM_RHOST to its
 * argument, or takes it away without one, as a mail server might have done.
 */

#include <security/pam_modules.h>
#include <stddef.h>

__attribute__((visibility("default"))) int
pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags;
	(void)pam_set_item(pamh, PAM_RHOST, argc > 0 ? argv[0] : NULL);
	return PAM_IGNORE;
}
