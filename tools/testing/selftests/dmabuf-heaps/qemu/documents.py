# SPDX-License-Identifier: GPL-2.0-only
"""Tests of the README and of the documentation: examples run, and statements are true."""

import re

from lib import TESTS, run, script
from screen import pixels
from tables import BOARDS, QEMU_DIR, TOP, cross_compile
from tally import HEAP_LINE, Kernel, build_32_bit

HEAPS_DOC = TOP / "Documentation/userspace-api/dma-buf-heaps-memory.rst"
PHYS_DOC = TOP / "Documentation/admin-guide/dma-buf-phys.rst"
RULES = TOP / "tools/dmabuf-heaps/60-dmabuf-heaps.rules"
UAPI = TOP / "include/uapi"

# /dev/dma-buf-phys before and after an administrator adds a rule to /etc.
ADMIN = """
modprobe dma-buf-phys
stat -c %U:%G:%a /dev/dma-buf-phys
for h; do /add/0 $h; done
mkdir -p /etc/udev/rules.d
cp /add/99-phys.rules /etc/udev/rules.d
udevadm control --reload
udevadm trigger --action=change /dev/dma-buf-phys
udevadm settle
stat -c %U:%G:%a /dev/dma-buf-phys
readlink /dev/dmabuf_imx
"""
LINK = """
mkdir -p /etc/udev/rules.d
cp /add/99-link.rules /etc/udev/rules.d
udevadm control --reload
udevadm trigger --action=change /dev/dma_heap/dsp@60000000-contiguous
udevadm settle
readlink /dev/dma_heap/carveout_vision_apps_shared-memories
"""

# Calls as in libimxdmabuffer and rkmpp, whose sources include linux/dma-buf.h only.
VENDOR_LIBRARY = """
#include <sys/ioctl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>

unsigned long get_physical_address(int fd)
{
	struct dma_buf_phys phys;

	return ioctl(fd, DMA_BUF_IOCTL_PHYS, &phys) < 0 ? 0 : phys.phys;
}

int sync_partial(int fd, unsigned int offset, unsigned int len)
{
	struct dma_buf_sync_partial sync = { DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW, offset, len };

	return ioctl(fd, DMA_BUF_IOCTL_SYNC_PARTIAL, &sync);
}
"""
# The end of a vendor's linux/dma-buf.h; also definitions that a program has itself.
VENDOR_DEFINITIONS = """
struct dma_buf_phys { unsigned long phys; };
#define DMA_BUF_IOCTL_PHYS _IOW('b', 10, struct dma_buf_phys)
struct dma_buf_sync_partial { unsigned long long flags; unsigned int offset, len; };
#define DMA_BUF_IOCTL_SYNC_PARTIAL _IOW('b', 2, struct dma_buf_sync_partial)
"""


def build_programs(tally, name, text, add):
    """Builds the C programs of a document as add/0, add/1, ..."""
    add.mkdir()
    for n, program in enumerate(re.findall(r"code-block:: c\n\n((?:  .*\n|\n)+)", text)):
        (add / f"{n}.c").write_text(program)
        status, out, err = run([cross_compile() + "gcc", "-static", "-Wall", "-Wextra", "-Werror",
                                "-Wno-unused-parameter", "-idirafter", UAPI,
                                "-o", add / f"{n}", add / f"{n}.c"])
        tally.test(f"{name}: program {n} of its documentation builds", status == 0, out + err)


def check_vendor_names(tally, work):
    """Sources with the vendors' names compile as documented, and never clash with ours."""
    script("packages", "--board", next(n for n, b in BOARDS.items() if b["arch"] == "arm"))
    asked = re.search(r"flags of the compiler::\n\n  (.*)\n", HEAPS_DOC.read_text())[1].split()
    source, vendor = work / "library.c", work / "vendor/linux"
    vendor.mkdir(parents=True)
    (vendor / "dma-buf.h").write_text("#ifndef VENDOR_DMA_BUF_H\n#define VENDOR_DMA_BUF_H\n"
                                      "#include_next <linux/dma-buf.h>\n"
                                      f"{VENDOR_DEFINITIONS}#endif\n")
    ours = "#include <linux/dma-buf-vendor.h>\n"
    own = VENDOR_LIBRARY.replace("\n\n", f"\n{ours}{VENDOR_DEFINITIONS}\n", 1)
    for arch in ("arm64", "arm"):
        for title, text, flags in (
                ("a library, unchanged", VENDOR_LIBRARY, asked),
                ("a library that includes our header last", VENDOR_LIBRARY.replace(
                    "\n\n", f"\n{ours}\n", 1), asked[:1]),
                ("the headers of a vendor's kernel", VENDOR_LIBRARY,
                 [*asked, "-I", work / "vendor"]),
                ("a program with definitions of its own", own, [])):
            source.write_text(text)
            status, out, err = run([cross_compile(arch) + "gcc", "-std=gnu99", "-pedantic", "-Wall",
                                    "-Wextra", "-Werror", "-fsyntax-only", "-idirafter", UAPI,
                                    *flags, source])
            tally.test(f"the vendors' names, {arch}: {title}", status == 0, out + err)


def check_demo(tally):
    """The README shows the output of the demo."""
    status, out, err = run([QEMU_DIR / "demo"])
    tally.test("demo: succeeds", status == 0, out + err)
    readme = (TOP / "README.rst").read_text()
    block = re.search(r"prints::\n\n((?:  .*\n|\n)+)", readme)
    shown = [line.strip() for line in block[1].splitlines() if line.strip()] if block else []
    tally.test("demo: the README shows its output", len(shown) > 10, "no block after `prints::`")
    printed = {line.strip() for line in out.splitlines()}
    for line in shown:
        if line not in printed:
            tally.test("demo: the README's line is printed", False, f"{line}\n{out}")


