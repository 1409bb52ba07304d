#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Device trees of virt: as QEMU generates it, or changed for a test.

usage: trees.py FILE: writes virt's own tree, with 4 GiB
"""

import os
import sys

from lib import TESTS, quietly
from tables import BOARDS, TOP

OVERLAYS = TESTS / "overlays"
BOARD_OVERLAY = TOP / BOARDS["virt"]["overlay"]


def dump(qemu, dtb):
    """The device tree that this command line of QEMU generates, in a size that Linux accepts."""
    quietly([*qemu, "-machine", f"dumpdtb={dtb}", "-display", "none"])
    quietly(["dtc", "-q", "-f", "-I", "dtb", "-O", "dtb", "-o", dtb, dtb])


def virt_tree(dtb, cpus=2, memory="1G"):
    dump([os.environ.get("QEMU", "qemu-system-aarch64"), *BOARDS["virt"]["machine"],
          "-m", memory, "-smp", str(cpus)], dtb)


def noncoherent_tree(work, memory="1G"):
    """Virt with one CPU and PCI devices that are not coherent."""
    dtb = work / f"noncoherent-{memory}.dtb"
    virt_tree(dtb, 1, memory)
    quietly(["fdtput", "-d", dtb, "/pcie@10000000", "dma-coherent"])
    return dtb


def same_name_tree(work):
    """Virt with two regions of one name, which no tool would write."""
    dtb, dtbo, merged = work / "virt.dtb", work / "same-name.dtbo", work / "same-name.dtb"
    virt_tree(dtb)
    quietly(["dtc", "-q", "-@", "-O", "dtb", "-o", dtbo, OVERLAYS / "same-name.dtso"])
    quietly(["fdtoverlay", "-i", dtb, "-o", merged, dtbo])
    merged.write_bytes(merged.read_bytes().replace(b"twix@", b"twin@"))
    return merged


if __name__ == "__main__":
    virt_tree(sys.argv[1], memory="4G")
