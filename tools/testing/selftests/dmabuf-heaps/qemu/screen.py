# SPDX-License-Identifier: GPL-2.0-only
"""The guest's screen: what is on it, for the guest itself and as a PNG file.

A program in the guest writes a line to the port vm.screen and reads what QEMU
shows: a line with width and height, then three bytes for each pixel.
"""

import json
import re
import socket
import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LICENSE = b"Copyright\0SPDX-License-Identifier: GPL-2.0-only"


def png(width, height, rgb):
    """A picture as a PNG file: no filter, which suits what has few colours."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(
            ">I", zlib.crc32(kind + data))

    lines = b"".join(b"\0" + rgb[y * width * 3:(y + 1) * width * 3] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"tEXt", LICENSE) + chunk(
        b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")


def png_read(data):
    """Width, height and pixels of a file that png() made."""
    if not data.startswith(SIGNATURE):
        raise ValueError("no PNG file")
    at, packed, width, height = len(SIGNATURE), b"", 0, 0
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height, *rest = struct.unpack(">IIBBBBB", body)
            if rest != [8, 2, 0, 0, 0]:
                raise ValueError(f"PNG of another kind: {rest}")
        elif kind == b"IDAT":
            packed += body
        at += size + 12
    lines, step = zlib.decompress(packed), 1 + 3 * width
    if any(lines[y * step] for y in range(height)):
        raise ValueError("PNG with filters")
    return width, height, b"".join(lines[y * step + 1:(y + 1) * step] for y in range(height))


class Screen:
    """A card with a screen, and who answers the guest's questions about it."""

    def __init__(self, work):
        self.ppm, self.paths = work / "screen.ppm", (work / "screen", work / "monitor")
        self.last = None  # width, height and pixels
        self.line = b""
        self.port = self.monitor = self.answers = None
        port, monitor = self.paths
        self.argv = ["-device", "bochs-display,romfile=",  # no firmware draws here
                     "-chardev", f"socket,id=screen,path={port},server=on,wait=off",
                     "-device", "virtserialport,chardev=screen,name=vm.screen",
                     "-qmp", f"unix:{monitor},server=on,wait=off"]

    def connect(self):
        """To QEMU, which has just been started."""
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
        self.tell("qmp_capabilities")

    def tell(self, command, **arguments):
        """A command for QEMU, when it is done."""
        text = json.dumps({"execute": command, "arguments": arguments})
        self.monitor.sendall(text.encode() + b"\n")
        for line in self.answers:
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"QEMU: {answer['error']['desc']}")
            if "return" in answer:
                return

    def dump(self):
        """Looks at the screen."""
        self.tell("screendump", filename=str(self.ppm))
        data = self.ppm.read_bytes()
        header = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
        self.last = int(header[1]), int(header[2]), data[header.end():]
        self.port.sendall(b"%d %d\n" % self.last[:2] + self.last[2])

    def poll(self):
        """Answers what the guest asked since the last call."""
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