def check_demo_display(tally, work):
    """The picture in the README is the demo's screen, pixel by pixel."""
    seen, shown = work / "screen.png", TOP / "Documentation/demo-display.png"
    status, out, err = run([QEMU_DIR / "demo-display", seen])
    tally.test("demo-display: succeeds", status == 0, out + err)
    tally.test("demo-display: the screen shows the drawing",
               re.search(r"640 times 480 pixels, each as it was drawn", out), out)
    tally.test("demo-display: the README shows its screen",
               f".. image:: {shown.relative_to(TOP)}" in (TOP / "README.rst").read_text() and
               seen.exists() and pixels(shown) == pixels(seen))


def check_heaps_doc(tally, k, work, heaps, large_heaps):
    """The programs of the heaps' documentation run, its paths exist, and its names are heaps."""
    text, add = HEAPS_DOC.read_text(), work / "doc"
    build_programs(tally, "heaps", text, add)
    mappable = [h for h in heaps if not h.endswith("-protected")]
    for n, targets, says in ((0, mappable, "^65536 bytes of {} are filled$"),
                             (1, large_heaps, "^8388608 bytes of {}: 4 faults$")):
        k.status(f"the documentation's program {n} works on every heap with that use", 0,
                 ["sh", "-c", f"for h; do /add/{n} $h || exit 1; done", "-", *targets],
                 "--add", add, says="\n".join(says.format(h) for h in targets))
    paths = {p.replace("<heap>", "dsp@60000000-contiguous").replace("<area>", "reserved")
             for p in re.findall(r"``(/(?:sys|dev)/[^`]*)``", text)}
    k.status("the documentation's paths exist", 0, ["ls", "-d", *sorted(paths)])
    names = set(re.findall(r"``((?:default|[a-z]+@[0-9a-f]+)-(?:contiguous|protected)[a-z-]*)``",
                           text))
    tally.test("documentation: its names are heaps", names and names <= set(heaps),
               " ".join(names - set(heaps)))
    (add / "99-link.rules").write_text(re.search(r"^    (SUBSYSTEM(?:.*\\\n)*.*\n)", text, re.M)[1])
    k.status("the documentation's udev rule makes a link", 0, ["sh", "-ec", LINK], "--add", add,
             says="^dsp@60000000-contiguous$")
    links = {f"``{n}``" for n in re.findall(r'SYMLINK\+="dma_heap/(.*)"', RULES.read_text())}
    listed = set(re.findall(r"^(``[a-z_,-]*``).*``default-contiguous", text, re.M))
    tally.test("documentation: its links are those of the udev rule", links and links == listed,
               " ".join(links ^ listed))


def check_heaps_log(tally, k):
    """Each line of the log in the heaps' documentation occurred in a boot."""
    lines = [line.strip() for line in HEAPS_DOC.read_text().splitlines()
             if HEAP_LINE.match(line.strip())]
    tally.test("documentation: its lines of the log occurred",
               lines and set(lines) <= k.heap_lines, "\n".join(set(lines) - k.heap_lines))


def check_phys_doc(tally, k, work, heaps):
    """The same for /dev/dma-buf-phys, and its udev rules and numbers."""
    text, add = PHYS_DOC.read_text(), work / "phys"
    build_programs(tally, "physical addresses", text, add)
    rules = re.findall(r"^  (SUBSYSTEM.*)$", text, re.M)
    installed = re.findall(r"^#(SUBSYSTEM.*)$", RULES.read_text(), re.M)
    tally.test("physical addresses: the documentation's udev rules are the installed ones",
               rules and rules == installed, "\n".join(installed))
    (add / "99-phys.rules").write_text("\n".join(rules[-1:]) + "\n")
    lines = [f"^65536 bytes of {h} are at 0x[0-9a-f]+$" for h in heaps]
    k.status("physical addresses: the documentation's program and rules work", 0,
             ["sh", "-ec", ADMIN, "-", *heaps], "--add", add,
             says="\n".join(["^root:root:600$", *lines, "^root:video:660$", "^dma-buf-phys$"]))
    paths = set(re.findall(r"``(/(?:sys|dev|etc|proc)/[^`]*)``", text))
    k.status("physical addresses: the documentation's paths exist", 0,
             ["sh", "-c", 'modprobe dma-buf-phys && ls -d "$@"', "-", *sorted(paths)])
    k.status("physical addresses: no node unless the module is loaded", 1,
             ["test", "-e", "/dev/dma-buf-phys"])
    most = re.search(r"DMA_BUF_PHYS_MAX\s+(\d+)", (UAPI / "linux/dma-buf-phys.h").read_text())[1]
    limits = set(re.findall(r"\b(\d{4})\b(?: of them|\s+buffers)", text))
    tally.test("physical addresses: the documentation's limit is the header's", limits == {most},
               f"{limits}, not {most}")
    tested = (TESTS / "dma_buf_phys_abi.c").read_text()
    numbers = [set(re.findall(r"0xC[0-9A-F]{7}", t)) for t in (text, tested)]
    tally.test("physical addresses: the documentation's ioctl numbers are the tested ones",
               len(numbers[0]) == 4 and numbers[0] == numbers[1], str(numbers))


def check_phys_32_bit(tally, k, work, heaps):
    """A program of 32 bits calls the ioctls of a 64-bit kernel."""
    out = work / "phys-32"
    out.mkdir()
    build_32_bit(tally, "dma_buf_phys_abi", out)
    compat = Kernel(tally, f"{k.name}, a program of 32 bits", k.args, out)
    compat.programs("physical addresses", ["dma_buf_phys_abi"], heaps=heaps)
    k.jobs += compat.jobs
