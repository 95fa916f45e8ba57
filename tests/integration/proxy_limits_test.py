"""Limits of the proxy's binary: flags, descriptors, addresses, and slow peers in short."""

import contextlib
import os
import subprocess
import time

import pytest

from tests.bench import slow
from tests.bench.slow import ask
from tests.support.proxy import PROGRAM, wait_for

MIB = 1 << 20
PROGRAMS = os.environ.get("SPAWNER_BIN", ".")
OK = b"HTTP/1.1 200 "


@pytest.fixture
def stage(tmp_path):
    with contextlib.ExitStack() as stack:
        yield lambda *flags, **how: stack.enter_context(slow.Stage(PROGRAMS, tmp_path, flags, **how))


def cpu_s(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def expect_nothing_left(stage):
    """What the kernel has open is what is counted, and nothing is but the listeners."""
    def is_quiet():
        metrics = stage.metrics()
        kinds = ("client", "upstream", "tunnel")
        return (all(metrics['spawner_proxy_connections{kind="%s"}' % kind] == 0 for kind in kinds)
                and metrics["spawner_proxy_descriptors_open"] == 1
                and metrics["spawner_proxy_held_bytes"] == 0
                and stage.sockets() <= 3)  # both listeners, and this question's connection
    wait_for(is_quiet, lambda: (stage.sockets(), stage.metrics()), timeout_s=20)


@pytest.mark.parametrize("flag,why", [
    ("--head-timeout=0s", "--head-timeout: must be 100ms to 24h"),
    ("--body-idle-timeout=25h", "--body-idle-timeout: must be 100ms to 24h, or 0s for none"),
    ("--keep-alive-timeout=-1s", "--keep-alive-timeout: must be 100ms to 24h"),
    ("--connect-timeout=1ms", "--connect-timeout: must be 100ms to 24h"),
    ("--max-header-bytes=1000", "--max-header-bytes: must be 4096 to 131072"),
    ("--max-header-fields=257", "--max-header-fields: must be 16 to 256"),
    ("--max-connections-per-address=-1",
     "--max-connections-per-address: must be 1 to 1000000, or 0 for no limit"),
    ("--worker-memory-mib=15", "--worker-memory-mib: must be 16 to 1048576, or 0 for a share of half"),
    ("--reserved-descriptors=1000000", "--reserved-descriptors: must be at most "),
])
def test_a_limit_that_is_out_of_bounds_says_what_is_allowed(flag, why):
    done = subprocess.run([PROGRAM, "--static-routes=/dev/null", "--listen=127.0.0.1:0", flag],
                          stderr=subprocess.PIPE, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("proxy: " + why), done.stderr
    assert done.stderr.count("\n") == 1


def test_too_few_descriptors_for_the_workers_is_said_at_once():
    done = subprocess.run(["prlimit", "--nofile=80", PROGRAM, "--static-routes=/dev/null",
                           "--listen=127.0.0.1:0", "--workers=4"],
                          stderr=subprocess.PIPE, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert "--workers: the limit of open files is 80: raise it (ulimit -n) to " in done.stderr


def test_at_the_limit_of_open_files_clients_wait_and_nothing_is_lost(stage):
    here = stage(prefix=["prlimit", "--nofile=200"])
    room = here.metrics()["spawner_proxy_descriptors_max"]
    assert 100 < room < 200
    clients = [here.connect() for _ in range(200)]  # in the kernel's backlog at least
    wait_for(lambda: here.metrics()["spawner_proxy_accept_pauses_total"] > 0)
    metrics = here.metrics()
    within = metrics['spawner_proxy_connections{kind="client"}']
    assert room * 3 / 4 < within < room
    assert metrics['spawner_proxy_connections_refused_total{reason="room"}'] == 0

    before = cpu_s(here.proxy.pid)
    time.sleep(1.5)
    assert cpu_s(here.proxy.pid) - before < 0.2  # ten looks a second, no spinning
    assert ask(clients[0]).startswith(OK)  # the reserve is for them

    clients[-1].sendall(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % slow.FAST.encode())
    for connection in clients[:-1]:
        connection.close()
    assert clients[-1].recv(4096).startswith(OK)
    clients[-1].close()
    expect_nothing_left(here)


def test_descriptors_that_others_use_up_are_no_reason_to_spin_or_to_fall(stage):
    """The kernel says EMFILE though the proxy's own count has room: clients are refused, counted."""
    here = stage()
    clients = [here.connect() for _ in range(20)]
    assert ask(clients[0]).startswith(OK)
    used = max(int(name) for name in os.listdir("/proc/%d/fd" % here.proxy.pid))
    subprocess.run(["prlimit", "--nofile=%d" % (used + 5), "--pid=%d" % here.proxy.pid], check=True)
    late = [here.connect() for _ in range(20)]
    wait_for(lambda: ended(late[-1]))
    before = cpu_s(here.proxy.pid)
    time.sleep(1)
    assert cpu_s(here.proxy.pid) - before < 0.2
    for connection in [*clients[1:], *late]:
        connection.close()
    time.sleep(0.5)
    assert ask(clients[0]).startswith(OK)
    clients[0].close()
    time.sleep(0.5)
    with here.connect() as again:
        assert ask(again).startswith(OK)
    expect_nothing_left(here)


def ended(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_an_address_has_no_more_connections_than_it_may(stage):
    here = stage("--max-connections-per-address=3")
    clients = [here.connect() for _ in range(3)]
    assert all(ask(connection).startswith(OK) for connection in clients)
    with here.connect() as fourth:
        answer = b"".join(iter(lambda: fourth.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 429 ") and b"Retry-After: " in answer
    assert here.metrics()['spawner_proxy_connections_refused_total{reason="address"}'] == 1
    clients.pop().close()
    wait_for(lambda: here.metrics()['spawner_proxy_connections{kind="client"}'] == 2)
    with here.connect() as next_one:
        assert ask(next_one).startswith(OK)
    for connection in clients:
        connection.close()
    expect_nothing_left(here)


def test_slowloris_is_given_up_and_costs_little(stage):
    here = stage("--head-timeout=5s")  # the last one comes while the first one waits
    figures = slow.slowloris(here, clients=500, seconds=8)
    print(figures)
    assert figures["clients"] >= 500
    assert figures["answered_408"] == figures["timeouts"] == 500
    assert figures["left_open"] == 0
    assert figures["peak_mib"] - figures["resident_mib"] < 500 * 8 / 1024 + 2  # 8 KiB each
    expect_nothing_left(here)


def test_clients_that_never_read_hold_one_buffer_each_at_most(stage):
    here = stage("--body-idle-timeout=3s")
    figures = slow.never_reading_clients(here, clients=50, size=64 * MIB, seconds=2)
    print(figures)
    assert figures["refused"] == 0
    assert figures["held_mib"] < 50 * (128 + 8) / 1024
    assert figures["peak_mib"] - figures["resident_mib"] < 50 * 160 / 1024 + 2
    expect_nothing_left(here)


def test_over_its_memory_the_proxy_says_503_and_recovers(stage):
    here = stage("--worker-memory-mib=16")
    # One by one: what is admitted at the same moment may still fill a buffer each.
    figures = slow.never_reading_clients(here, clients=500, size=64 * MIB, seconds=1, pause_s=0.01,
                                         others=False, refusals=51)
    print(figures)
    assert figures["refused"] > 50
    # 128 KiB for each that was admitted before the bound showed, more on a busy machine; all are 62.
    assert figures["held_mib"] < 32
    with here.connect() as connection:
        assert ask(connection).startswith(OK)
    expect_nothing_left(here)


def test_a_backend_that_never_reads_holds_one_buffer_of_each_upload(stage):
    here = stage("--body-idle-timeout=3s")
    figures = slow.never_reading_backend(here, clients=50, size=64 * MIB, seconds=2)
    print(figures)
    assert figures["held_mib"] < 50 * (128 + 8) / 1024
    assert figures["peak_mib"] - figures["resident_mib"] < 50 * 160 / 1024 + 2
    expect_nothing_left(here)


def test_a_slow_download_arrives_whole_in_one_buffer(stage):
    here = stage()
    figures = slow.slow_download(here, size=64 * MIB, bytes_per_s=32 * MIB, seconds=2)
    print(figures)
    assert figures["got_mib"] == 64
    assert figures["peak_mib"] - figures["resident_mib"] < 2
    expect_nothing_left(here)
