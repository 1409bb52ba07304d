# SPDX-License-Identifier: GPL-2.0-only
"""Shared by the Python programs in this directory: paths, other scripts, progress."""

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

from tables import QEMU_DIR

TESTS = QEMU_DIR.parent
COLOURS = {"ok": 32, "met": 32, "not ok": 31, "not met": 31, "skip": 33}

# A caller's make has its own jobs and flags.
for flags in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
    os.environ.pop(flags, None)


def say(text):
    print(text, file=sys.stderr, flush=True)


def coloured(word, width=0):
    """A result, in its colour on a terminal."""
    text = f"{word:>{width}}"
    return f"\033[{COLOURS[word]}m{text}\033[0m" if word in COLOURS and sys.stdout.isatty() \
        else text


def run(argv):
    """Runs a command; returns its status, output and errors."""
    r = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       stdin=subprocess.DEVNULL, text=True, errors="replace")
    return r.returncode, r.stdout, r.stderr


def quietly(argv):
    """Runs a short tool, whose output is in the exception if it fails."""
    subprocess.run(list(map(str, argv)), check=True, stdout=subprocess.PIPE, text=True,
                   stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, errors="replace")


def script(*argv, failed=1):
    """Runs a script beside this file, whose progress is shown; returns its output, a path."""
    r = subprocess.run([QEMU_DIR / argv[0], *argv[1:]], stdout=subprocess.PIPE, text=True)
    if r.returncode:
        sys.exit(failed)
    return r.stdout.strip()


def watched(*argv):
    """Runs a script beside this file, whose progress is shown; returns its status and last line."""
    last = ""
    with subprocess.Popen([QEMU_DIR / argv[0], *argv[1:]], stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, errors="replace") as process:
        for line in process.stderr:
            last = line.rstrip()
            say(last)
    return process.returncode, last


@contextmanager
def progress(state):
    """Shows state() every ten seconds, with the time since the start."""
    start, done = time.monotonic(), threading.Event()

    def show():
        while not done.wait(10):
            say(f"      {time.monotonic() - start:.0f} s: {state()}")

    threading.Thread(target=show, daemon=True).start()
    try:
        yield
    finally:
        done.set()
