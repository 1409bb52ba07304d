# SPDX-License-Identifier: GPL-2.0-only
"""How the tests of `check` are run and counted.

Tally counts results, Kernel gathers the tests that are boots of one kernel, and
side_by_side runs them.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

QEMU_DIR = Path(__file__).resolve().parent
VM = QEMU_DIR / "vm"

HEAP_LINE = re.compile("(cma_region|carveout|sram)_heap:|contig_heap_lib: /")

COLOUR, PLAIN = {}, ""
if sys.stdout.isatty():
    COLOUR, PLAIN = {"ok": "\033[32m", "not ok": "\033[31m", "skip": "\033[33m"}, "\033[0m"


class Tally:
    """Counts results and shows them: what failed and what was skipped by name."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.lock = threading.RLock()  # boots run side by side

    def show(self, word, text):
        print(f"{COLOUR.get(word, '')}{word:>6}{PLAIN} {text}", flush=True)

    def test(self, name, good, why=""):
        if good:
            self.passed += 1
            self.show("ok", name)
        else:
            self.failed += 1
            self.show("not ok", f"{name}{': ' if why else ''}{why}")

    def tap(self, name, lines):
        """One program's TAP: counts its results and whatever is missing of its plan."""
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


def run(argv):
    """Runs a command; returns its status and what it printed."""
    r = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       stdin=subprocess.DEVNULL, text=True, errors="replace")
    return r.returncode, r.stdout, r.stderr


def side_by_side(jobs):
    """Runs (what, function) jobs two at a time, with a sign of life every ten seconds."""
    start, running, done = time.monotonic(), [], threading.Event()

    def alive():
        while not done.wait(10):
            print(f"       ... {time.monotonic() - start:.0f} s: {'; '.join(running)}",
                  file=sys.stderr, flush=True)

    def job(what_function):
        what, function = what_function
        running.append(what)
        function()
        running.remove(what)

    threading.Thread(target=alive, daemon=True).start()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(job, jobs))
    done.set()


def script(*argv):
    """A script beside this one, whose progress is shown; returns what it prints."""
    r = subprocess.run([QEMU_DIR / argv[0], *argv[1:]], stdout=subprocess.PIPE, text=True)
    if r.returncode:
        sys.exit(1)
    return r.stdout.strip()


def cross_compile():
    """The prefix of the compiler for guests of 64 bits."""
    default = "" if os.uname().machine == "aarch64" else "aarch64-linux-gnu-"
    return os.environ.get("CROSS_COMPILE", default)


def build_32_bit(tally, program, out):
    """A test program as a 32-bit caller of a 64-bit kernel, which needs no libraries."""
    script("packages", "--board", "mcimx7d-sabre")  # its compiler
    prefix = os.environ.get("CROSS_COMPILE_COMPAT", "arm-linux-gnueabihf-")
    status, said, err = run(["make", "-s", "-C", QEMU_DIR.parent, "ARCH=arm",
                             f"CROSS_COMPILE={prefix}", f"KSRC={script('source')}",
                             f"SYSROOT={script('guest')}/root", f"OUTPUT={out}",
                             "LDFLAGS=-static", "LIBDRM=", out / program])
    tally.test(f"32 bits: {program} builds", status == 0, said + err)
    shutil.copy(QEMU_DIR / "run-tests", out)


class Kernel:
    """The tests that are boots of one kernel, gathered as jobs."""

    def __init__(self, tally, name, args, tests):
        self.tally, self.name, self.args, self.tests = tally, name, args, tests
        self.jobs = []
        self.heap_lines = set()  # what the log of any boot said of heaps

    def job(self, what, report, *argv):
        """Boots with these arguments; report gets status, output, errors and the kernel's log."""
        def boot():
            with tempfile.NamedTemporaryFile("r", errors="replace") as log:
                result = run([VM, *self.args, "--log", log.name, *argv])
                lines = log.read().splitlines()
                with self.tally.lock:
                    self.heap_lines.update(line for line in lines if HEAP_LINE.match(line))
                    report(f"{self.name}: {what}", *result, lines)
        self.jobs.append((f"{self.name}: {what}", boot))

    def programs(self, what, programs, *vm_args, heaps=()):
        """One boot that runs test programs in the guest, those of this tree on all of heaps."""
        def report(name, status, out, err, _log):
            found = re.split(r"^PROGRAM (.*)\n", out, flags=re.M)
            ran = dict(zip(found[1::2], found[2::2]))
            for p in programs:
                self.tally.tap(f"{name}: {p}", ran.get(p, "").splitlines())
                missing = [h for h in heaps if f" heap.{h}." not in ran.get(p, "")]
                if ":" not in p and missing:
                    self.tally.test(f"{name}: {p} tests {' '.join(missing)}", False)
            told = status == 0 or (status == 1 and re.search("^not ok", out, flags=re.M))
            self.tally.test(f"{name}: nothing reported, nothing left behind", told, err)
        select = ["env", "DMABUF_HEAPS=" + " ".join(heaps)] if heaps else []
        self.job(what, report, "--timeout", "1500", "--add", self.tests, *vm_args,
                 "--", *select, "/add/run-tests", *programs)

    def status(self, what, want, command, *vm_args, says=""):
        """One boot whose exit status, and word of why, is the test."""
        def report(name, status, out, err, _log):
            good = status == want and re.search(says, out + err, flags=re.M)
            self.tally.test(name, good, f"status {status}, not {want}, or nothing said of "
                                        f"{says!r}\n{out}{err}")
        self.job(what, report, "--timeout", "600", *vm_args, "--", *command)

    def regions(self, what, present, absent, said, *vm_args, kernel_says="", of=""):
        """One boot of a device tree: which heaps come up, what the log says, once each.

        kernel_says is what the kernel's own code reports of such a tree; of is what the
        lines are about that are looked at.
        """
        def report(name, status, out, err, log):
            heaps = out.split()
            lines = [line for line in log if HEAP_LINE.match(line) and re.search(of, line)]
            self.tally.test(f"{name}: boots, and nothing else is reported",
                            status == (125 if kernel_says else 0) and kernel_says in err and
                            not re.search("cut here|BUG:|KASAN:", "\n".join(log)), err)
            for h in present:
                self.tally.test(f"{name}: {h} comes up", h in heaps, out)
            for h in absent:
                self.tally.test(f"{name}: {h} does not", h not in heaps, out)
            for s in said:
                self.tally.test(f"{name}: one line says {s!r}",
                                sum(bool(re.search(s, line)) for line in lines) == 1,
                                "\n".join(lines))
            self.tally.test(f"{name}: and no other line", len(lines) == len(said), "\n".join(lines))
        self.job(what, report, "--timeout", "600", *vm_args, "--", "ls", "/dev/dma_heap")
