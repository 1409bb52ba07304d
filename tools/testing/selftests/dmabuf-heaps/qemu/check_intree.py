# SPDX-License-Identifier: GPL-2.0-only
"""The heaps as a part of the kernel: `make intree`, `make series`, and their kernels.

The kernels that are built and booted are those that git am makes of an untouched source.
"""

import os
import re
import shutil
import tempfile
from pathlib import Path

from lib import run, script
from tables import IN_TREE, QEMU_DIR, TOP
from tally import Kernel, build_32_bit, side_by_side

INTREE = TOP / "tools/dmabuf-heaps/intree"

# The part of a kernel source tree that `make intree` reads.
READ = ("Kconfig", "MAINTAINERS", "Makefile", "drivers/dma-buf", "include/linux/dma-buf.h",
        "Documentation/userspace-api/index.rst", "Documentation/admin-guide/index.rst",
        "Documentation/driver-api/index.rst",
        "tools/testing/selftests/dmabuf-heaps")


def small_tree(source, work):
    """The part of an untouched source that `make intree` reads."""
    tree = Path(tempfile.mkdtemp(dir=work))
    for name in READ:
        if (source / name).is_dir():
            shutil.copytree(source / name, tree / name)
        else:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, tree / name)
    return tree


def content(tree):
    return {p: p.read_bytes() for p in tree.rglob("*") if p.is_file() and ".git" not in p.parts}


def edit(path, old, new):
    text = path.read_text()
    assert old in text, (path, old)
    path.write_text(text.replace(old, new))


def no_tree(tree):
    (tree / "Kconfig").unlink()


def other_version(tree):
    edit(tree / "Makefile", "PATCHLEVEL = ", "PATCHLEVEL = 9")


def has_them(tree):
    run([INTREE, tree])


def other_core(tree):
    edit(tree / "drivers/dma-buf/dma-buf.c", "default:\n\t\treturn -ENOTTY;",
         "default:\n\t\treturn -EINVAL;")


def file_in_the_way(tree):
    (tree / "drivers/dma-buf/phys").mkdir()
    (tree / "drivers/dma-buf/phys/Kconfig").touch()


def git(tree, *argv):
    run(["git", "-C", tree, "-c", "user.name=t", "-c", "user.email=t@example.org", *argv])


def uncommitted(tree):
    git(tree, "init", "-q")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "as it was")
    (tree / "drivers/dma-buf/heaps/Kconfig").open("a").write("# mine\n")


# A fault, and the error message about it: the cause, then the cure.
REFUSED = (
    (no_tree, r"is no kernel source tree.*KSRC="),
    (other_version, r"is Linux 7\.93, and there are hooks for 6\.12, 7\.3: take a tree of one"),
    (has_them, r"has these heaps already: take an untouched tree"),
    (other_core, r"0001-.*patch does not apply to .*dma-buf\.c .*take an untouched tree"),
    (file_in_the_way, r"phys/Kconfig is there already.*: move it away"),
    (uncommitted, r"not committed in .*commit or stash them:\n M drivers/dma-buf/heaps/Kconfig\n"),
)


def check_refusals(tally, source, work):
    """A refusal names cause and cure, and changes nothing."""
    for fault, says in REFUSED:
        tree = small_tree(source, work)
        fault(tree)
        before = content(tree)
        status, _, err = run(["make", "-s", "-C", TOP, "intree", f"KSRC={tree}"])
        name = f"make intree: {fault.__name__.replace('_', ' ')}"
        tally.test(f"{name}: is refused, with cause and cure", status and re.search(says, err), err)
        tally.test(f"{name}: nothing is changed", content(tree) == before)
    status, _, err = run(["make", "-s", "-C", TOP, "intree"])
    tally.test("make intree: without KSRC", status and "make intree KSRC=" in err, err)
    status, _, err = run(["env", "-i", f"PATH={os.environ['PATH']}", "GIT_CONFIG_GLOBAL=/dev/null",
                          "GIT_CONFIG_NOSYSTEM=1", INTREE, "--series", work / "unsigned", source])
    tally.test("make series: without a signer",
               status and "git config --global user.name" in err, err)
    tree = small_tree(source, work)
    status, out, err = run(["make", "-s", "-C", TOP, "intree", f"KSRC={tree}"])
    tally.test("make intree: into an untouched tree", status == 0, out + err)
    after = [(tree / "drivers/dma-buf/heaps" / f).read_text() for f in ("Kconfig", "Makefile")]
    before = [(source / "drivers/dma-buf/heaps" / f).read_text() for f in ("Kconfig", "Makefile")]
    tally.test("make intree: the kernel's own lines stay as they are",
               all(a.startswith(b) for a, b in zip(after, before)))


def check_series(tally, name, tree):
    """checkpatch of that kernel accepts the patches."""
    patches = sorted(Path(f"{tree}-series").glob("*.patch"))
    _, log, _ = run(["git", "-C", f"{tree}-git", "log", "--format=%s", "base.."])
    tally.test(f"{name}: git am took {len(patches)} patches",
               patches and len(log.splitlines()) == len(patches), log)
    for patch in patches:
        status, out, err = run(["env", "-C", patch.parent, tree / "scripts/checkpatch.pl",
                                f"--root={tree}", "--strict", "--quiet", "--no-summary", "--terse",
                                "--show-types", "--ignore", "CAMELCASE",  # libdrm's names
                                patch])
        tally.test(f"{name}: checkpatch of {patch.name}", status == 0 and not out + err, out + err)


def check_kernel(k, heaps, programs, long_programs, mode):
    if mode == "m":
        k.programs("heaps", ["heap_alloc", "heap_ioctl", "kunit:heap_region"], heaps=heaps)
        return
    k.programs("heaps", programs, heaps=heaps)
    k.programs("heaps, at length", long_programs, heaps=heaps)
    k.programs("a device", ["heap_device", "heap_device_life"], "--icount", "--qemu",
               "-device edu,dma_mask=0xffffffffff", "--append", "EDU_FLAGS=1", heaps=heaps)


def check_ioctl(k, heaps):
    """The ioctls, also with addresses of more than 32 bits."""
    k.programs("ioctls", ["heap_ioctl"], heaps=heaps)
    k.programs("ioctls above 4 GiB", ["heap_ioctl"], "--overlay",
               QEMU_DIR.parent / "overlays/big-region.dtso", "--memory", "8G",
               heaps=["big@100000000-contiguous"])


def check_intree(tally, heaps, programs, long_programs):
    tests = script("tests")
    with tempfile.TemporaryDirectory(prefix="dmabuf-heaps-intree.") as tmp:
        work = Path(tmp)
        check_refusals(tally, Path(script("source")), work)
        compat = work / "32-bit"
        build_32_bit(tally, "heap_ioctl", compat)
        for series, mode in IN_TREE:
            name = f"{series} in-tree, {'built in' if mode == 'y' else 'modules'}"
            args = ["--kernel", series, "--intree", mode]
            script("kernel", *args)
            k = Kernel(tally, name, args, tests)
            check_kernel(k, heaps, programs, long_programs, mode)
            if mode == "y":
                check_series(tally, name, Path(script("intree", series)))
                narrow = Kernel(tally, f"{name}, a program of 32 bits", args, compat)
                check_ioctl(k, heaps)
                check_ioctl(narrow, heaps)
                k.jobs += narrow.jobs
            side_by_side(k.jobs)
