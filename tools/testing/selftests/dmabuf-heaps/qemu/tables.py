#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The table of boards and the table of kernels, for every script in this directory.

usage: tables.py BOARD | --overlay FILE: prints the entry of a board, or of the board
that an overlay is for, as assignments for a shell
"""

import os
import shlex
import sys
from pathlib import Path

QEMU_DIR = Path(__file__).resolve().parent
TOP = QEMU_DIR.parents[4]

# The default series; the oldest one that modules can be built for, because it exports
# CMA functions; the kernels that `check` builds with the heaps in them, y built in and m
# as modules. The config fragment of a series is linux-SERIES.config.
SERIES = "7.3"
OLDEST = "7.2"
IN_TREE = ((SERIES, "y"), (SERIES, "m"), ("6.12", "y"))

# Debian's names; the kernel's image; the code that jumps to a kernel at another address
# than QEMU's; variables of the caller with a compiler prefix and a guest.
ARCHS = {
    "arm64": {"debian": "arm64", "triplet": "aarch64-linux-gnu", "image": "Image",
              "jump": "44000058 80001fd6",  # ldr x4, .+8; br x4; then the address
              "prefix": "CROSS_COMPILE", "guest": "GUEST"},
    "arm": {"debian": "armhf", "triplet": "arm-linux-gnueabihf", "image": "zImage",
            "prefix": "CROSS_COMPILE_COMPAT", "guest": "GUEST_COMPAT"},
}

# Linux asks the bridge for checksums in the window to the devices' memory, and QEMU
# takes every window with such a request for one to configuration space. Select window
# 1, write its type again without the request, enable it.
DW_PCIE = """
devmem 0x33800900 32 1
devmem 0x33800904 32 0
devmem 0x33800908 32 0x80000000
"""
DW_PCIE_SLOTS = {"pci": ",bus=dw-pcie,addr=0.0,multifunction=on", "card": ",bus=dw-pcie,addr=0.1"}
OVERLAYS = "boot/dts/overlays"

# The first board is the default one. An entry has:
#   arch, machine   for QEMU; {cpus} is the number that was asked for
#   oldest          first QEMU in which the board has the devices that the tests use
#   dts, dtb        its device tree in the kernel, without suffix; dtb where the tree that
#                   is booted has another name. Without them, QEMU generates a tree
#   quirk           overlay for every tree that is booted, because of QEMU
#   overlay, params the board's overlay in this tree, and kernel parameters with it
#   setup           commands in the guest, before it loads drivers
#   append          kernel parameters
#   base, memory    start of the RAM, its size; video: bytes at its end that are not Linux's
#   cpus, smp       most CPUs of the guest; CPUs that QEMU always has
#   console, serial the kernel's console, and the number of that serial port
#   pci, card       slots for the guest's channels and for the card of a test; without PCI,
#                   port is a serial port for the channels
#   cma, carveout, sram, protected   regions with heaps: see heaps()
#   lines           lines about them in the log
#   engine          offset of the DMA engine's addresses from the CPU's
BOARDS = {
    "virt": {
        "arch": "arm64",
        "machine": ["-machine", "virt,gic-version=3", "-cpu", "cortex-a57", "-nic", "none"],
        "overlay": f"arch/arm64/{OVERLAYS}/qemu-virt-dma-heaps.dtso",
        "params": "cma_region_heap.uncached=1 carveout_heap.protected=secure@64000000",
        "base": 0x40000000, "memory": "1G", "cpus": 4, "console": "ttyAMA0", "serial": 0,
        "pci": "", "card": "",
        "cma": ["default", "memory@42000000", "video@50000000"],
        "carveout": ["dsp@60000000"],
        "sram": ["sram@65000000"],
        "protected": ["secure@64000000"],
        "lines": [r"memory@42000000-contiguous: base 0x0*42000000, size 64 MiB",
                  r"video@50000000-contiguous: base 0x0*50000000, size 256 MiB",
                  r"dsp@60000000-contiguous: base 0x0*60000000, size 65536 KiB",
                  r"secure@64000000-protected: base 0x0*64000000, size 16384 KiB",
                  r"sram@65000000-contiguous: base 0x0*65000000, size 512 KiB"],
    },
    "imx8mp-evk": {
        "arch": "arm64", "machine": ["-machine", "imx8mp-evk"],
        "dts": "freescale/imx8mp-evk", "dtb": "freescale/imx8mp-evk-pcie",
        "quirk": QEMU_DIR / "imx8mp-evk.dtso", "setup": DW_PCIE,
        "overlay": f"arch/arm64/{OVERLAYS}/imx8mp-evk-dma-heaps.dtso",
        # Linux waits ten seconds for drivers of devices that QEMU does not have.
        "append": "fw_devlink=permissive",
        "base": 0x40000000, "memory": "2G",  # the memory of a DSP is in the second GiB
        "cpus": 4, "console": "ttymxc1", "serial": 1, **DW_PCIE_SLOTS,
        "cma": ["default", "video@60000000"],
        "carveout": ["npu@70000000"],
        "sram": ["sram@900000"],
        "lines": [r"video@60000000-contiguous: base 0x0*60000000, size 128 MiB",
                  r"npu@70000000-contiguous: base 0x0*70000000, size 40960 KiB",
                  r"sram@900000-contiguous: base 0x0*900000, size 576 KiB"],
    },
    "mcimx7d-sabre": {
        "arch": "arm", "machine": ["-machine", "mcimx7d-sabre"],
        "oldest": "8.2",  # on-chip RAM
        "dts": "nxp/imx/imx7d-sdb", "quirk": QEMU_DIR / "mcimx7d-sabre.dtso", "setup": DW_PCIE,
        "overlay": f"arch/arm/{OVERLAYS}/imx7d-sdb-dma-heaps.dtso",
        "append": "fw_devlink=permissive",
        "base": 0x80000000, "memory": "1G",
        "cpus": 2, "smp": 2,  # interrupts do not arrive on this machine with one CPU
        "console": "ttymxc0", "serial": 0, **DW_PCIE_SLOTS,
        "cma": ["default", "video@98000000", "camera@b8000000"],
        "carveout": ["npu@a0000000"],
        "sram": ["sram@900000"],
        "lines": [r"video@98000000-contiguous: base 0x0*98000000, size 64 MiB",
                  r"camera@b8000000-contiguous: base 0x0*b8000000, size 64 MiB",
                  r"npu@a0000000-contiguous: base 0x0*a0000000, size 40960 KiB",
                  r"sram@900000-contiguous: base 0x0*900000, size 128 KiB"],
    },
    "raspi3b": {
        # CPUs that are enabled and never started would spin.
        "arch": "arm64",
        "machine": ["-machine", "raspi3b", "-global", "bcm2837.enabled-cpus={cpus}"],
        "dts": "broadcom/bcm2837-rpi-3-b",
        "setup": "end='reboot -f'\n",  # power-off takes longer
        "overlay": f"arch/arm64/{OVERLAYS}/bcm2837-rpi-3-b-dma-heaps.dtso",
        "params": "cma_region_heap.uncached=1",
        "append": "fw_devlink=permissive",
        "base": 0, "memory": "1G", "video": 0x4000000,  # the VideoCore's
        "cpus": 4, "smp": 4, "console": "ttyS1", "serial": 1, "port": "/dev/ttyAMA0",
        "cma": ["default", "camera@10000000"],
        "carveout": ["capture@20000000"],
        "sram": [],
        "lines": [r"default-contiguous: programs that open linux,cma get the kernel's own heap",
                  r"camera@10000000-contiguous: base 0x0*10000000, size 128 MiB",
                  r"capture@20000000-contiguous: base 0x0*20000000, size 40960 KiB"],
        "engine": 0xc0000000,
    },
}
DEFAULT = next(iter(BOARDS))


def heaps(name, *kinds):
    """The heaps of a board: of these kinds of region, or of all. CMA regions have twins."""
    return [f"{region}-{'protected' if kind == 'protected' else 'contiguous'}{twin}"
            for kind in kinds or ("cma", "carveout", "sram", "protected")
            for twin in (("", "-uncached") if kind == "cma" else ("",))
            for region in BOARDS[name].get(kind, [])]


def cross_compile(arch="arm64"):
    """The prefix of the compiler: the caller's, else that of Debian's cross compiler."""
    native = arch == "arm64" and os.uname().machine == "aarch64"
    return os.environ.get(ARCHS[arch]["prefix"],
                          "" if native else f"{ARCHS[arch]['triplet']}-")


def dtb(board):
    return f"{board.get('dtb', board['dts'])}.dtb"


def shell(name):
    board = BOARDS[name]
    arch = ARCHS[board["arch"]]
    dtbs = [dtb(b) for b in BOARDS.values() if b["arch"] == board["arch"] and "dts" in b]
    return "\n".join(f"{key}={shlex.quote(str(value))}" for key, value in {
        "SERIES": SERIES, "OLDEST": OLDEST, "BOARD": name, "ARCH": board["arch"],
        "DEBIAN_ARCH": arch["debian"], "LIBDIR": f"usr/lib/{arch['triplet']}",
        "CROSS_COMPILE": cross_compile(board["arch"]), "IMAGE": arch["image"],
        "DTS": board.get("dts", ""), "DTBS": " ".join(dtbs), "GUEST_VARIABLE": arch["guest"],
        "OLDEST_QEMU": board.get("oldest", 0)}.items())


def main():
    if sys.argv[1:] in ([], ["-h"], ["--help"]):
        print(__doc__)
        return
    name = sys.argv[1]
    if name == "--overlay":
        file = Path(sys.argv[2]).resolve()
        name = next((n for n, b in BOARDS.items()
                     if file in (TOP / b["overlay"], b.get("quirk"))), DEFAULT)
    if name not in BOARDS:
        sys.exit(f"error: no board {name}: there are {', '.join(BOARDS)}")
    print(shell(name))


if __name__ == "__main__":
    main()
