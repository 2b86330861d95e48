/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libdrac: tell a DRAC server that the user of an address has logged in,
 * so that the address may relay mail for a while. dracauth(3) has the
 * whole story.
 *
 * These are the functions of 1998 with the same meanings. Every call ends
 * within two seconds, whatever the server, its rpcbind or the DNS do. They
 * may be called from several threads; dracconn, dracsend and dracdisc keep
 * one connection a thread, those with a 6 another. After fork(2) a child
 * makes its own.
 *
 *   server   host name or numeric address, `HOST:PORT` and `[IPV6]:PORT`
 *            too, to do without the host's rpcbind; `local` or the path of
 *            a socket for the daemon of this host
 *   userip   an IPv4 address as in s_addr: network byte order
 *   userip6  16 octets as in s6_addr, network byte order
 *   errmsg   where a sentence is put when the result is not 0; NULL is
 *            allowed. It belongs to the library and lasts until the next
 *            call in the same thread.
 *
 * Result: 0 done; negative: no such server, no answer in time; positive:
 * what the server said, 1 permission denied, 2 its own failure.
 */
#ifndef DRAC_H
#define DRAC_H

#ifdef __cplusplus
extern "C" {
#endif

/* One address to one server. */
int dracauth(const char *server, unsigned long userip, char **errmsg);
int dracauth6(const char *server, const unsigned char *userip6, char **errmsg);

/* Several addresses to one server: connect, send each, disconnect. */
int dracconn(const char *server, char **errmsg);
int dracsend(unsigned long userip, char **errmsg);
int dracdisc(char **errmsg);
int dracconn6(const char *server, char **errmsg);
int dracsend6(const unsigned char *userip6, char **errmsg);
int dracdisc6(char **errmsg);

#ifdef __cplusplus
}
#endif

#endif
