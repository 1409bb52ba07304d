# SPDX-License-Identifier: GPL-2.0-only
"""The patches of the series that `intree` makes, in order, apart from the hooks.

A part is the files of this tree that match its patterns and the Kconfig symbols
that are its own, each with its lines in the Makefile beside it. A file that no part
takes is an error.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One patch: what it says, takes, and adds to the driver set's MAINTAINERS entry."""
    subject: str
    body: str
    files: tuple
    symbols: tuple = ()
    maintained: tuple = ()


HEAPS = "drivers/dma-buf/heaps/"
TESTS = "tools/testing/selftests/dmabuf-heaps/"

PARTS = (
    Part("dma-buf: heaps: buffers and regions of contiguous memory",
         """The kernel's heaps keep a page array for what is one extent, sync nothing
when no device is attached and everything once for each that is, and know
neither memory without struct pages nor a name that stays.

Add what heaps of contiguous memory have in common: a buffer is one extent
with constant costs, a cached one carries one mapping through which all
maintenance goes, whatever is attached, freed memory is zeroed in the
background for the next buffer, and regions of the device tree become names
by one rule. Each heap stays an exporter of its own, with its
own tables, that this fills.

An exporter answers ioctls of its own now: those that libraries of NXP and
of Rockchip know are answered with the numbers that they have.
""",
         (HEAPS + "heap_*.[ch]", "include/uapi/linux/dma-buf-vendor.h",
          "include/uapi/linux/dma-buf-sync.h"),
         ("DMABUF_HEAP_LIB", "DMABUF_HEAP_IOCTL", "DMABUF_HEAPS_PHYS_IOCTL"),
         (HEAPS + "heap_*", "include/uapi/linux/dma-buf-sync.h",
          "include/uapi/linux/dma-buf-vendor.h")),
    Part("dma-buf: heaps: contiguous memory, cached and not",
         """A heap for each CMA area: the default one, and each reusable
shared-dma-pool node of the device tree. A buffer is aligned to its size, up
to 2 MiB. A twin whose buffers the CPUs see write-combined is for devices
that stream; i.MX has it by itself, because programs there ask for it.
""",
         (HEAPS + "contig_heap.c",), ("DMABUF_HEAPS_CONTIG",), (HEAPS + "contig_heap.c",)),
    Part("dma-buf: heaps: memory that Linux does not map",
         """A heap for each no-map shared-dma-pool node that no device claims. There
are no struct pages: importers get DMA addresses, and CPUs a write-combined
view. A region behind a firewall is for devices only.
""",
         (HEAPS + "carveout_heap.c",), ("DMABUF_HEAPS_CARVEOUT",), (HEAPS + "carveout_heap.c",)),
    Part("dma-buf: heaps: on-chip SRAM",
         """A heap for each partition of an mmio-sram that is marked export and not
pool. A pool is given away by the SRAM driver in pieces of 32 bytes, and a
page of that would show a neighbour's data.
""",
         (HEAPS + "sram_heap.c",), ("DMABUF_HEAPS_SRAM",), (HEAPS + "sram_heap.c",)),
    Part("dma-buf: heaps: unit tests",
         """What heaps are called, which nodes become heaps, where buffers are put,
and the cache rules, seen from both sides: by a CPU and by devices.
""",
         (HEAPS + "tests/*.c",), ("DMABUF_HEAPS_KUNIT_TEST",), (HEAPS + "tests/",)),
    Part("dma-buf: physical addresses of dma-bufs, for whom root lets",
         """Libraries of vendors give physical addresses to devices, and have no way
to learn them on a mainline kernel. A device node of its own, closed to
everybody but root until an administrator opens it, takes a dma-buf of any
exporter and tells where it is, as long as it is held.
""",
         ("drivers/dma-buf/dma-buf-phys*.[ch]", "include/uapi/linux/dma-buf-phys*.h"),
         ("DMA_BUF_PHYS",),
         ("drivers/dma-buf/dma-buf-phys*", "include/uapi/linux/dma-buf-phys*")),
    Part("selftests: dmabuf-heaps: heaps of contiguous memory",
         """Every promise of the heaps of contiguous memory, on each one that the
machine has: zeroed buffers, exact errors, nothing left behind, cache
maintenance as counted from trace events, importers real and emulated.
Modules drive QEMU's edu card and DMA engines, for those that need a device.

The test of all heaps stays as it is.
""",
         (TESTS + "*.[ch]", TESTS + "settings", TESTS + "modules/*.[ch]",
          TESTS + "modules/Kbuild"), (), (TESTS,)),
    Part("Documentation: userspace-api: heaps of contiguous memory",
         """What each heap of contiguous memory guarantees, its parameters, its lines
in the log, and an example.
""",
         ("Documentation/*",), (), ("Documentation/userspace-api/dma-buf-heaps-memory.rst",)),
)

COMPAT = Part("dma-buf: heaps: what this kernel does not have yet",
              """The heaps are written for Linux 7.3. What they call and this kernel does not
have comes from headers of their own, and goes when it does.
""",
              (HEAPS + "compat/*",), (), (HEAPS + "compat/",))
