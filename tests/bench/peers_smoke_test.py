"""Floor and proxy are measured once and shortly: nothing goes wrong, nothing is left behind."""

import glob
import os

import pytest

from tests.bench import machine, measure
from tests.bench.cases import CASES

ROUTES = 20


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with measure.Bench(os.getcwd(), ROUTES, str(tmp_path_factory.mktemp("bench"))) as bench:
        yield bench


@pytest.mark.parametrize("peer", ["floor", "spawner"])
def test_measures_every_case_without_an_error(bench, peer):
    for name, case in CASES.items():
        if case.run or not case.takes(peer):
            continue
        bench.start_proxy(peer)
        figures = bench.measure(case._replace(rate=case.rate / 10), 0.2)
        assert "failed" not in figures, (name, figures)
        assert (figures["errors"], figures["bad"], figures["dropped"]) == (0, 0, 0), (name, figures)
        if case.is_memory:
            assert figures["open"] == 8000
            assert 0 < figures["user_bytes"] < 10000
        else:
            assert figures["n"] > 0, name
            assert figures["cpu_us"] > 0, name


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.run])
def test_measures_our_proxy_in_every_case_with_a_way_of_its_own(bench, name):
    figures = CASES[name].run(bench, "spawner", CASES[name], 0.2)
    assert "failed" not in figures, figures
    assert figures[CASES[name].cost] > 0
    for column in CASES[name].columns:
        assert column.key in figures, column.title
    assert figures.get("errors", 0) + figures.get("bad", 0) == 0, figures


def test_leaves_neither_process_nor_group_behind(tmp_path):
    parent = machine.parent_group()[0]
    before = set(glob.glob("%s/%s*" % (parent, machine.PREFIX)))
    with measure.Bench(os.getcwd(), ROUTES, str(tmp_path)) as bench:
        bench.start_proxy("floor")
        groups = set(glob.glob("%s/%s*" % (parent, machine.PREFIX))) - before
        assert len(groups) == 2
        pids = [pid for group in groups
                for pid in machine.read(group + "/cgroup.procs").split()]
        assert len(pids) == 2
    assert set(glob.glob("%s/%s*" % (parent, machine.PREFIX))) == before
    assert not [pid for pid in pids if os.path.exists("/proc/" + pid)]


def test_a_proxy_that_does_not_start_is_an_error_with_its_log(tmp_path):
    with measure.Bench(os.getcwd(), ROUTES, str(tmp_path)) as bench:
        bench.programs = str(tmp_path)
        (tmp_path / "tests/bench").mkdir(parents=True)
        relay = tmp_path / "tests/bench/relay"
        relay.write_text("#!/bin/sh\necho cannot work >&2\nexit 1\n")
        relay.chmod(0o755)
        with pytest.raises(machine.Failed, match="floor did not start; its log ends:\ncannot work"):
            bench.start_proxy("floor")
