# SPDX-License-Identifier: GPL-2.0-only
"""The patches of a series, in order, after the hooks of patches/<series>/: subject, body,
files, and lines for files of the kernel. A file belongs to the part with the longest
pattern that matches its path; `*` matches slashes as well.
"""

from collections import namedtuple

CONTIG = "drivers/dma-buf/heaps/contig/"
PHYS = "drivers/dma-buf/phys/"
TESTS = "tools/testing/selftests/dmabuf-heaps/"
UAPI = "include/uapi/linux/"

# The kernel's own files that are changed, apart from those of the hooks. Lines of ours
# are inserted before the text given here, or at the end without one.
PLACES = {
    "drivers/dma-buf/Kconfig": "\nendmenu\n",
    "drivers/dma-buf/Makefile": "\ndmabuf_",
    "drivers/dma-buf/heaps/Kconfig": "",
    "drivers/dma-buf/heaps/Makefile": "",
    "Documentation/admin-guide/index.rst": "   edid\n",
    "Documentation/driver-api/index.rst": "   component\n",
    "Documentation/userspace-api/index.rst": "   dma-buf-alloc-exchange\n",
    "MAINTAINERS": "",
    TESTS + ".gitignore": "",
    TESTS + "Makefile": "",
    TESTS + "config": "",
}

Part = namedtuple("Part", "subject body files lines", defaults=({},))
PARTS = (
    Part("dma-buf: heaps: contig: add interfaces that this kernel lacks",
         """The drivers are written for the interfaces of newer kernels. Add headers
that provide them on this one.""",
         (CONTIG + "compat/*",)),
    Part("dma-buf: heaps: contig: add buffers of contiguous memory",
         """The kernel's heaps keep a page array for a buffer that is one extent. They
maintain caches once for each attached device, and not at all without one. They
support neither memory without struct pages nor stable names.

Add a library for heaps of contiguous memory. A buffer is one extent, so its
costs are constant. A cached buffer has one DMA mapping, owned by the heap, for
all cache maintenance, with any number of attachments. Freed memory is zeroed in
the background and recycled. One rule derives names from nodes of the device
tree. Each heap remains an exporter with its own dma_buf_ops.

The next patch adds the heaps, and builds the library.""",
         (CONTIG + "*.[ch]",)),
    Part("dma-buf: heaps: contig: add heaps for CMA, carve-outs and SRAM",
         """Register one heap for each region of contiguous memory.

A CMA region, the default one or a reusable shared-dma-pool node, gets a heap of
cached buffers, aligned to their size up to 2 MiB. A write-combined twin serves
devices that stream; it is on by default on i.MX, where programs expect it.

A no-map shared-dma-pool node that no device claims becomes a heap without
struct pages: importers get DMA addresses, CPUs a write-combined mapping. Memory
behind a firewall can be declared protected, and is for devices only.

A partition of an mmio-sram that is marked export, and not pool, becomes a heap.
The SRAM driver divides its pools into pieces of 32 bytes, so mapping a page of
one would expose data of other users.

/dev/dma-buf-sync maintains caches for ranges of a buffer, and the ioctls of
NXP's and Rockchip's kernels work for vendor libraries that call them.

KUnit tests cover names, discovery, placement, recycling and cache maintenance.""",
         (CONTIG + "*_heap.c", CONTIG + "Kconfig", CONTIG + "Makefile", CONTIG + "tests/*",
          CONTIG + ".kunitconfig", UAPI + "dma-buf-sync.h", UAPI + "dma-buf-vendor.h"),
         {"drivers/dma-buf/heaps/Kconfig": f'\nsource "{CONTIG}Kconfig"\n',
          "drivers/dma-buf/heaps/Makefile": "obj-y\t\t\t\t\t+= contig/\n"}),
    Part("dma-buf: phys: add a device that reports physical addresses",
         """Vendor libraries program devices with physical addresses, and a mainline
kernel gives them no way to learn one. Add a device node that accepts a dma-buf
of any exporter, pins it, and reports its physical address. Only root can open
the node until an administrator changes its permissions.""",
         (PHYS + "*", UAPI + "dma-buf-phys*"),
         {"drivers/dma-buf/Kconfig": f'source "{PHYS}Kconfig"\n',
          "drivers/dma-buf/Makefile": "obj-y\t\t\t\t+= phys/\n"}),
    Part("selftests: dmabuf-heaps: test heaps of contiguous memory",
         """Test every guarantee on every heap of the machine: zeroed buffers, exact
errors, no leaks, cache maintenance as counted from trace events, importers real
and emulated. Modules drive QEMU's edu card and DMA engines for tests that need
a device. The test of the kernel's own heaps is unchanged.""",
         (TESTS + "*",),
         {TESTS + ".gitignore": "dma_buf_*\nheap_*\n!*.[ch]\n"}),
    Part("Documentation: dma-buf: describe heaps of contiguous memory",
         """Describe the guarantees, parameters and log messages of each heap, the
device that reports physical addresses, and the structure of the drivers.""",
         ("Documentation/*",)),
)
