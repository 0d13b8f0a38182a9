# SPDX-License-Identifier: GPL-2.0-only
# Every task of the kit by name; `make help` lists them. The work is in scripts/,
# selftests/ and bench/.
.DEFAULT_GOAL	:= all
.PHONY: all modules modules_install dkms-install dkms-remove host install uninstall deb \
	check-install debug-kernel check check-fast check-versions check-kernel-selftests bench bench-quick demo lint clean help

deps	= scripts/deps.sh
# The leading + hands the job server on.
modules	= +@scripts/modules.sh

all: modules host

modules:
	$(modules) $(KDIR)

modules_install:
	$(modules) --target modules_install $(KDIR)

dkms-install:
	@$(deps) dkms
	@scripts/dkms.sh install

dkms-remove:
	@scripts/dkms.sh remove

host:
	@$(MAKE) --no-print-directory -C host-ref O=$(CURDIR)/build/host

# PREFIX, DESTDIR and the like are host-ref/Makefile's.
install uninstall:
	@$(MAKE) --no-print-directory -C host-ref O=$(CURDIR)/build/host $@

deb:
	@$(deps) package
	@scripts/deb.sh

debug-kernel:
	@scripts/kernels.sh fetch $(or $(FLAVOUR),debug)

check:
	@$(deps) test
	@selftests/run.sh $(if $(KERNEL),--kernel $(KERNEL))

check-versions:
	@$(deps) versions
	@selftests/versions/run.sh $(VERSIONS)

check-kernel-selftests:
	@$(deps) kernel-selftests
	@selftests/run.sh none > /dev/null 2>&1; selftests/kernel/run.sh $(TESTS)

check-install:
	@$(deps) test package
	@selftests/run.sh --group install

check-fast:
	@selftests/run.sh --fast

bench:
	@$(deps) bench
	@bench/run.sh
	@bench/run.sh --bounce
	@bench/clock.sh
	@bench/balloon.sh
	@bench/net.sh

bench-quick:
	@$(deps) bench
	@bench/run.sh --quick

demo:
	@scripts/demo.sh

lint:
	@$(deps) lint
	@scripts/lint.sh

clean:
	@rm -rf build

help:
	@echo 'make                  the kernel modules and the host side'
	@echo 'make modules          pvbus pvblk pvnet pvclock pvballoon, in build/modules/<release>/'
	@echo '                      KDIR=<header tree>, or KDIR=6.1, 6.12, 7.3, 6.12-rt ... (scripts/kernels.sh)'
	@echo 'make modules_install  install them for the kernel of KDIR (root)'
	@echo 'make dkms-install     install them through DKMS, for this and later kernels (root)'
	@echo 'make dkms-remove      undo it'
	@echo 'make host             pvhostd and pvctl, in build/host/'
	@echo 'make install          the host side, its manual pages, systemd unit, completions (PREFIX=/usr/local, DESTDIR=)'
	@echo 'make uninstall        undo it; /etc/pvkit stays'
	@echo 'make deb              Debian packages pvkit-dkms, pvkit-guest-utils and pvkit-host, in build/deb/'
	@echo 'make -C selftests install INSTALL_PATH=DIR  tests that a guest in use bears, for run_kselftest.sh and without it'
	@echo 'make -C bench/owner [install]  pvkit-bench: measures in any guest what pvkit gains'
	@echo 'scripts/in-tree.sh SOURCE [BUILD]  drivers and tests into the source of a kernel'
	@echo 'make debug-kernel     a kernel with KASAN, lockdep, kmemleak (half an hour); FLAVOUR=kcsan: data races'
	@echo 'make demo             a stock guest, the same disk and network emulated and paravirtual: the gain'
	@echo 'make check            every test                (half an hour)'
	@echo '                      KERNEL=debug, 7.3, 6.12-rt ...  all with a guest, on that kernel'
	@echo 'make check-fast       no root, no VM            (two to three minutes)'
	@echo '                      TESTS="blk/ ring/order"   only those that match'
	@echo 'make check-kernel-selftests  the kernel'"'"'s own tests of network drivers, on pvnet; TESTS="gro drivers/": only these'
	@echo 'make check-versions   other kernels and QEMUs; VERSIONS="7.3/11 6.12-rt": only these'
	@echo 'make check-install    as users have it: packages, service, boot from the disk, libvirt, Secure Boot, pvkit-bench  (half an hour)'
	@echo '                      TESTS="packages its-service"  only those that match'
	@echo 'make bench            disks, clocks, balloons and NICs against their peers; make bench-quick: disks, 5 minutes at most'
	@echo 'make lint             sparse, W=1, checkpatch, gcc and clang, shellcheck'
	@echo 'make clean            remove build/'
