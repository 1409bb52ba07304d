# SPDX-License-Identifier: GPL-2.0-only
"""The channels from a guest of `vm`: the command's output, and messages of `init`, one
line each.

A board with PCI has a virtio port for each. A board without has one serial port for
both, and a mark that does not occur in output precedes each message.
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
    """A port for messages, one for output, and a console for a shell."""

    setup = ""    # assignments for `init` that name the ports
    stdout = None  # QEMU's

    def __init__(self, board, work, interactive):
        self.status = work / "status"
        self.status.touch()
        self.output = Growing(work / "out")
        self.qemu = ["-device", f"virtio-serial-pci{board['pci']}",
                     "-chardev", f"file,id=status,path={self.status}",
                     "-device", "virtserialport,chardev=status,name=vm.status",
                     "-chardev", f"file,id=out,path={work / 'out'}",
                     "-device", "virtserialport,chardev=out,name=vm.out"]
        if interactive:
            self.qemu += ["-chardev", "stdio,id=shell,signal=off",
                          "-device", "virtconsole,chardev=shell"]

    def read(self, ended):
        """The output since the last call."""
        del ended
        return self.output.read()

    def messages(self):
        """All messages, when QEMU has ended."""
        return self.status.read_text().splitlines()


class SerialPort:
    """One serial port for both; with a shell it is QEMU's standard input and output."""

    def __init__(self, board, work, interactive):
        path, device = work / "port", board["port"]
        self.mark = b"\1" + secrets.token_hex(16).encode()
        self.setup = f"status={device} out={device} shell={device} mark={self.mark.decode()}\n"
        self.output = Growing(path)
        self.rest, self.received = b"", []
        self.stdout = path.open("wb") if interactive else None
        self.qemu = ["-chardev", "stdio,id=port,signal=off" if interactive else
                     f"file,id=port,path={path}"]

    def read(self, ended):
        """The output since the last call; messages are collected."""
        out, found, rest = (self.rest + self.output.read()).partition(self.mark)
        while found:
            message, end, after = rest.partition(b"\n")
            if not end and not ended:  # the rest of the line comes later
                self.rest = found + rest
                return out
            self.received.append(message.decode(errors="replace").strip())
            more, found, rest = after.partition(self.mark)
            out += more
        # The output may end with the beginning of a mark.
        cut = len(out) if ended else next(i for i in range(len(out) + 1)
                                          if self.mark.startswith(out[i:]))
        self.rest = out[cut:]
        return out[:cut]

    def messages(self):
        """All messages, when all output was read."""
        return self.received
