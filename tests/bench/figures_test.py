"""The benchmark's arithmetic, configurations and pictures."""

import importlib.machinery
import importlib.util
import os
import xml.etree.ElementTree as ElementTree

import pytest

from tests.bench import figures, machine, measure, plot, proxies
from tests.bench.cases import CASES

_path = os.path.join(os.path.dirname(os.path.realpath(__file__)), "peers")
_loader = importlib.machinery.SourceFileLoader("peers", _path)
peers = importlib.util.module_from_spec(importlib.util.spec_from_loader("peers", _loader))
_loader.exec_module(peers)


def row(number, peer, case="get_max", **more):
    return {"round": number, "peer": peer, "case": case, "cpu_us": 10.0, "rps": 5000.0, "p50_us": 1.0,
            "p99_us": 2.0, "p999_us": 3.0, "errors": 0, "bad": 0, "dropped": 0, "first_error": "",
            "other_cpu": 0.0, **more}


@pytest.mark.parametrize("count,low,high", [
    (1, 0, 0), (3, 0, 2), (5, 0, 4), (6, 0, 5), (8, 0, 7), (9, 1, 7), (20, 5, 14)])
def test_an_interval_of_the_median_is_that_of_order_statistics(count, low, high):
    # The ranks are those of the tables of the sign test at 95 %.
    found = figures.median(reversed(range(count)))
    assert found == ((count - 1) / 2, low, high)


def test_ratios_are_paired_within_a_round():
    rows = [row(0, "floor", cpu_us=10.0), row(0, "spawner", cpu_us=12.0),
            row(1, "spawner", cpu_us=60.0), row(1, "floor", cpu_us=50.0),
            row(2, "spawner", cpu_us=99.0)]  # no floor in this round
    assert figures.Figures(rows).ratio("spawner", "get_max") == (1.2, 1.2, 1.2)
    assert figures.Figures(rows).ratio("nginx", "get_max") is None


def test_each_case_has_its_own_base_and_columns():
    rows = [row(0, "nginx", "routes_added", live_ms=100.0, processes=1.0),
            row(0, "spawner", "routes_added", live_ms=5.0, processes=0.0)]
    found = figures.Figures(rows)
    assert found.ratio("spawner", "routes_added").value == 0.05
    text = figures.as_text(found)
    assert "ms until the last serves  ratio to nginx  processes more" in text
    assert [column.strip() for column in text.splitlines()[2].split("  ") if column.strip()][:4] == [
        "Spawner's proxy", "5.0", "0.05", "0"]


def test_cases_that_share_a_proxy_come_in_batches():
    shared = [name for name, case in CASES.items() if case.is_shared]
    found = peers.batches(list(CASES))
    assert [name for batch in found for name in batch if name in shared] == shared
    assert sorted(name for batch in found for name in batch) == sorted(CASES)
    for batch in found:
        assert len(batch) == 1 or all(CASES[name].is_shared for name in batch)
        assert len(batch) <= peers.BATCH


def test_memory_is_compared_by_bytes():
    rows = [row(0, "floor", "idle8k", user_bytes=100.0), row(0, "spawner", "idle8k", user_bytes=250.0)]
    assert figures.Figures(rows).ratio("spawner", "idle8k").value == 2.5


def test_what_disturbs_a_measurement_is_marked():
    assert not measure.marks(CASES["get_max"], row(0, "nginx"))
    rows = [row(0, "nginx"), row(1, "nginx", other_cpu=0.44), row(2, "nginx", other_cpu=1.2)]
    assert figures.Figures(rows).marks("nginx", "get_max") == [
        "others used the cores (2 of 3 rounds, up to 1.2)"]
    assert measure.marks(CASES["get_max"], row(0, "x", errors=2, bad=1, first_error="why")) == [
        "3 errors (why)"]
    assert measure.marks(CASES["get_5k"], row(0, "x", holds_rate=False)) == ["rate not held"]
    assert measure.marks(CASES["get_5k"], {"failed": "no"}) == ["failed: no"]


def test_tables_and_picture_show_every_peer_and_survive_a_failure():
    rows = [row(number, peer, case, user_bytes=400.0, kernel_bytes=16000.0)
            for number in range(2) for peer in ("floor", "spawner") for case in CASES]
    rows.append({"round": 0, "peer": "nginx", "case": "get_max", "failed": "it < died"})
    found = figures.Figures(rows)
    assert found.peers == ["floor", "spawner", "nginx"]
    assert found.cases == list(CASES)
    for text in (figures.as_text(found), figures.as_markdown(found)):
        assert text.count("Spawner's proxy") == len(CASES)
        assert text.count("failed: it < died (1 of 1 rounds)") == 1
    picture = ElementTree.fromstring(plot.svg(found))
    bars = [element for element in picture.iter("{http://www.w3.org/2000/svg}rect")]
    # Others are compared with nginx, which is not there.
    assert len(bars) == 1 + 2 * sum(case.base == "floor" for case in CASES.values())


@pytest.mark.parametrize("name", [name for name in proxies.PEERS if name != "floor"])
def test_a_configuration_has_every_route_once(name, tmp_path):
    setup = proxies.Setup(str(tmp_path), 8080, 9000, 300, "/programs")
    command = proxies.PEERS[name].command(setup)
    assert all(isinstance(argument, str) for argument in command)
    text = "".join(path.read_text() for path in sorted(tmp_path.iterdir()))
    for i in (0, 249, 250, 299):
        assert proxies.host(i) in text
        assert proxies.address(i) in text
    assert proxies.host(300) not in text
    assert "8080" in text or any("8080" in argument for argument in command)


def test_addresses_differ_and_are_loopback():
    addresses = {proxies.address(i) for i in range(10000)}
    assert len(addresses) == 10000
    for found in addresses:
        numbers = [int(number) for number in found.split(".")]
        assert numbers[0] == 127 and all(0 <= number <= 255 for number in numbers)


def test_control_groups_of_both_versions_are_found():
    v1 = "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n"
    v2 = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"
    assert machine.find_groups(v1 + v2, "4:cpu,cpuacct:/a\n0::/b\n") == (
        "/sys/fs/cgroup/cpu,cpuacct", "/a", "cpuacct.usage")
    assert machine.find_groups(v2, "0::/user/b\n") == ("/sys/fs/cgroup", "/user/b", "cpu.stat")
    assert machine.find_groups(v2, "0::/\n") == ("/sys/fs/cgroup", "/", "cpu.stat")
    with pytest.raises(machine.Failed):
        machine.find_groups("proc /proc proc rw 0 0\n", "0::/\n")
