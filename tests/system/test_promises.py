"""What tests/bench/promises/run measures, in short: a grace is exact, and nobody loses a race against it."""

from tests.bench.promises import distribution, grace, races


def test_a_grace_of_1_s_is_exact_to_100_ms(system):
    runs = grace.measure(system, runs=20, at_once=max(1, int(12 * system.share)))
    print(distribution.line("decided, later than grace", [run.decided_ms for run in runs]))
    assert not grace.late(runs)


def test_who_comes_at_the_idle_end_gets_in_or_is_told_the_truth(system):
    races_total = int(200 * system.share)
    counts, faults = races.run(system, races=races_total)
    print(dict(counts))
    assert not faults, faults[:5]
    assert sum(counts.values()) == races_total and len(counts) == 3, counts  # all three happened: they were races
