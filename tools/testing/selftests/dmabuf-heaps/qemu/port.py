# SPDX-License-Identifier: GPL-2.0-only
"""How a guest of `vm` tells what it has to tell: the command's output, and words
of its own, a line each (see `init`).

Where there is PCI, each goes through a port of virtio's. A board without has one
serial port for both, on which a mark that no output has comes before each word.
"""

import secrets


class Growing:
    """A file that QEMU writes, read as it grows."""

    def __init__(self, path):
        path.touch()
        self.file = path.open("rb")

    def read(self):
        return self.file.read()


class VirtioPorts:
    """A port for words and one for output, and a console for a shell."""

    setup = ""    # what tells `init` of the ports
    stdout = None  # of QEMU

    def __init__(self, board, work, interactive):
        self.words = work / "status"
        self.words.touch()
        self.output = Growing(work / "out")
        self.qemu = ["-device", f"virtio-serial-pci{board['pci']}",
                     "-chardev", f"file,id=status,path={self.words}",
                     "-device", "virtserialport,chardev=status,name=vm.status",
                     "-chardev", f"file,id=out,path={work / 'out'}",
                     "-device", "virtserialport,chardev=out,name=vm.out"]
        if interactive:
            self.qemu += ["-chardev", "stdio,id=shell,signal=off",
                          "-device", "virtconsole,chardev=shell"]

    def read(self, ended):
        """What came of the output since the last call."""
        del ended
        return self.output.read()

    def told(self):
        """The words, when QEMU has ended."""
        return self.words.read_text().splitlines()


class SerialPort:
    """One serial port for all of it; of a shell, QEMU's standard input and output."""

    def __init__(self, board, work, interactive):
        path, device = work / "port", board["port"]
        self.mark = b"\1" + secrets.token_hex(16).encode()
        self.setup = f"status={device} out={device} shell={device} mark={self.mark.decode()}\n"
        self.output = Growing(path)
        self.held, self.words = b"", []
        self.stdout = path.open("wb") if interactive else None
        self.qemu = ["-chardev", "stdio,id=port,signal=off" if interactive else
                     f"file,id=port,path={path}"]

    def read(self, ended):
        """What came of the output since the last call; words are kept."""
        out, found, rest = (self.held + self.output.read()).partition(self.mark)
        while found:
            word, end, after = rest.partition(b"\n")
            if not end and not ended:  # the rest of the line comes later
                self.held = found + rest
                return out
            self.words.append(word.decode(errors="replace").strip())
            more, found, rest = after.partition(self.mark)
            out += more
        # It may end with the beginning of a mark.
        cut = len(out) if ended else next(i for i in range(len(out) + 1)
                                          if self.mark.startswith(out[i:]))
        self.held = out[cut:]
        return out[:cut]

    def told(self):
        """The words, when all was read."""
        return self.words
