# SPDX-License-Identifier: BSD-2-Clause
#
# make            build module, daemon, library and tool into build/
# make demo       install what is missing, build, show the main job
# make check      install what is missing, build, run every test
# make check-quick   the same with the tests that need no mail server
# make bench      print a table of what a login's recording costs
# make install    DESTDIR, prefix, libdir, sysconfdir ... as usual
# SAN=1           with address and undefined-behaviour sanitizers

VERSION := 0.1.0

prefix        ?= /usr
exec_prefix   ?= $(prefix)
sbindir       ?= $(exec_prefix)/sbin
includedir    ?= $(prefix)/include
libdir        ?= $(exec_prefix)/lib/$(shell $(CC) -print-multiarch)
pamdir        ?= $(or $(shell pkg-config --variable=securedir pam 2>/dev/null),$(patsubst $(prefix)%,%,$(libdir))/security)
sysconfdir    ?= /etc
localstatedir ?= /var
mandir        ?= $(prefix)/share/man
docdir        ?= $(prefix)/share/doc/pam_drac
unitdir       ?= /lib/systemd/system
sysusersdir   ?= $(prefix)/lib/sysusers.d
tmpfilesdir   ?= $(prefix)/lib/tmpfiles.d

CC      ?= cc
CFLAGS  ?= -O2 -g
OBJCOPY ?= objcopy
INSTALL ?= install
B       := build$(if $(SAN),-san)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wcast-qual -Wformat=2 -Wwrite-strings \
	-Wnull-dereference -Wundef $(if $(CI),-Werror)
HARD := -fstack-protector-strong -D_FORTIFY_SOURCE=2
SANF := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
OWN  := -std=c17 -D_GNU_SOURCE -DDRAC_VERSION='"$(VERSION)"' \
	-DDRAC_SYSCONFDIR='"$(sysconfdir)"' -Ilib \
	-fPIC -fvisibility=hidden $(WARN) $(if $(SAN),$(SANF),$(HARD))
LINK := -Wl,-z,relro,-z,now $(if $(SAN),$(SANF))

