# SPDX-License-Identifier: GPL-2.0-only
"""Tests of /dev/dma-buf-phys that need no heap: its documentation, and a 32-bit program."""

import re

from lib import TESTS, TOP, run
from tables import cross_compile
from tally import Kernel, build_32_bit

DOC = TOP / "Documentation/admin-guide/dma-buf-phys.rst"
RULES = TOP / "tools/dmabuf-heaps/60-dmabuf-heaps.rules"
UAPI = TOP / "include/uapi"

# The node before and after an administrator puts a rule into /etc.
ADMIN = """
modprobe dma-buf-phys
stat -c %U:%G:%a /dev/dma-buf-phys
for h; do /add/example $h; done
mkdir -p /etc/udev/rules.d
cp /add/99-phys.rules /etc/udev/rules.d
udevadm control --reload
udevadm trigger --action=change /dev/dma-buf-phys
udevadm settle
stat -c %U:%G:%a /dev/dma-buf-phys
readlink /dev/dmabuf_imx
"""


def check_program(tally, k, text, add, heaps):
    """The documentation's program works on every heap, and its rules are udev's."""
    (add / "example.c").write_text(re.search(r"code-block:: c\n\n((?:  .*\n|\n)+)", text)[1])
    status, out, err = run([cross_compile() + "gcc", "-static", "-Wall", "-Wextra", "-Werror",
                            "-Wno-unused-parameter", "-idirafter", UAPI,
                            "-o", add / "example", add / "example.c"])
    tally.test("physical addresses: the documentation's program builds", status == 0, out + err)
    rules = re.findall(r"^  (SUBSYSTEM.*)$", text, re.M)
    there = re.findall(r"^#(SUBSYSTEM.*)$", RULES.read_text(), re.M)
    tally.test("physical addresses: the documentation's udev rules are the installed ones",
               rules and rules == there, "\n".join(there))
    (add / "99-phys.rules").write_text("\n".join(rules[-1:]) + "\n")
    lines = [f"^65536 bytes of {h} are at 0x[0-9a-f]+$" for h in heaps]
    k.status("physical addresses: the documentation's program and rules work", 0,
             ["sh", "-ec", ADMIN, "-", *heaps], "--add", add,
             says="\n".join(["^root:root:600$", *lines, "^root:video:660$", "^dma-buf-phys$"]))


def check_names(tally, k, text):
    """Paths in the documentation exist, and its numbers are those of the headers."""
    paths = set(re.findall(r"``(/(?:sys|dev|etc|proc)/[^`]*)``", text))
    k.status("physical addresses: the documentation's paths exist", 0,
             ["sh", "-c", 'modprobe dma-buf-phys && ls -d "$@"', "-", *sorted(paths)])
    k.status("physical addresses: no node unless the module is loaded", 1,
             ["test", "-e", "/dev/dma-buf-phys"])
    header = (UAPI / "linux/dma-buf-phys.h").read_text()
    most = re.search(r"DMA_BUF_PHYS_MAX\s+(\d+)", header)[1]
    limits = set(re.findall(r"\b(\d{4})\b(?: of them|\s+buffers)", text))
    tally.test("physical addresses: the documentation's limit is the header's", limits == {most},
               f"{limits}, not {most}")
    tested = (TESTS / "dma_buf_phys_abi.c").read_text()
    numbers = [set(re.findall(r"0xC[0-9A-F]{7}", t)) for t in (text, tested)]
    tally.test("physical addresses: the documentation's ioctl numbers are the tested ones",
               len(numbers[0]) == 4 and numbers[0] == numbers[1], str(numbers))


def check_32_bit(tally, k, out, heaps):
    """A program of 32 bits calls the ioctls of a 64-bit kernel."""
    build_32_bit(tally, "dma_buf_phys_abi", out)
    compat = Kernel(tally, f"{k.name}, a program of 32 bits", k.args, out)
    compat.programs("physical addresses", ["dma_buf_phys_abi"], heaps=heaps)
    k.jobs += compat.jobs


def check_phys(tally, k, work, heaps, kinds):
    """heaps are all of this machine, kinds one of each kind."""
    text = DOC.read_text()
    add, compat = work / "phys", work / "phys-32"
    for d in (add, compat):
        d.mkdir()
    check_program(tally, k, text, add, heaps)
    check_names(tally, k, text)
    check_32_bit(tally, k, compat, kinds)
