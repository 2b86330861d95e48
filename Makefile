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

LIB   := why addr allow key conf page journal bdb place remap store
CTL   := main list change
UNIT  := $(basename $(notdir $(wildcard tests/unit/*.c)))
MAN   := docs/pam_drac.8 docs/drac.conf.5 docs/dracctl.8 docs/drac.7
UNITS := conf/systemd/drac-sweep.service conf/systemd/drac-sweep.timer

CORE   := $(B)/libdrac-core.a
MODULE := $(B)/pam_drac.so
TOOL   := $(B)/dracctl.bin

.PHONY: all check demo bench install uninstall clean dist deps tests programs
all: $(MODULE) $(TOOL)

$(B)/%.o: %.c | $(B)/stamp
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

$(B)/tests/bench/%: $(B)/tests/bench/%.o $(CORE)
	$(CC) $(LINK) $(LDFLAGS) -o $@ $^ -ldb -lpthread

$(B)/stamp:
	mkdir -p $(B)/lib $(B)/dracctl $(B)/tests/unit $(B)/tests/pam \
	    $(B)/tests/store $(B)/tests/bench $(B)/tests/fuzz
	touch $@

clean:
	rm -rf build build-san

-include $(wildcard $(B)/*.d $(B)/*/*.d $(B)/*/*/*.d)
