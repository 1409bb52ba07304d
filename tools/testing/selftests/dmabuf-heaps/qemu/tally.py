# SPDX-License-Identifier: GPL-2.0-only
"""Runs and counts the tests of `check`.

Tally counts results, Kernel collects the tests that are boots of one kernel as jobs, and
side_by_side runs them.
"""

import re
import shutil
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

from lib import coloured, progress, run, script
from tables import BOARDS, QEMU_DIR, cross_compile

VM = QEMU_DIR / "vm"
HEAP_LINE = re.compile("(cma_region|carveout|sram)_heap:")


class Tally:
    """Counts results and shows them, each failed or skipped one with its name."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.lock = threading.RLock()  # boots run side by side

    def show(self, word, text):
        print(f"{coloured(word, 6)} {text}", flush=True)

    def test(self, name, good, why=""):
        if good:
            self.passed += 1
            self.show("ok", name)
        else:
            self.failed += 1
            self.show("not ok", f"{name}{': ' if why else ''}{why}")

    def tap(self, name, lines):
        """Counts the results in a program's TAP, and missing ones of its plan as failures."""
        plan = next((int(m[1]) for m in map(re.compile(r"1\.\.(\d+)").match, lines) if m), None)
        if plan == 0:
            self.skipped += 1
            return self.show("skip", f"{name}: {' '.join(lines)}")
        if plan is None:
            return self.test(name, False, "it printed no TAP plan: it did not run")
        passed, seen = 0, 0
        for i, line in enumerate(lines):
            m = re.match(r"(not )?ok \d+ ?(.*)", line)
            if not m:
                continue
            seen += 1
            skip = re.search(r"# SKIP\b ?(.*)", m[2])
            if m[1]:
                self.failed += 1
                print("\n".join(lines[max(0, i - 12):i]))
                self.show("not ok", f"{name}: {m[2]}")
            elif skip:
                self.skipped += 1
                self.show("skip", f"{name}: {m[2]}")
            else:
                self.passed += 1
                passed += 1
        if seen != plan:
            self.failed += abs(plan - seen)
            self.show("not ok", f"{name}: {seen} of {plan} tests have a result")
            print("\n".join(lines[-12:]))
        self.show("ok" if passed == plan else "", f"{name}: {passed} of {plan} passed")
        return None


def side_by_side(jobs):
    """Runs (name, function) jobs two at a time, and shows every ten seconds which ones."""
    running = []

    def job(name_function):
        name, function = name_function
        running.append(name)
        function()
        running.remove(name)

    with progress(lambda: "; ".join(running)), ThreadPoolExecutor(2) as pool:
        list(pool.map(job, jobs))


def build_32_bit(tally, program, out):
    """A test program as a 32-bit caller of a 64-bit kernel, linked statically."""
    board = next(name for name, b in BOARDS.items() if b["arch"] == "arm")
    script("packages", "--board", board)  # its compiler
    status, output, err = run(["make", "-s", "-C", QEMU_DIR.parent, "ARCH=arm",
                               f"CROSS_COMPILE={cross_compile('arm')}", f"KSRC={script('source')}",
                               f"SYSROOT={script('guest')}/root", f"OUTPUT={out}",
                               "LDFLAGS=-static", "LIBDRM=", out / program])
    tally.test(f"32 bits: {program} builds", status == 0, output + err)
    shutil.copy(QEMU_DIR / "run-tests", out)


class Kernel:
    """The tests that are boots of one kernel, collected as jobs."""

    def __init__(self, tally, name, args, tests):
        self.tally, self.name, self.args, self.tests = tally, name, args, tests
        self.jobs = []
        self.heap_lines = set()  # lines of the heaps in the logs of all boots

    def job(self, title, report, *argv):
        """Boots with these arguments; report gets status, output, errors and the kernel's log."""
        def boot():
            with tempfile.NamedTemporaryFile("r", errors="replace") as log:
                result = run([VM, *self.args, "--log", log.name, *argv])
                lines = log.read().splitlines()
                with self.tally.lock:
                    self.heap_lines.update(line for line in lines if HEAP_LINE.match(line))
                    report(f"{self.name}: {title}", *result, lines)
        self.jobs.append((f"{self.name}: {title}", boot))

    def programs(self, title, programs, *vm_args, heaps=()):
        """One boot that runs test programs in the guest; those of this tree must test all heaps."""
        def report(name, status, out, err, _log):
            found = re.split(r"^PROGRAM (.*)\n", out, flags=re.M)
            ran = dict(zip(found[1::2], found[2::2]))
            for p in programs:
                self.tally.tap(f"{name}: {p}", ran.get(p, "").splitlines())
                missing = [h for h in heaps if f" heap.{h}." not in ran.get(p, "")]
                if ":" not in p and missing:
                    self.tally.test(f"{name}: {p} tests {' '.join(missing)}", False)
            good = status == 0 or (status == 1 and re.search("^not ok", out, flags=re.M))
            self.tally.test(f"{name}: no reports, no leaks", good, err)
        select = ["env", "DMABUF_HEAPS=" + " ".join(heaps)] if heaps else []
        self.job(title, report, "--timeout", "1500", "--add", self.tests, *vm_args,
                 "--", *select, "/add/run-tests", *programs)

    def status(self, title, want, command, *vm_args, says=""):
        """One boot that must end with this exit status, and print the reason."""
        def report(name, status, out, err, _log):
            good = status == want and re.search(says, out + err, flags=re.M)
            self.tally.test(name, good, f"status {status}, not {want}, or {says!r} was not "
                                        f"printed\n{out}{err}")
        self.job(title, report, "--timeout", "600", *vm_args, "--", *command)

    def regions(self, title, present, absent, lines, *vm_args, kernel_says="", of=""):
        """One boot of a device tree: its heaps, and the log's lines about them, once each.

        kernel_says is the report that the kernel's own code makes of such a tree; only
        lines that match `of` are compared.
        """
        def report(name, status, out, err, log):
            heaps = out.split()
            seen = [line for line in log if HEAP_LINE.match(line) and re.search(of, line)]
            self.tally.test(f"{name}: boots, and nothing else is reported",
                            status == (125 if kernel_says else 0) and kernel_says in err and
                            not re.search("cut here|BUG:|KASAN:", "\n".join(log)), err)
            for h in present:
                self.tally.test(f"{name}: {h} comes up", h in heaps, out)
            for h in absent:
                self.tally.test(f"{name}: {h} does not", h not in heaps, out)
            for s in lines:
                self.tally.test(f"{name}: one line says {s!r}",
                                sum(bool(re.search(s, line)) for line in seen) == 1,
                                "\n".join(seen))
            self.tally.test(f"{name}: and no other line", len(seen) == len(lines), "\n".join(seen))
        self.job(title, report, "--timeout", "600", *vm_args, "--", "ls", "/dev/dma_heap")
