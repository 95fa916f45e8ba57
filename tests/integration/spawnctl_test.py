"""spawnctl as people and scripts use it, on a running Spawner: each verb, format and exit code."""

import asyncio
import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import time

import pytest

from tests.support import traffic
from tests.support.certificates import Authority
from tests.support.controller import free_port
from tests.support.system import BIN, LocalSystem

SPAWNCTL = os.path.join(BIN, "cli/spawnctl")
ECHO = os.path.join(os.path.abspath(BIN), "deploy/examples/echo/echo")
WAIT_S = 20


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with LocalSystem(tmp_path_factory.mktemp("logs")) as running:
        yield running


def environment(address):
    return {"PATH": os.environ["PATH"], "SPAWNER_ADDRESS": address, "USER": "ada"}


def spawnctl(system, *words, address=None):
    """(exit code, stdout, stderr)."""
    done = subprocess.run([SPAWNCTL, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=WAIT_S, env=environment(address or system.grpc))
    return done.returncode, done.stdout, done.stderr


def succeeds(system, *words):
    code, out, err = spawnctl(system, *words)
    assert code == 0, err
    return out


@contextlib.contextmanager
def started(system, *words):
    """The running program, its output in pipes; killed if it is still there at the end."""
    with subprocess.Popen([SPAWNCTL, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, env=environment(system.grpc)) as process:
        try:
            yield process
        finally:
            process.kill()


def start(system, key, *flags):
    """Connects and returns the session's ID."""
    code, out, err = spawnctl(system, "connect", "--key=" + key, "--wait", *flags, "--", ECHO)
    assert code == 0, err
    url = re.fullmatch(r"http://127.0.0.1:\d+/s/([a-z2-7]{26})/\?spawner_token=\S+\n", out)
    assert url and err == "created namespaces/default/sessions/%s\n" % url[1]
    return url[1]


def test_connect_prints_a_url_that_works_and_nothing_else(system):
    _, out, _ = spawnctl(system, "connect", "--key=opens", "--", ECHO)
    status, text = asyncio.run(traffic.fetch(out.strip().replace("/?", "/headers?")))
    assert status == 200 and ["Spawner-User", "ada"] in json.loads(text)["headers"]
    code, again, err = spawnctl(system, "connect", "--key=opens", "--user=grace")
    assert code == 0 and err.startswith("live: namespaces/default/sessions/")
    assert again.split("?")[0] == out.split("?")[0]
    assert json.loads(succeeds(system, "connect", "-k", "opens", "-o", "json"))["startedFrom"] == "LIVE"
    assert "startedFrom: LIVE\n" in succeeds(system, "connect", "-k", "opens", "-oyaml")


def test_get_in_every_format(system):
    name = start(system, "formats", "--label=team=x")
    head, row = succeeds(system, "get", "sessions", "--filter=key:formats").splitlines()
    assert head.split() == ["ID", "KEY", "STATE", "DETAIL", "CONNECTIONS", "AGE"]
    assert row.split()[:5] == [name, "formats", "READY", "-", "0"]
    head, row = succeeds(system, "get", "session", name, "-o", "wide").splitlines()
    assert head.split()[-4:] == ["EPOCH", "POD", "NODE", "URL"] and row.endswith("/s/%s/" % name)
    full = "namespaces/default/sessions/" + name
    assert succeeds(system, "get", "sessions", "--key=formats", "-o", "name") == full + "\n"
    assert json.loads(succeeds(system, "get", name, "-o", "json"))["labels"] == {"team": "x"}
    one = json.loads(succeeds(system, "get", "session", "--key=formats", "-o", "json"))
    many = json.loads(succeeds(system, "get", "sessions", "--key=formats", "-o", "json"))
    assert [s["etag"] for s in many["sessions"]] == [one["etag"]] and one["name"] == full
    assert ("state: READY\n" in succeeds(system, "get", "session/" + name, "-o", "yaml"))
    code, out, err = spawnctl(system, "get", "sessions", "--filter=key:nobody-has-this")
    assert (code, err) == (0, "no sessions; `spawnctl connect` starts one\n") and out.startswith("ID ")


def test_describe_tells_of_the_end(system):
    name = start(system, "described")
    assert "State:             READY\n" in succeeds(system, "describe", "session", name)
    asyncio.run(traffic.fetch(succeeds(system, "connect", "--key=described").strip()
                              .replace("/?", "/exit?code=3&")))
    system.wait_ended("namespaces/default/sessions/" + name)
    text = succeeds(system, "describe", "session", "--key=described")
    for line in (r"Reason: +CRASHED", r"Exit code: +3", r"Message: +\S.*", r"Ended: +\S+Z \(\d+s ago\)"):
        assert re.search("^%s$" % line, text, re.M), text


def test_the_newest_of_a_key_and_an_older_one_by_epoch(system):
    first = start(system, "twice")
    old = json.loads(succeeds(system, "get", first, "-o", "json"))["epoch"]
    succeeds(system, "terminate", "--key=twice", "--hard")
    system.wait_ended("namespaces/default/sessions/" + first)
    assert start(system, "twice") == first
    new = json.loads(succeeds(system, "get", "session", "--key=twice", "-o", "json"))
    assert int(new["epoch"]) > int(old) and new["state"] == "READY"
    for words in (["get", first], ["get", "session", "--key=twice"], ["describe", first]):
        ended = json.loads(succeeds(system, *words, "--epoch=" + old, "-o", "json"))
        assert (ended["epoch"], ended["reason"]) == (old, "REQUESTED")
    code, _, err = spawnctl(system, "get", "session", "--key=twice", "--epoch=1")
    assert code == 3 and "no session of this key has the epoch 1" in err


def test_watch_shows_what_is_there_then_changes_until_ctrl_c(system):
    name = start(system, "watched")
    with started(system, "watch", "session", name) as watch:
        assert watch.stdout.readline().split()[:3] == ["ID", "KEY", "STATE"]
        assert watch.stdout.readline().split()[:3] == [name, "watched", "READY"]
        succeeds(system, "terminate", name)
        states = []
        while "TERMINATED" not in states:
            states.append(watch.stdout.readline().split()[2])
        assert "TERMINATING" in states, states
        watch.send_signal(signal.SIGINT)
        assert watch.wait(WAIT_S) == 130
        assert watch.stderr.read() == ""


def test_watch_waits_for_a_key_but_not_for_an_unknown_id(system):
    code, _, err = spawnctl(system, "watch", "session", "nosuchsession")
    assert code == 3 and "there is no namespaces/default/sessions/nosuchsession" in err
    with started(system, "watch", "--key=later", "-o", "json") as watch:
        assert watch.stderr.readline() == "watch: none yet; waiting\n"
        start(system, "later")
        assert json.loads(watch.stdout.readline())["session"]["key"] == {"name": "later"}


def test_run_follows_to_the_end_and_tells_how_it_went(system):
    code, out, err = spawnctl(system, "run", "--env=EXIT_AFTER_MS=300", "--env=EXIT_CODE=3", "--", ECHO)
    assert code == 1 and out.startswith("http://")
    assert re.search(r"^run: ended: CRASHED \(exit 3\): \S", err, re.M), err
    code, _, err = spawnctl(system, "run", "--env=EXIT_AFTER_MS=300", "--", ECHO)
    assert code == 0 and "run: ended: EXITED (exit 0)" in err
    code, _, err = spawnctl(system, "run", "--image=there-are-none-in-local-mode")
    assert code == 1 and "run: ended: IMAGE_PULL_FAILED" in err
    assert "local mode runs commands, not images: give spec.command" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_of_run_and_who_stops_a_script_end_the_session(system, number):
    key = "interrupted-%d" % number
    with started(system, "run", "--key=" + key, "--", ECHO) as run:
        assert run.stdout.readline().startswith("http://")
        run.send_signal(number)
        assert run.wait(WAIT_S) == 130
        assert "run: ended: REQUESTED (exit 0)" in run.stderr.read()
    assert "REQUESTED" in succeeds(system, "get", "session", "--key=" + key)


def test_what_grpc_logs_is_not_for_its_users(system, tmp_path):
    stranger = Authority(tmp_path).cert
    for flag in ("--ca=%s" % stranger, "--address=nosuch.invalid:1"):
        code, _, err = spawnctl(system, "status", flag)
        assert code == 7 and err.startswith("status: cannot reach the controller at "), err
        assert len(err.splitlines()) == 2, "the error and what to do: " + err


def test_watch_and_run_go_on_when_the_controller_comes_back(tmp_path):
    with LocalSystem(tmp_path) as own:
        name = start(own, "before")
        with started(own, "watch") as watch:
            assert watch.stdout.readline().split()[:3] == ["ID", "KEY", "STATE"]
            assert watch.stdout.readline().split()[:3] == [name, "before", "READY"]
            with started(own, "run", "--key=run", "--", ECHO) as run:
                assert run.stdout.readline().startswith("http://")
                while watch.stdout.readline().split()[1] != "run":
                    pass  # only what it has seen can it miss
                own.kill("controller")
                assert re.match(r"watch: lost the controller: .+; trying again\n", watch.stderr.readline())
                own.start_controller()  # a new cluster: it knows of no session
                assert watch.stderr.readline() == "watch: connected again\n"
                gone = {}
                while len(gone) < 2:
                    line = watch.stdout.readline().split()
                    if line[2] == "GONE":
                        gone[line[1]] = line[0]
                assert gone["before"] == name and "run" in gone
                start(own, "after")
                assert watch.stdout.readline().split()[1] == "after"
                assert run.wait(WAIT_S) == 1
                err = run.stderr.read()
                assert "run: lost the controller: " in err and "run: gone: nobody remembers" in err


def test_connect_waits_on_when_the_controller_comes_back(tmp_path):
    with LocalSystem(tmp_path) as own:
        with started(own, "connect", "--key=slow", "--wait", "--env=START_DELAY_MS=2000", "--", ECHO) as connect:
            deadline = time.monotonic() + WAIT_S
            while not succeeds(own, "get", "sessions", "-o", "name"):
                assert time.monotonic() < deadline, "it has not begun"
            own.kill("controller")
            assert connect.stderr.readline().startswith("connect: lost the controller: ")
            own.start_controller()
            assert connect.wait(WAIT_S) == 0 and connect.stdout.read().startswith("http://")


def test_status_and_version(system):
    text = succeeds(system, "status")
    assert re.search(r"^Controller: +\S+ \S+ \(leads\)$", text, re.M)
    assert re.search(r"^Proxy: +\S+ \S+: connected, \d+ open", text, re.M)
    status = json.loads(succeeds(system, "status", "-o", "json"))
    assert status["kubernetesReachable"] and status["proxies"][0]["connected"]
    assert succeeds(system, "status", "-o", "name") == status["controllerId"] + "\n"
    assert "isLeader: true\n" in succeeds(system, "status", "-o", "yaml")
    version = json.loads(succeeds(system, "version", "-o", "json"))
    assert version == {"spawnctl": status["version"], "controller": status["version"]}
    assert succeeds(system, "version") == "spawnctl %(spawnctl)s\ncontroller %(controller)s\n" % version


@pytest.mark.parametrize("words,code,text", [
    (["get", "session", "nosuchsession"], 3, "[SESSION_NOT_FOUND]"),
    (["get", "session", "--key=nobody"], 3, 'no session in namespace default has the key "nobody"'),
    (["describe", "session", "nosuchsession"], 3, "there is none, or its retention is over"),
    (["terminate", "nosuchsession"], 3, "`spawnctl get sessions` lists what there is"),
    (["connect", "--key=nobody"], 3, "say what to run by --image=IMAGE or -- COMMAND"),
    (["get", "sessions", "-n", "other"], 4, "served are default"),
    (["get", "sessions", "--filter=x"], 2, "allowed are terms joined by AND"),
    (["connect", "--key=x", "--grace=-5s", "--", ECHO], 2, "spec.idle.grace: must not be negative"),
    (["connect", "--key=x", "--grace=5", "--", ECHO], 2, "write 30s, 5m or 1h30m"),
    (["connect", "--key=x\n", "--", ECHO], 2, "key"),
    (["status", "--context=nobody"], 2, "there is no context"),
    (["status", "--address=nosuchhost.invalid:9090"], 7, "cannot reach the controller at nosuchhost"),
])
def test_errors_have_their_code_and_say_what_to_do(system, words, code, text):
    seen, out, err = spawnctl(system, *words)
    assert (seen, out) == (code, "")
    assert text in err and err.startswith(words[0] + " " if words[0] == "get" else words[0] + ":"), err


def test_conflicts_are_5(system):
    name = start(system, "in-use")
    connected = system.connect("in-use", spec=False)

    async def meanwhile():
        async with traffic.silent_websocket(system, connected):
            await asyncio.to_thread(system.wait, connected.session.name, lambda s: s.connections == 1, 5)
            return await asyncio.to_thread(spawnctl, system, "terminate", name, "--only-if-idle")

    code, _, err = asyncio.run(meanwhile())
    assert code == 5 and "[NOT_IDLE]" in err
    code, _, err = spawnctl(system, "terminate", "--key=in-use", "--tag=x")
    assert code == 2 and "unknown flag --tag;" in err


def test_a_call_that_takes_too_long_is_124_and_shows_that_it_waits(system):
    code, _, err = spawnctl(system, "connect", "--key=slow", "--wait", "--timeout=2500ms",
                            "--env=START_DELAY_MS=60000", "--", ECHO)
    assert code == 124
    assert re.search(r"^connect: STARTING, STARTED \(1 s\)$", err, re.M), err
    assert "give it longer with --timeout" in err


@pytest.mark.parametrize("words", [
    ["connect", "--key=x"], ["run", "--", ECHO], ["get", "sessions"], ["describe", "x"], ["watch"],
    ["terminate", "x"], ["status"], ["version"]], ids=lambda words: words[0])
def test_without_a_controller_it_is_7(system, words):
    address = "127.0.0.1:%d" % free_port()
    begin = time.monotonic()
    code, _, err = spawnctl(system, *words, address=address)
    assert code == 7 and time.monotonic() - begin < 5
    assert "cannot reach the controller at %s: Connection refused\n" % address in err
    assert "is a controller running there?" in err


def on_terminal(system, **extra):
    """What `get sessions` prints to a terminal."""
    master, terminal = pty.openpty()
    try:
        subprocess.run([SPAWNCTL, "get", "sessions"], stdin=subprocess.DEVNULL, stdout=terminal, check=True,
                       timeout=WAIT_S, env={**environment(system.grpc), **extra})
        return os.read(master, 65536).decode()
    finally:
        os.close(master)
        os.close(terminal)


def test_colour_only_on_a_terminal_and_not_with_no_color(system):
    start(system, "colourful")
    assert "\x1b[32mREADY\x1b[0m" in on_terminal(system)
    assert "\x1b" not in on_terminal(system, NO_COLOR="1")
    assert "\x1b" not in succeeds(system, "get", "sessions")


def test_doctor_finds_nothing_here_and_says_what_is_wrong_without_a_proxy(system, tmp_path):
    code, out, err = spawnctl(system, "doctor")
    assert code == 0, out + err
    for check in ("controller.reachable", "clock.spawnctl", "controller.leader", "kubernetes.view", "proxies.connected",
                  "proxies.version", "kubernetes.reachable", "dns.sessions", "proxies.reachable"):
        assert re.search(r"^ok      %s: \S" % re.escape(check), out, re.M), out
    with LocalSystem(tmp_path) as own:
        own.kill("proxy0")
        deadline = time.monotonic() + WAIT_S
        while ": connected" in succeeds(own, "status") and time.monotonic() < deadline:
            time.sleep(0.1)
        code, out, err = spawnctl(own, "doctor")
        assert code == 1 and "FAILED  proxies.connected: " in out and "        -> " in out, out
        assert re.search(r"doctor: \d of \d+ checks failed", err)


def test_uninstall_says_first_then_ends_every_session_and_may_be_run_again(tmp_path):
    with LocalSystem(tmp_path) as own:
        name = start(own, "to-be-ended")
        code, out, err = spawnctl(own, "uninstall")
        assert code == 1 and "would end 1 live sessions" in out and "nothing was done" in err
        assert "READY" in succeeds(own, "get", name)
        out = succeeds(own, "uninstall", "--yes")
        assert "ended 1 sessions\ndeleted 1 pods\ndeleted /api/v1/namespaces/default/secrets/spawner-keys\n" in out
        # Its pod is gone; the controller that still runs remembers how it ended.
        assert "REQUESTED" in succeeds(own, "get", name)
        out = succeeds(own, "uninstall", "--yes")
        assert "ended 0 sessions\ndeleted 0 pods\nthere is no /api/v1/namespaces/default/secrets/spawner-keys\n" in out


def test_top_bench_and_run_rm(system):
    name = start(system, "on-top")
    assert re.search(r"^%s  on-top +READY" % name, succeeds(system, "top", "--once"), re.M)
    text = succeeds(system, "bench", "--connects=50", "--concurrency=4", "--", ECHO)
    assert "50 Connects to 1 live sessions, 4 at a time" in text and "p99" in text
    code, _, err = spawnctl(system, "run", "--rm", "--key=rm", "--env=EXIT_AFTER_MS=300", "--", ECHO)
    assert code == 0, err
    deadline = time.monotonic() + WAIT_S
    while succeeds(system, "get", "sessions", "--filter=key:rm", "-o", "name") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert succeeds(system, "get", "sessions", "--filter=key:rm", "-o", "name") == ""


def test_top_refreshes_in_place_on_a_terminal_and_gives_the_screen_back(system):
    master, terminal = pty.openpty()
    with subprocess.Popen([SPAWNCTL, "top", "--interval=500ms"], stdin=subprocess.DEVNULL, stdout=terminal,
                          env=environment(system.grpc)) as top:
        os.close(terminal)
        seen = b""
        while seen.count(b"\x1b[H\x1b[2J") < 2:
            seen += os.read(master, 65536)
        top.send_signal(signal.SIGINT)
        assert top.wait(WAIT_S) == 0
        seen += os.read(master, 65536)
    os.close(master)
    assert seen.startswith(b"\x1b[?1049h") and seen.endswith(b"\x1b[?1049l"), seen[-100:]


def test_a_start_is_one_line_on_a_terminal(system):
    master, terminal = pty.openpty()
    try:
        subprocess.run([SPAWNCTL, "connect", "--key=line", "--wait", "--env=START_DELAY_MS=2500", "--", ECHO],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=terminal, check=True, timeout=WAIT_S,
                       env=environment(system.grpc))
        text = os.read(master, 65536).decode()
    finally:
        os.close(master)
        os.close(terminal)
    assert "\r\x1b[Kconnect: STARTING, STARTED (1 s)\r\x1b[K" in text, text
    assert "ready after STARTED " in text and text.count("\n") == 2, text
