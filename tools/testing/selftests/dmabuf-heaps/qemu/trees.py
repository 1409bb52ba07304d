# SPDX-License-Identifier: GPL-2.0-only
"""Device trees that are no board's own with an overlay: they are made for a test."""

import os
import subprocess
from pathlib import Path

OVERLAYS = Path(__file__).resolve().parents[1] / "overlays"


def tool(argv):
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def virt_tree(dtb, cpus, memory="1G"):
    """The device tree that QEMU makes for virt, in a size that the kernel takes."""
    tool([os.environ.get("QEMU", "qemu-system-aarch64"), "-m", memory, "-smp", str(cpus),
          "-cpu", "cortex-a57", "-machine", f"virt,gic-version=3,dumpdtb={dtb}",
          "-display", "none", "-nic", "none"])
    tool(["dtc", "-q", "-I", "dtb", "-O", "dtb", "-o", dtb, dtb])


def not_coherent_tree(work, memory="1G"):
    """A device tree of the board, with one CPU, whose PCI devices pass the CPU's caches by."""
    dtb = work / f"not-coherent-{memory}.dtb"
    virt_tree(dtb, 1, memory)
    tool(["fdtput", "-d", dtb, "/pcie@10000000", "dma-coherent"])
    return dtb


def same_name_tree(work):
    """A device tree that no tool writes: two regions have one name."""
    dtb, dtbo, merged = work / "virt.dtb", work / "same-name.dtbo", work / "same-name.dtb"
    virt_tree(dtb, 2)
    tool(["dtc", "-q", "-@", "-O", "dtb", "-o", dtbo, OVERLAYS / "same-name.dtso"])
    tool(["fdtoverlay", "-i", dtb, "-o", merged, dtbo])
    merged.write_bytes(merged.read_bytes().replace(b"twix@", b"twin@"))
    return merged
