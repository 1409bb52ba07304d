# SPDX-License-Identifier: GPL-2.0-only
"""The figures of the benchmark: their CSV, their tables, and their thresholds.

A line of CSV is: operation,heap,size in bytes,value,unit. Heaps are `cma` and
`system`, the kernel's own, `ours`, and `null`, which has no memory: the lowest
possible cost of the same calls.
"""

from pathlib import Path

HEADER = "# SPDX-License-Identifier: GPL-2.0-only\noperation,heap,size,value,unit\n"
KIB, MIB = 1 << 10, 1 << 20

# Each operation that has a table, and its title.
OPERATIONS = {
    "warm": "Allocate and close, warm",
    "cold": "Allocate, cold",
    "cold_map": "Allocate, cold, and attach and map",
    "close": "Close",
    "background": "Zeroing in the background, after close",
    "map_first": "Attach and map a new buffer",
    "map_again": "Attach and map again",
    "touch_aligned": "mmap and write every page, aligned to 2 MiB",
    "touch_unaligned": "mmap and write every page, not aligned",
    "munmap_aligned": "munmap, aligned to 2 MiB",
    "munmap_unaligned": "munmap, not aligned",
    "sync_rw_0": "Sync for reading and writing, no importer",
    "sync_rw_1": "Sync for reading and writing, 1 importer",
    "sync_rw_4": "Sync for reading and writing, 4 importers",
    "sync_read_1": "Sync for reading, 1 importer",
    "sync_write_1": "Sync for writing, 1 importer",
    "sync_part_1": "Sync 4 KiB of it, 1 importer",
    "memory": "Kernel memory of a buffer, bytes",
}
OTHERS = {
    "threads": "Allocate and close, per second, and times those of 1 thread",
    "mix": "Failed allocations of sizes that were free in total, in 256 MiB",
    "verdict": "Thresholds",
}
MIXED = {"first-fit": "first fit", "pool": "ours, no-map", "cma": "kernel's CMA heap",
         "ours": "ours, CMA area"}
HEAPS = {"cma": "kernel's CMA heap", "system": "system heap", "ours": "ours",
         "null": "no memory"}


def size_text(size):
    return f"{size // MIB} MiB" if size >= MIB else f"{size // KIB} KiB"


def ratio_text(ratio):
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.1f}" if ratio >= 10 else f"{ratio:.2f}"


def table(rows, words=1):
    """A simple table in reStructuredText, for a terminal as well.

    The first `words` columns are words, the others numbers.
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]

    def line(row):
        cells = [c.ljust(w) if i < words else c.rjust(w)
                 for i, (c, w) in enumerate(zip(row, widths))]
        return "  ".join(cells).rstrip()

    rule = "  ".join("=" * w for w in widths)
    return "\n".join([rule, line(rows[0]), rule, *map(line, rows[1:]), rule])


class Figures:
    """The figures of one run."""

    def __init__(self):
        self.rows = []  # operation, heap, size, value, unit
        self.values = {}

    @classmethod
    def read(cls, path):
        figures = cls()
        for line in Path(path).read_text().splitlines():
            if line[:1] != "#" and not line.startswith("operation,"):
                figures.add(line)
        return figures

    def add(self, line):
        operation, heap, size, value, unit = line.split(",")
        self.rows.append((operation, heap, int(size), int(value), unit))
        self.values[operation, heap, int(size)] = int(value)

    def write(self, path):
        """Sorted as the tables, which keeps the points of one curve together."""
        operations, heaps = list(OPERATIONS), list(HEAPS)

        def place(row):
            operation, heap, size = row[:3]
            known = operation in operations
            return (0 if known else 1, operations.index(operation) if known else operation,
                    heaps.index(heap) if heap in heaps else len(heaps), heap, size)

        rows = sorted(self.rows, key=place)
        Path(path).write_text(HEADER + "".join(",".join(map(str, r)) + "\n" for r in rows))

    def get(self, operation, heap, size):
        return self.values.get((operation, heap, size))

    def sizes(self, operation, heap="ours"):
        return sorted(s for o, h, s in self.values if (o, h) == (operation, heap))

    def ratio(self, operation, size):
        """The cost of the kernel's CMA heap divided by ours, or None."""
        cma, ours = (self.get(operation, heap, size) for heap in ("cma", "ours"))
        return cma / max(ours, 1) if cma is not None and ours is not None else None

    def operation_table(self, operation):
        """One row for each size: every heap, and the ratio."""
        heaps = [h for h in HEAPS if self.sizes(operation, h)]
        rows = [["size", *(HEAPS[h] for h in heaps)]]
        for size in self.sizes(operation):
            values = [self.get(operation, h, size) for h in heaps]
            rows.append([size_text(size), *("-" if v is None else f"{v:,}" for v in values)])
        if "cma" in heaps:
            rows[0].append("CMA / ours")
            for row, size in zip(rows[1:], self.sizes(operation)):
                row.append(ratio_text(self.ratio(operation, size)))
        return table(rows)

    def threads_table(self):
        """Operations per second, and their ratio to one thread."""
        names = [f"threads_{n}" for n in (1, 2, 4)]
        rows = [["heap, size", "1 thread", "2 threads", "4 threads"]]
        for heap in HEAPS:
            for size in self.sizes(names[0], heap):
                values = [self.get(n, heap, size) for n in names]
                rows.append([f"{HEAPS[heap]}, {size_text(size)}",
                             *(f"{v:,} ({v / max(values[0], 1):.2f})" for v in values)])
        return table(rows)

    def mix_table(self):
        """Failed allocations, and the largest hole as a share of the free memory."""
        rows = [["heap", "allocations", "failed", "of 1,000", "largest hole"]]
        for heap, text in MIXED.items():
            for size in self.sizes("mix_failures", heap):
                hole = self.get("mix_hole", heap, size)
                failed, tried = (self.get(f"mix_{n}", heap, size)
                                 for n in ("failures", "allocations"))
                rows.append([text, f"{tried:,}", f"{failed:,}", f"{1000 * failed / tried:.2f}",
                             "-" if hole is None else f"{hole} %"])
        return table(rows)


