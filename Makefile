# SPDX-License-Identifier: BSD-2-Clause
#
# make            build the module and the tools into build/
# make demo       install what is missing, build, show the main job
# make check      install what is missing, build, run every test
# make bench      print a table of what a login's recording costs
# make install    DESTDIR, prefix, libdir, sysconfdir ... as usual
# SAN=1           with address and undefined-behaviour sanitizers

VERSION := 0.1.0

prefix        ?= /usr
exec_prefix   ?= $(prefix)
sbindir       ?= $(exec_prefix)/sbin
libdir        ?= $(exec_prefix)/lib/$(shell $(CC) -print-multiarch)
pamdir        ?= $(or $(shell pkg-config --variable=securedir pam 2>/dev/null),$(patsubst $(prefix)%,%,$(libdir))/security)
sysconfdir    ?= /etc
localstatedir ?= /var
mandir        ?= $(prefix)/share/man
docdir        ?= $(prefix)/share/doc/pam_drac
unitdir       ?= /lib/systemd/system
tmpfilesdir   ?= $(prefix)/lib/tmpfiles.d

CC      ?= cc
CFLAGS  ?= -O2 -g
INSTALL ?= install
B       := build$(if $(SAN),-san)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wcast-qual -Wformat=2 -Wwrite-strings \
	-Wnull-dereference -Wundef $(if $(CI),-Werror)
HARD := -fstack-protector-strong -D_FORTIFY_SOURCE=2
SANF := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
OWN  := -std=c17 -D_GNU_SOURCE -DDRAC_VERSION='"$(VERSION)"' -Ilib \
	-fPIC -fvisibility=hidden $(WARN) $(if $(SAN),$(SANF),$(HARD))
LINK := -Wl,-z,relro,-z,now $(if $(SAN),$(SANF))

LIB   := why addr allow key conf page journal bdb place remap entries map store \
	sweep
