"""Figures as people read them."""

import math


def percentile(values, share):
    """The value that `share` of all do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]


def line(name, values_ms):
    """"NAME  n 200  min 1.2  median 3.4  p90 5.0  p99 8.1  max 9.9 ms"."""
    return "%-44s n %5d  min %7.2f  median %7.2f  p90 %7.2f  p99 %7.2f  max %7.2f ms" % (
        name, len(values_ms), min(values_ms), percentile(values_ms, 0.5), percentile(values_ms, 0.9),
        percentile(values_ms, 0.99), max(values_ms))


def histogram(values_ms, bounds_ms):
    """One line for each bound: how many values are not above it, and above the bound before."""
    rows, below = [], -math.inf
    for bound in [*bounds_ms, math.inf]:
        count = sum(below < value <= bound for value in values_ms)
        rows.append("%8s ms %6d %s" % ("more" if bound == math.inf else "<= %g" % bound, count,
                                       "#" * math.ceil(60 * count / len(values_ms))))
        below = bound
    return "\n".join(rows)