def at_least(operation, size, times):
    def judge(f):
        ratio = f.ratio(operation, size)
        return ratio is not None and (f"{ratio_text(ratio)} times", ratio >= times)
    return judge


# The cost of allocating a few pages depends this much on earlier operations.
NOISE = 0.005


def never_dearer(operation):
    """At every size; the one with the smallest margin is shown."""
    def judge(f):
        worst = max((f.get(operation, "ours", s) / f.get(operation, "cma", s), s)
                    for s in f.sizes(operation))
        return f"{worst[0]:.4f} of it at {size_text(worst[1])}", worst[0] <= 1 + NOISE
    return judge


def never_dearer_than_system(f):
    limit = f.get("warm", "system", 4 * KIB)
    most = max(f.get("warm", "ours", s) for s in f.sizes("warm"))
    return f"{most:,} of {limit:,}", most <= limit


def constant(operation):
    """The clock counts in steps of 16 ns."""
    def judge(f):
        values = [f.get(operation, "ours", s) for s in f.sizes(operation)]
        text = f"{min(values):,} to {max(values):,}"
        return text, max(values) <= max(min(values) * 1.02, min(values) + 32)
    return judge


def memory(f):
    """More than any dma-buf takes, which no heap can save."""
    more = [f.get("memory", "ours", s) - f.get("memory", "null", s) for s in f.sizes("memory")]
    return f"{min(more):,} to {max(more):,} bytes", min(more) == max(more) <= KIB


# An operation, its threshold in words, and the function that judges it.
LINES = [
    ("warm allocate and close, 64 MiB", "1000 times", at_least("warm", 64 * MIB, 1000)),
    ("warm allocate and close, 32 MiB", "600 times", at_least("warm", 32 * MIB, 600)),
    ("warm allocate and close, 8 MiB", "150 times", at_least("warm", 8 * MIB, 150)),
    ("warm allocate and close, 4 KiB", "10 times", at_least("warm", 4 * KIB, 10)),
    ("the same, every size", "the system heap's 4 KiB", never_dearer_than_system),
    ("cold allocate, every size", "never dearer, within 0.5 %", never_dearer("cold")),
    ("cold allocate, attach and map, every size", "never dearer, within 0.5 %",
     never_dearer("cold_map")),
    ("mmap and write 32 MiB, aligned", "300 times", at_least("touch_aligned", 32 * MIB, 300)),
    ("mmap and write 32 MiB, not aligned", "80 times", at_least("touch_unaligned", 32 * MIB, 80)),
    ("kernel memory, more than any dma-buf's", "constant, 1 KiB", memory),
    ("attach and map a clean extent", "constant", constant("map_first")),
]


def verdict(figures):
    """(operation, threshold, measured, whether it is met) of each line."""
    for what, wanted, judge in LINES:
        measured, met = judge(figures) or ("not measured", False)
        yield what, wanted, measured, met


def verdict_table(figures):
    rows = [["what", "at least", "measured", ""]]
    rows += [[what, wanted, measured, "met" if met else "not met"]
             for what, wanted, measured, met in verdict(figures)]
    return table(rows, words=4)


def disagreement(one, two):
    """(relative difference, operation, heap, size) of two runs' instructions, falling."""
    keys = {r[:3] for r in one.rows + two.rows if r[4] == "instructions"}
    return sorted(((abs(one.values.get(k, 0) - two.values.get(k, 0)) /
                    max(one.values.get(k, 0), 1), *k) for k in keys), reverse=True)
