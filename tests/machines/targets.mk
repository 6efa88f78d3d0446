# SPDX-License-Identifier: GPL-2.0-only
#
# What a person can ask for in a clone. Everything is built in a cache outside it.

MACHINES := tests/machines
LOCKED = . $(MACHINES)/lib.sh && lock_cache
PLACE = place=$$cache/$$(source_id)
SHELL := /bin/bash
export KSRC DMABUF_CACHE

DIFFER = $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(FIRST),--first $(FIRST))

.PHONY: help demo test check differ users configs bench bench-native bench-smp kcsan kernels fuzz coverage test-stock install-tree origins clean

help:
	@echo 'make demo                 show a buffer travelling between V4L2 and DRM drivers'
	@echo 'make test                 run every test and check on both test machines'
	@echo 'make check                run the static checks alone'
	@echo 'make differ               run random programs on a stock kernel and on ours, and compare them;'
	@echo '                          SEEDS=n programs, the first of which is FIRST=n, or MINUTES=n'
	@echo 'make users                compile every file of a kernel that uses the subsystem'
	@echo 'make configs              build drivers/dma-buf with its options on and off'
	@echo 'make bench                count the instructions of every operation, against a stock kernel'
	@echo 'make bench-native         the same as time, in User Mode Linux: reported, not judged'
	@echo 'make bench-smp            some of them on two processors: reported, not judged'
	@echo 'make kcsan                run our suites and selftests on a kernel that looks for data races'
	@echo 'make kernels [KERNELS=]   run our suites on more kernels: rt none arm64 i386 modules move'
	@echo 'make fuzz MINUTES=        run random programs of system calls and look for crashes and leaks'
	@echo 'make coverage             say which lines our tests run, and which they do not'
	@echo 'make test-stock           record what the suites of others do on a stock kernel, and show'
	@echo '                          that our tests find there the bugs that it has'
	@echo 'make install-tree KDIR=   lay this over a Linux 6.12 source tree'
	@echo 'make origins [KDIR=]      say of every file whether it is ours or stock'
	@echo 'make clean                throw away the built kernels and the logs'
	@echo
	@echo 'What builds anything installs the Debian packages that it needs first.'
	@echo 'KSRC=          kernel source, tarball or tree (default: Debian'\''s linux-source-6.12)'
	@echo 'DMABUF_CACHE=  where kernels are built (default: ~/.cache/dma-buf)'

demo:
	@$(LOCKED) && kernel=$$($(MACHINES)/build -p uml) && $(PLACE) && \
	tests/demo/run "$$kernel" "$$place/tree" "$$place/demo"

test:
	@$(MACHINES)/test

check:
	@$(LOCKED) && $(MACHINES)/build tree && $(PLACE) && \
	tests/check/run "$$place/tree" "$$place/check"

differ:
	@$(LOCKED) && kernels=$$($(MACHINES)/build -p uml stock) && set -- $$kernels && $(PLACE) && \
	tests/differ/run $(DIFFER) "$$1" "$$2" "$$place/tree" "$$place/differ"

users:
	@$(LOCKED) && $(MACHINES)/build tree && $(PLACE) && \
	tests/users/run "$$place/tree" "$$place/users"

configs:
	@$(LOCKED) && $(MACHINES)/build tree && $(PLACE) && \
	tests/users/configs "$$place/tree" "$$place/configs"

bench:
	@$(LOCKED) && kernels=$$($(MACHINES)/build -p bench bench-stock) && set -- $$kernels && $(PLACE) && \
	tests/bench/run "$$1" "$$2" "$$place" "$$place/bench-out"

bench-native:
	@$(LOCKED) && kernels=$$($(MACHINES)/build -p bench-uml bench-stock-uml) && set -- $$kernels && \
	$(PLACE) && tests/bench/native "$$1" "$$2" "$$place" "$$place/bench-native"

bench-smp:
	@$(LOCKED) && kernels=$$($(MACHINES)/build -p bench bench-stock) && set -- $$kernels && $(PLACE) && \
	tests/bench/run --smp "$$1" "$$2" "$$place" "$$place/bench-smp"

kcsan:
	@$(MACHINES)/kcsan

kernels:
	@tests/kernels/run $(KERNELS)

fuzz:
	@$(LOCKED) && kernel=$$($(MACHINES)/build -p fuzz) && $(PLACE) && \
	tests/fuzz/run "$$kernel" "$$place/tree" "$$place/fuzz-out" "$$cache/fuzz-corpus" $(or $(MINUTES),30)

coverage:
	@$(LOCKED) && kernel=$$($(MACHINES)/build -p coverage) && $(PLACE) && \
	tests/coverage/run "$$kernel" "$$place/tree" "$$place/coverage" "$$place/coverage-out"

test-stock:
	@set -o pipefail; $(LOCKED) && \
	kernels=$$($(MACHINES)/build -p stock stockqemu uml qemu) && set -- $$kernels && $(PLACE) && \
	tests/peers/run --record "$$1" "$$place/stock-tree" "$$place/peers-stock" && \
	tests/regressions/run stock "$$1" "$$2" "$$place/stock-tree" "$$place/regressions-stock" | \
	tee tests/regressions/recorded && \
	tests/regressions/run ours "$$3" "$$4" "$$place/tree" "$$place/regressions-ours"

install-tree:
	@$(MACHINES)/install-tree "$(KDIR)"

origins:
	@. $(MACHINES)/lib.sh$(if $(KDIR),, && lock_cache && $(MACHINES)/build tree >&2) && \
	$(MACHINES)/origins $(if $(KDIR),"$(KDIR)","$$cache/$$(source_id)/tree")

clean:
	@$(LOCKED) && rm -rf "$$cache"/tar-* "$$cache"/tree-* "$$cache"/results