LIB   := $(filter-out libdrac,$(basename $(notdir $(wildcard lib/*.c))))
CTL   := $(basename $(notdir $(wildcard dracctl/*.c)))
LOGIN := $(basename $(notdir $(wildcard login/*.c)))
DRACD := $(basename $(notdir $(wildcard dracd/*.c)))
DRAC  := libdrac client wire addr sys why
UNIT  := $(basename $(notdir $(wildcard tests/unit/*.c)))
MAN   := $(wildcard docs/*.[1-9])
CALLS := dracauth6 dracconn dracsend dracdisc dracconn6 dracsend6 dracdisc6
UNITS := $(wildcard conf/systemd/*)

# What the tests are: programs of ours, and scripts.
TESTS := $(UNIT:%=$(B)/tests/unit/%)
PAMT  := hooks stacks rhost rpc users daemon
STORE := damage locks pages
CTLT  := run check daemon login audit failclosed import
RPC   := start malformed reload kill descriptors
E2E   := units booted bounds busy rpc local attack old
FRONT := closed courier cyrus cyrus-events dovecot dovecot-hook mailutils perdition \
	popa3d qpopper solid-pop3d uw
BACK  := postfix sendmail sendmail-classic exim auth-postfix auth-sendmail \
	from-drac \
	courier-mta opensmtpd lookup-postfix lookup-exim lookup-sendmail check \
	prefixes

CORE   := $(B)/libdrac-core.a
PARTS  := $(B)/dracd.a
MODULE := $(B)/pam_drac.so
TOOL   := $(B)/dracctl.bin
POST   := $(B)/drac-login
DAEMON := $(B)/rpc.dracd
SHARED := $(B)/libdrac.so.1
STATIC := $(B)/libdrac.a
ALL    := $(MODULE) $(TOOL) $(POST) $(DAEMON) $(SHARED) $(STATIC)
TIRPC  := $(B)/dracd/portmap.o $(B)/tests/unit/wire_tirpc.o $(B)/tests/rpc/old.o

.SECONDARY:
.PHONY: all check check-quick quick all-tests demo bench install uninstall \
	clean dist deps programs
all: $(ALL)

$(TIRPC): CPPFLAGS += $(shell pkg-config --cflags libtirpc)
$(B)/tests/%.o: CPPFLAGS += -Idracd

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(OWN) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(PARTS): $(patsubst %,$(B)/dracd/%.o,$(filter-out main,$(DRACD)))
	rm -f $@ && $(AR) rcs $@ $^

$(CORE): $(LIB:%=$(B)/lib/%.o)
	rm -f $@ && $(AR) rcs $@ $^

# The module stays mapped once loaded (nodelete), or what it says once a process
# would be said at each login.
$(MODULE): $(patsubst %.c,$(B)/%.o,$(wildcard pam_drac*.c)) $(CORE) pam_drac.map
	$(CC) -shared $(LINK) -Wl,-z,nodelete -Wl,--version-script=pam_drac.map \
	    -Wl,--exclude-libs,ALL -Wl,-z,defs $(LDFLAGS) -o $@ \
	    $(filter %.o,$^) $(CORE) -lpam

$(TOOL): $(CTL:%=$(B)/dracctl/%.o) $(CORE)
	$(CC) $(LINK) $(LDFLAGS) -o $@ $^ -ldb

$(POST): $(LOGIN:%=$(B)/login/%.o) $(CORE)
	$(CC) $(LINK) $(LDFLAGS) -o $@ $^

$(DAEMON): $(B)/dracd/main.o $(PARTS) $(CORE)
	$(CC) $(LINK) $(LDFLAGS) -o $@ $^ -ldb -ltirpc -lpthread

$(SHARED): $(DRAC:%=$(B)/lib/%.o) lib/libdrac.map
	$(CC) -shared $(LINK) -Wl,-soname,libdrac.so.1 -Wl,-z,nodelete -Wl,-z,defs \
	    -Wl,--version-script=lib/libdrac.map $(LDFLAGS) -o $@ \
	    $(filter %.o,$^)

# One object, so that none of our names meets one of the program's.
$(STATIC): $(DRAC:%=$(B)/lib/%.o)
	$(LD) -r -o $(B)/libdrac.o $^
	$(OBJCOPY) --localize-hidden $(B)/libdrac.o
	rm -f $@ && $(AR) rcs $@ $(B)/libdrac.o

$(B)/libdrac.so: $(SHARED)
	ln -sf libdrac.so.1 $@

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(PARTS) $(CORE)
	$(CC) $(LINK) $(LDFLAGS) -o $@ $^ -ldb -lpthread -ltirpc

$(B)/tests/unit/libdrac $(B)/tests/bench/beside: %: %.o $(STATIC) $(CORE)
	$(CC) $(LINK) $(LDFLAGS) -o $@ $^ -ldb -lpthread

$(B)/tests/e2e/standin: $(B)/tests/e2e/standin.o
	$(CC) $(LINK) $(LDFLAGS) -o $@ $^ -lpam

# It shares no code with us.
$(B)/tests/rpc/old: $(B)/tests/rpc/old.o
	$(CC) $(LINK) $(LDFLAGS) -o $@ $^ -ltirpc

$(B)/tests/pam/%: $(B)/tests/pam/%.o $(CORE)
	$(CC) $(LINK) $(LDFLAGS) -o $@ $^ -lpam -lpthread

$(B)/tests/pam/%.so: $(B)/tests/pam/%.o
	$(CC) -shared $(LINK) $(LDFLAGS) -o $@ $< -lpam

$(B)/tests/ctl/historic: $(B)/tests/ctl/historic.o $(B)/tests/ctl/historic6.o \
    $(B)/libdrac.so
	$(CC) $(LINK) $(LDFLAGS) -o $@ $(filter %.o,$^) -L$(B) -ldrac

$(B)/tests/ctl/rooms $(B)/tests/ctl/pam_walk: %: %.o $(CORE) \
    $(patsubst %,$(B)/dracctl/%.o,$(filter-out main,$(CTL)))
	$(CC) $(LINK) $(LDFLAGS) -o $@ $(filter %.o,$^) $(CORE) -ldb

$(B)/tests/%.so: $(B)/tests/%.o
	$(CC) -shared $(LINK) $(LDFLAGS) -o $@ $< -ldl

$(B)/tests/%: $(B)/tests/%.o $(CORE)
	$(CC) $(LINK) $(LDFLAGS) -o $@ $^ -ldb -lpthread

# Packages that a bare Debian 12 lacks; `deps` installs the missing ones.
BUILD_DEPS := gcc libc6-dev make pkg-config libpam0g-dev libdb5.3-dev \
	libtirpc-dev
QUICK_DEPS := $(BUILD_DEPS) db5.3-util mandoc strace iproute2 perl
CHECK_DEPS := $(QUICK_DEPS) valgrind clang libclang-rt-14-dev procps openssl

deps:
	@sh tests/install-packages $(or $(DEPS),$(BUILD_DEPS))

programs: $(ALL) $(TESTS) $(PAMT:%=$(B)/tests/pam/%) \
	$(B)/tests/pam/memory $(B)/tests/pam/loop \
	$(B)/tests/pam/pam_stub.so $(B)/tests/pam/set_rhost.so $(STORE:%=$(B)/tests/store/%) \
	$(B)/tests/store/worker $(B)/tests/store/churn $(B)/tests/store/powercut \
	$(B)/tests/store/shim.so $(B)/tests/ctl/fill $(B)/tests/ctl/rooms $(B)/tests/ctl/historic \
	$(B)/tests/ctl/pam_walk \
	$(B)/tests/ctl/broken_db.so $(B)/tests/ctl/syslog.so $(B)/tests/ctl/clock.so $(B)/tests/e2e/standin \
	$(B)/tests/rpc/load $(B)/tests/rpc/malformed $(B)/tests/rpc/old

RUN   = DRAC_BUILD=$(B) DRAC_MODULE=$(CURDIR)/$(MODULE) tests/run
QUICK = $(TESTS) $(PAMT:%=$(B)/tests/pam/%) $(B)/tests/ctl/rooms \
	$(B)/tests/ctl/pam_walk $(CTLT:%=tests/ctl/%) $(RPC:%=tests/rpc/%)

# A second make, so that what was just installed is seen.
check:
	@$(MAKE) --no-print-directory deps DEPS="$(CHECK_DEPS)"
	@$(MAKE) --no-print-directory -j2 programs
	@$(MAKE) --no-print-directory $(if $(SAN),quick,all-tests)

check-quick:
	@$(MAKE) --no-print-directory deps DEPS="$(QUICK_DEPS)"
	@$(MAKE) --no-print-directory -j2 programs
	@$(MAKE) --no-print-directory quick

quick: programs
	@$(RUN) -- $(QUICK) $(if $(SAN),,tests/layers tests/docs)

# Two at a time, and first what takes longest.
all-tests: programs
	@$(RUN) -- tests/sanitized $(if $(CI),tests/e2e/bare) \
	    tests/store/faults $(STORE:%=$(B)/tests/store/%) tests/fuzz/run \
	    $(patsubst %,tests/e2e/%,$(E2E) $(FRONT) $(BACK)) \
	    $(B)/tests/pam/loop tests/pam/valgrind $(B)/tests/pam/memory \
	    $(QUICK) tests/layers tests/docs tests/install -- tests/e2e/table

demo:
	@$(MAKE) --no-print-directory deps DEPS="$(BUILD_DEPS) iproute2 perl"
	@$(MAKE) --no-print-directory all
	@tests/e2e/demo

bench:
	@$(MAKE) --no-print-directory deps DEPS="$(BUILD_DEPS) db5.3-util"
	@$(MAKE) --no-print-directory all $(B)/tests/rpc/load \
	    $(B)/tests/bench/record $(B)/tests/bench/beside $(B)/tests/bench/lookup
	@DRAC_BUILD=$(B) tests/bench/run
	@DRAC_BUILD=$(B) tests/bench/daemon
	@DRAC_BUILD=$(B) tests/bench/lookups

# What names a program or the configuration, wherever they are put.
PLACES := conf/init.d/dracd conf/cron.d/drac conf/dovecot/drac-postlogin \
	conf/dovecot/drac-renew conf/cyrus/drac-renew
PLACED = sed -e 's|/usr/sbin|$(sbindir)|g' -e 's|/etc/drac|$(sysconfdir)/drac|g'

install: all
	$(INSTALL) -d $(addprefix $(DESTDIR),$(pamdir) $(sbindir) $(libdir) \
	    $(libdir)/pkgconfig $(includedir) $(sysconfdir)/drac $(docdir) \
	    $(mandir)/man3 $(mandir)/man5 $(mandir)/man7 $(mandir)/man8 \
	    $(unitdir) $(tmpfilesdir) $(sysusersdir))
	$(INSTALL) -d -m 0755 $(DESTDIR)$(localstatedir)/lib/drac
	$(INSTALL) -m 0644 $(MODULE) $(DESTDIR)$(pamdir)/pam_drac.so
	$(INSTALL) -m 0755 $(TOOL) $(DESTDIR)$(sbindir)/dracctl
	$(INSTALL) -m 0755 $(POST) $(DESTDIR)$(sbindir)/drac-login
	$(INSTALL) -m 0755 $(DAEMON) $(DESTDIR)$(sbindir)/rpc.dracd
	$(INSTALL) -m 0644 $(SHARED) $(STATIC) $(DESTDIR)$(libdir)/
	ln -sf libdrac.so.1 $(DESTDIR)$(libdir)/libdrac.so
	$(INSTALL) -m 0644 lib/drac.h $(DESTDIR)$(includedir)/
	sed -e 's|@prefix@|$(prefix)|' -e 's|@libdir@|$(libdir)|' \
	    -e 's|@version@|$(VERSION)|' -e 's|@includedir@|$(includedir)|' \
	    lib/libdrac.pc.in >$(DESTDIR)$(libdir)/pkgconfig/libdrac.pc
	test -e $(DESTDIR)$(sysconfdir)/drac/drac.conf || \
	    $(INSTALL) -m 0644 conf/drac.conf $(DESTDIR)$(sysconfdir)/drac/
	for page in $(MAN); do $(INSTALL) -m 0644 $$page \
	    $(DESTDIR)$(mandir)/man$${page##*.}/ || exit 1; done
	for call in $(CALLS); do \
	    ln -sf dracauth.3 $(DESTDIR)$(mandir)/man3/$$call.3 || exit 1; done
	for unit in $(UNITS); do \
	    $(PLACED) $$unit >$(DESTDIR)$(unitdir)/$${unit##*/} || exit 1; done
	$(INSTALL) -m 0644 conf/tmpfiles.d/drac.conf $(DESTDIR)$(tmpfilesdir)/
	$(INSTALL) -m 0644 conf/sysusers.d/drac.conf $(DESTDIR)$(sysusersdir)/
	$(INSTALL) -m 0644 README.md NEWS LICENSE docs/DESIGN $(wildcard docs/*.md) \
	    $(DESTDIR)$(docdir)/
	cp -R conf $(DESTDIR)$(docdir)/
	for file in $(UNITS) $(PLACES); do \
	    $(PLACED) $$file >$(DESTDIR)$(docdir)/$$file || exit 1; done
	test -n "$(DESTDIR)" || ldconfig

# The map and an edited drac.conf are the admin's: they stay. So do lines in
# other programs' files, of which README.md tells under "Remove it".
uninstall:
	rm -f $(addprefix $(DESTDIR),$(pamdir)/pam_drac.so $(sbindir)/dracctl \
	    $(sbindir)/drac-login $(sbindir)/rpc.dracd $(includedir)/drac.h \
	    $(addprefix $(libdir)/,libdrac.so.1 libdrac.so libdrac.a \
	    pkgconfig/libdrac.pc) $(tmpfilesdir)/drac.conf \
	    $(sysusersdir)/drac.conf $(UNITS:conf/systemd/%=$(unitdir)/%))
	for page in $(MAN); do \
	    rm -f $(DESTDIR)$(mandir)/man$${page##*.}/$${page#docs/}; done
	rm -f $(CALLS:%=$(DESTDIR)$(mandir)/man3/%.3)
	rm -rf $(DESTDIR)$(docdir)

dist:
	git archive --prefix=pam_drac-$(VERSION)/ -o pam_drac-$(VERSION).tar.gz HEAD

clean:
	rm -rf build build-san

-include $(wildcard $(B)/*.d $(B)/*/*.d $(B)/*/*/*.d)
