# SPDX-License-Identifier: GPL-2.0-only
#
# DMA-BUF heaps for the memory of boards: `make help` lists the targets.

# The build directory of the kernel that the modules are for.
ifneq ($(KERNELRELEASE),)
KDIR ?= /lib/modules/$(KERNELRELEASE)/build
endif
KDIR ?= $(or $(KERNELDIR),$(KERNEL_SRC),/lib/modules/$(shell uname -r)/build)

TOP := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
QEMU_DIR := $(TOP)/tools/testing/selftests/dmabuf-heaps/qemu
# Modules and overlays are built here; by default beside their sources.
MO ?= $(TOP)
DTC ?= dtc
# An overlay is compiled without the board's root node, which these warnings ask about.
DTC_FLAGS ?= -W no-ranges_format -W no-avoid_default_addr_size \
	     -W no-unique_unit_address -W no-avoid_unnecessary_addr_size \
	     -W no-dma_ranges_format

DTSO := $(wildcard $(TOP)/arch/*/boot/dts/overlays/*.dtso)
DTBO := $(patsubst $(TOP)/%.dtso,$(MO)/%.dtbo,$(DTSO))

OVERLAYDIR ?= /boot/overlays
UDEVDIR ?= /usr/lib/udev/rules.d
MODULESLOADDIR ?= /usr/lib/modules-load.d
INSTALL_MOD_PATH ?= $(DESTDIR)

KBUILD = $(MAKE) -C $(KDIR) M=$(TOP) $(if $(filter $(TOP),$(MO)),,MO=$(MO))

# The kernel source tree of intree and series; OUT is the directory for patches and figures.
KSRC ?=
OUT ?=

.PHONY: all modules dtbs modules_install install intree series demo demo-display bench check lint mutants clean help

all: modules dtbs

modules: | $(MO)
	@test -f $(KDIR)/Makefile || { \
		echo "error: no kernel build directory at $(KDIR): install your kernel's headers, or say KDIR=/path" >&2; \
		exit 1; }
	$(KBUILD) modules

dtbs: $(DTBO)

$(MO)/%.dtbo: $(TOP)/%.dtso
	@mkdir -p $(@D)
	$(DTC) -@ -I dts -O dtb $(DTC_FLAGS) -o $@ $<

$(MO):
	@mkdir -p $@

modules_install:
	$(KBUILD) INSTALL_MOD_PATH=$(INSTALL_MOD_PATH) modules_install

install: modules_install dtbs
	install -d $(DESTDIR)$(OVERLAYDIR) $(DESTDIR)$(UDEVDIR) $(DESTDIR)$(MODULESLOADDIR)
	install -m 644 $(DTBO) $(DESTDIR)$(OVERLAYDIR)
	install -m 644 $(TOP)/tools/dmabuf-heaps/60-dmabuf-heaps.rules $(DESTDIR)$(UDEVDIR)
	install -m 644 $(TOP)/tools/dmabuf-heaps/dmabuf-heaps.conf $(DESTDIR)$(MODULESLOADDIR)

intree series:
	@test -n "$(KSRC)" || { \
		echo "error: name a kernel source tree: make $@ KSRC=/path/to/linux" >&2; \
		exit 1; }
	@$(TOP)/tools/dmabuf-heaps/intree $(if $(filter series,$@),--series $(or $(OUT),series)) $(KSRC)

demo:
	@$(QEMU_DIR)/demo

demo-display:
	@$(QEMU_DIR)/demo-display

bench:
	@$(QEMU_DIR)/bench --out $(or $(OUT),bench)

check:
	@$(QEMU_DIR)/packages --lint
	@$(QEMU_DIR)/check

lint:
	@$(QEMU_DIR)/lint

mutants:
	@$(QEMU_DIR)/mutants

clean:
	@test ! -f $(KDIR)/Makefile || $(KBUILD) clean
	rm -f $(DTBO)

help:
	@echo 'Try it (needs Debian 12, or see README.rst):'
	@echo '  demo             boot a kernel in QEMU and show a heap at work'
	@echo '  demo-display     show a buffer on a screen, and save the screen as demo-display.png'
	@echo '  bench            compare the costs of operations with the kernel heaps: tables, and'
	@echo '                   bench.csv and bench.svg in OUT=/path (bench)'
	@echo '  check            every test, on a release and on a debug kernel'
	@echo '  lint             checkpatch, sparse, W=1, kernel-doc, dtc, dt-validate, shellcheck'
	@echo '  mutants          delete each call that maintains caches: some test must fail'
	@echo
	@echo 'Build it for a kernel:'
	@echo '  all              modules and dtbs (the default)'
	@echo '  modules          the kernel modules'
	@echo '  dtbs             the device-tree overlays'
	@echo '  modules_install  the modules, below INSTALL_MOD_PATH'
	@echo '  install          modules, overlays, udev rule and modules-load.d, below DESTDIR'
	@echo '  clean            remove what was built'
	@echo
	@echo 'Build it into a kernel ($(notdir $(wildcard $(TOP)/patches/*))):'
	@echo '  intree           add the heaps to the source tree KSRC=/path'
	@echo '  series           write the same as patches for git am, into OUT=/path (series)'
	@echo
	@echo 'Variables:'
	@echo '  KDIR=/path       the kernel build directory (KERNELDIR, KERNEL_SRC and'
	@echo '                   KERNELRELEASE work too); now:'
	@echo '                   $(KDIR)'
	@echo '  ARCH, CROSS_COMPILE, LLVM=1, V=1   as in the kernel'
	@echo '  MO=/path         build there, not beside the sources'
	@echo '  CONFIG_DMABUF_HEAPS_SRAM=n   leave a driver out; Kconfig lists the options'
	@echo '  OVERLAYDIR       where overlays are installed ($(OVERLAYDIR))'