CTL   := $(basename $(notdir $(wildcard dracctl/*.c)))
UNIT  := $(basename $(notdir $(wildcard tests/unit/*.c)))
MAN   := docs/pam_drac.8 docs/drac.conf.5 docs/dracctl.8 docs/drac.7
UNITS := conf/systemd/drac-sweep.service conf/systemd/drac-sweep.timer

# What the tests are: programs of ours, and scripts.
TESTS := $(UNIT:%=$(B)/tests/unit/%)
PAMT  := hooks stacks rhost memory loop
STORE := damage locks
E2E   := postfix sendmail sendmail-classic exim units busy

CORE   := $(B)/libdrac-core.a
MODULE := $(B)/pam_drac.so
TOOL   := $(B)/dracctl.bin

.SECONDARY:
.PHONY: all check quick all-tests demo bench install uninstall clean dist deps \
	programs
all: $(MODULE) $(TOOL)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(OWN) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(CORE): $(LIB:%=$(B)/lib/%.o)
	$(AR) rcs $@ $^

# The module stays mapped once loaded (nodelete): its Berkeley DB hooks may
# be on another thread's stack when libpam closes it.
$(MODULE): $(B)/pam_drac.o $(CORE) pam_drac.map
	$(CC) -shared $(LINK) -Wl,-z,nodelete -Wl,--version-script=pam_drac.map \
	    -Wl,--exclude-libs,ALL -Wl,-z,defs $(LDFLAGS) -o $@ \
	    $(B)/pam_drac.o $(CORE) -lpam -ldb

$(TOOL): $(CTL:%=$(B)/dracctl/%.o) $(CORE)
	$(CC) $(LINK) $(LDFLAGS) -o $@ $^ -ldb

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(CORE)
	$(CC) $(LINK) $(LDFLAGS) -o $@ $^ -ldb -lpthread

$(B)/tests/pam/%: $(B)/tests/pam/%.o $(CORE)
	$(CC) $(LINK) $(LDFLAGS) -o $@ $^ -lpam -ldb -lpthread

$(B)/tests/pam/%.so: $(B)/tests/pam/%.o
	$(CC) -shared $(LINK) $(LDFLAGS) -o $@ $< -lpam

$(B)/tests/store/%: $(B)/tests/store/%.o $(CORE)
	$(CC) $(LINK) $(LDFLAGS) -o $@ $^ -ldb -lpthread

$(B)/tests/store/%.so: $(B)/tests/store/%.o
	$(CC) -shared $(LINK) $(LDFLAGS) -o $@ $< -ldl

$(B)/tests/ctl/%: $(B)/tests/ctl/%.o $(CORE)
	$(CC) $(LINK) $(LDFLAGS) -o $@ $^ -ldb

$(B)/tests/bench/%: $(B)/tests/bench/%.o $(CORE)
	$(CC) $(LINK) $(LDFLAGS) -o $@ $^ -ldb -lpthread

# Packages that a bare Debian 12 lacks; `deps` installs the missing ones.
BUILD_DEPS := gcc libc6-dev make pkg-config libpam0g-dev libdb5.3-dev
CHECK_DEPS := $(BUILD_DEPS) db5.3-util mandoc valgrind strace iproute2 perl \
	clang libclang-rt-14-dev

deps:
	@sh tests/install-packages $(or $(DEPS),$(BUILD_DEPS))

programs: $(MODULE) $(TOOL) $(TESTS) $(PAMT:%=$(B)/tests/pam/%) \
	$(B)/tests/pam/pam_stub.so $(STORE:%=$(B)/tests/store/%) \
	$(B)/tests/store/worker $(B)/tests/store/churn $(B)/tests/store/powercut \
	$(B)/tests/store/shim.so $(B)/tests/ctl/fill

RUN   = DRAC_BUILD=$(B) DRAC_MODULE=$(CURDIR)/$(MODULE) tests/run
QUICK = $(TESTS) $(B)/tests/pam/hooks $(B)/tests/pam/stacks \
	$(B)/tests/pam/rhost tests/ctl/run

# A second make, so that what was just installed is seen.
check:
	@$(MAKE) --no-print-directory deps DEPS="$(CHECK_DEPS)"
	@$(MAKE) --no-print-directory -j2 programs
	@$(MAKE) --no-print-directory $(if $(SAN),quick,all-tests)

quick: programs
	@VERBOSE=1 $(RUN) $(QUICK)

all-tests: programs
	@$(RUN) tests/layers tests/docs $(QUICK) $(B)/tests/pam/memory \
	    $(B)/tests/pam/loop tests/pam/valgrind \
	    $(STORE:%=$(B)/tests/store/%) tests/store/faults tests/sanitized \
	    tests/fuzz/run tests/install $(E2E:%=tests/e2e/%)

demo:
	@$(MAKE) --no-print-directory deps DEPS="$(BUILD_DEPS) iproute2 perl"
	@$(MAKE) --no-print-directory all
	@tests/e2e/demo

bench:
	@$(MAKE) --no-print-directory deps DEPS="$(BUILD_DEPS) db5.3-util"
	@$(MAKE) --no-print-directory all $(B)/tests/bench/record
	@DRAC_BUILD=$(B) tests/bench/run

install: all
	$(INSTALL) -d $(DESTDIR)$(pamdir) $(DESTDIR)$(sbindir) \
	    $(DESTDIR)$(sysconfdir)/drac $(DESTDIR)$(mandir)/man5 \
	    $(DESTDIR)$(mandir)/man7 $(DESTDIR)$(mandir)/man8 \
	    $(DESTDIR)$(docdir) $(DESTDIR)$(unitdir) $(DESTDIR)$(tmpfilesdir)
	$(INSTALL) -d -m 0755 $(DESTDIR)$(localstatedir)/lib/drac
	$(INSTALL) -m 0644 $(MODULE) $(DESTDIR)$(pamdir)/pam_drac.so
	$(INSTALL) -m 0755 $(TOOL) $(DESTDIR)$(sbindir)/dracctl
	test -e $(DESTDIR)$(sysconfdir)/drac/drac.conf || \
	    $(INSTALL) -m 0644 conf/drac.conf $(DESTDIR)$(sysconfdir)/drac/
	$(INSTALL) -m 0644 $(filter %.5,$(MAN)) $(DESTDIR)$(mandir)/man5/
	$(INSTALL) -m 0644 $(filter %.7,$(MAN)) $(DESTDIR)$(mandir)/man7/
	$(INSTALL) -m 0644 $(filter %.8,$(MAN)) $(DESTDIR)$(mandir)/man8/
	$(INSTALL) -m 0644 $(UNITS) $(DESTDIR)$(unitdir)/
	$(INSTALL) -m 0644 conf/tmpfiles.d/drac.conf $(DESTDIR)$(tmpfilesdir)/
	$(INSTALL) -m 0644 README.md NEWS LICENSE docs/DESIGN $(DESTDIR)$(docdir)/
	cp -R conf $(DESTDIR)$(docdir)/

# The map and an edited drac.conf are the admin's: they stay.
uninstall:
	rm -f $(DESTDIR)$(pamdir)/pam_drac.so $(DESTDIR)$(sbindir)/dracctl
	rm -f $(UNITS:conf/systemd/%=$(DESTDIR)$(unitdir)/%) \
	    $(DESTDIR)$(tmpfilesdir)/drac.conf
	rm -f $(patsubst docs/%,$(DESTDIR)$(mandir)/man5/%,$(filter %.5,$(MAN))) \
	    $(patsubst docs/%,$(DESTDIR)$(mandir)/man7/%,$(filter %.7,$(MAN))) \
	    $(patsubst docs/%,$(DESTDIR)$(mandir)/man8/%,$(filter %.8,$(MAN)))
	rm -rf $(DESTDIR)$(docdir)

dist:
	git archive --prefix=pam_drac-$(VERSION)/ -o pam_drac-$(VERSION).tar.gz HEAD

clean:
	rm -rf build build-san

-include $(wildcard $(B)/*.d $(B)/*/*.d $(B)/*/*/*.d)
