"""From measurements to figures: medians with their intervals, ratios to the floor, tables."""

import math
import statistics
import typing

from tests.bench import measure
from tests.bench import proxies
from tests.bench.cases import CASES

CONFIDENCE = 0.95
BASES = {"floor": "the floor", "spawner": "our own"}


class Median(typing.NamedTuple):
    """A median with the interval that holds the true one with CONFIDENCE, whatever the distribution:
    between two order statistics. With fewer than 6 values it is their whole range, which holds it
    with 1 - 2^(1-n) only: 94 % for 5, 75 % for 3."""
    value: float
    low: float
    high: float

    def text(self, form):
        if self.low == self.high:
            return form % self.value
        return "%s [%s, %s]" % (form % self.value, form % self.low, form % self.high)


def median(values):
    values = sorted(values)
    n, outside, skip = len(values), 0.0, 0
    # The chance that the true median lies outside of the interval without `skip` values at each end.
    while skip < (n - 1) // 2:
        outside += 2 * math.comb(n, skip) / 2 ** n
        if outside + 2 * math.comb(n, skip + 1) / 2 ** n > 1 - CONFIDENCE:
            break
        skip += 1
    return Median(statistics.median(values), values[skip], values[n - 1 - skip])


class Figures:
    """Over the rows of a run: dicts with round, peer, case and what the load said."""

    def __init__(self, rows):
        self._rows = rows
        self.peers = [name for name in proxies.PEERS if any(r["peer"] == name for r in rows)]
        self.cases = [name for name in CASES if any(r["case"] == name for r in rows)]

    def rows(self, peer, case):
        return [r for r in self._rows if r["peer"] == peer and r["case"] == case]

    def median(self, peer, case, key):
        values = [r[key] for r in self.rows(peer, case) if key in r]
        return median(values) if values else None

    def ratio(self, peer, case):
        """To the case's base, paired within each round: what disturbs a round disturbs both."""
        key = CASES[case].cost
        bases = {r["round"]: r[key] for r in self.rows(CASES[case].base, case) if r.get(key, 0) > 0}
        ratios = [r[key] / bases[r["round"]] for r in self.rows(peer, case)
                  if key in r and r["round"] in bases]
        return median(ratios) if ratios else None

    def marks(self, peer, case):
        """What was wrong in at least one round, with the number of rounds."""
        counts = {}
        for row in self.rows(peer, case):
            for mark in measure.marks(CASES[case], row):
                kind = "others used the cores" if mark.startswith("others") else mark
                counts.setdefault(kind, []).append(row)
        found = []
        for kind, rows in counts.items():
            busiest = max(row.get("other_cpu", 0) for row in rows)
            more = ", up to %.1f" % busiest if kind.startswith("others") else ""
            found.append("%s (%d of %d rounds%s)" % (kind, len(rows), len(self.rows(peer, case)), more))
        return found

    def is_disturbed(self, peer, case):
        return bool(self.marks(peer, case))


def _cell(found, form):
    return found.text(form) if found else "-"


def _line(figures, peer, case):
    cells = [proxies.PEERS[peer].title,
             _cell(figures.median(peer, case, CASES[case].cost), "%.1f"),
             _cell(figures.ratio(peer, case), "%.2f")]
    for column in CASES[case].columns:
        found = figures.median(peer, case, column.key)
        cells.append(column.form % found.value if found else "-")
    return cells + ["; ".join(figures.marks(peer, case))]


def _header(case):
    return ["", case.cost_title, "ratio to " + BASES.get(case.base, case.base),
            *(column.title for column in case.columns), ""]


def tables(figures):
    """[(title, header, lines)], one for each case."""
    return [(CASES[case].title, _header(CASES[case]),
             [_line(figures, peer, case) for peer in figures.peers if figures.rows(peer, case)])
            for case in figures.cases]


def as_text(figures):
    blocks = []
    for title, header, lines in tables(figures):
        widths = [max(len(line[i]) for line in [header, *lines]) for i in range(len(header))]
        blocks.append("\n".join(
            [title] + ["  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
                       for line in [header, *lines]]))
    return "\n\n".join(blocks)


def as_markdown(figures):
    blocks = []
    for title, header, lines in tables(figures):
        rows = ["| " + " | ".join(line) + " |" for line in [header, ["---"] * len(header), *lines]]
        blocks.append("## %s\n\n%s" % (title[0].upper() + title[1:], "\n".join(rows)))
    return "\n\n".join(blocks)
