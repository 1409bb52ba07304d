# SPDX-License-Identifier: GPL-2.0-only
"""The guest's screen: its contents, for the guest itself and as a PNG file.

A program in the guest writes a line to the port vm.screen and reads the contents that
QEMU shows: a line with width and height, then three bytes for each pixel.
"""

import json
import re
import socket
import subprocess

LICENSE = "Copyright SPDX-License-Identifier: GPL-2.0-only\n"


def ppm(data):
    """Width, height and pixels of a picture, three bytes each."""
    header = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
    return int(header[1]), int(header[2]), data[header.end():]


def pixels(path):
    """The same of a PNG file."""
    return ppm(subprocess.run(["pngtopnm", path], check=True, stdout=subprocess.PIPE).stdout)


class Screen:
    """A card with a screen, and the answers to the guest's questions about it."""

    def __init__(self, work):
        self.ppm, self.paths = work / "screen.ppm", (work / "screen", work / "monitor")
        self.last = None  # width, height and pixels
        self.line = b""
        self.port = self.monitor = self.answers = None
        port, monitor = self.paths
        self.argv = ["-device", "bochs-display,romfile=",  # firmware must not draw
                     "-chardev", f"socket,id=screen,path={port},server=on,wait=off",
                     "-device", "virtserialport,chardev=screen,name=vm.screen",
                     "-qmp", f"unix:{monitor},server=on,wait=off"]

    def connect(self):
        """Connects to QEMU, which has just been started."""
        if not all(p.exists() for p in self.paths):
            return
        try:
            self.port, self.monitor = (socket.socket(socket.AF_UNIX) for _ in self.paths)
            for sock, path in zip((self.port, self.monitor), self.paths):
                sock.connect(str(path))
        except OSError:
            self.port = None
            return
        self.answers = self.monitor.makefile("rb")
        self.answers.readline()
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        """Executes a command of QEMU's monitor, and waits for its end."""
        text = json.dumps({"execute": command, "arguments": arguments})
        self.monitor.sendall(text.encode() + b"\n")
        for line in self.answers:
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"QEMU: {answer['error']['desc']}")
            if "return" in answer:
                return

    def dump(self):
        """Answers the guest with the contents of the screen."""
        self.execute("screendump", filename=str(self.ppm))
        self.last = ppm(self.ppm.read_bytes())
        self.port.sendall(b"%d %d\n" % self.last[:2] + self.last[2])

    def save(self, path):
        """Writes the contents that were last dumped as a PNG file."""
        text = self.ppm.with_name("license")
        text.write_text(LICENSE)
        with open(path, "wb") as f:
            subprocess.run(["pnmtopng", "-quiet", "-text", text, self.ppm], check=True, stdout=f)

    def poll(self):
        """Answers the questions of the guest since the last call."""
        if self.port is None:
            self.connect()
        if self.port is None:
            return
        try:
            self.line += self.port.recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        while b"\n" in self.line:
            _, self.line = self.line.split(b"\n", 1)
            self.dump()
