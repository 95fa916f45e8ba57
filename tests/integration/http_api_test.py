"""The HTTP API through the real programs, with curl, as docs/http-api.md has it."""

import json
import os
import re
import socket
import subprocess
import time

import pytest

from tests.support import api
from tests.support.system import BIN, LocalSystem

USUAL = "127.0.0.1:9091"
ECHO = os.path.abspath(os.path.join(BIN, "deploy/examples/echo/echo"))


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with LocalSystem(tmp_path_factory.mktemp("logs")) as running:
        yield running


def run(command, timeout=30, **environment):
    done = subprocess.run(["bash", "-ec", command], capture_output=True, text=True, timeout=timeout,
                          env={"PATH": os.environ["PATH"], **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout


def block(containing):
    """The page's one block of shell with these words."""
    with open(os.path.join(api.ROOT, "docs/http-api.md"), encoding="utf-8") as page:
        (code,) = [code for code in re.findall(r"^```sh\n(.*?)^```", page.read(), re.M | re.S)
                   if containing in code]
    assert USUAL in code
    return code


def spawn(system, **fields):
    code, swaps = re.subn(r"-d '(\{.*\})'", lambda match: "-d '%s'" % json.dumps(
        {**json.loads(match.group(1)), "command": [ECHO], **fields}), block("/spawn"))
    assert swaps == 1
    return json.loads(run(code.replace(USUAL, system.http)))


def events(text):
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


def curl(system, path, *flags):
    """(code, body, redirect)."""
    done = subprocess.run(
        ["curl", "-sS", "-w", "\n%{http_code} %{redirect_url}", *flags, "http://%s%s" % (system.http, path)],
        capture_output=True, text=True, timeout=20, check=True)
    body, _, last = done.stdout.rpartition("\n")
    code, _, redirect = last.partition(" ")
    return int(code), body, redirect


def test_the_pages_commands_start_a_session_and_follow_it(system):
    spawned = spawn(system, gracePeriodSeconds=1)
    assert set(spawned) == {"name", "url", "readyUrl", "statusUrl"}
    assert spawned["url"] == "%s/s/%s/" % (system.proxies[0], spawned["name"])
    assert spawned["statusUrl"] == "http://%s/backend/%s/status" % (system.http, spawned["name"])
    # The URL works at once, for anybody who knows it.
    assert run("curl -sS %s" % spawned["url"]).startswith("echo\n")
    assert curl(system, "/backend/%s/ready" % spawned["name"])[::2] == (302, spawned["url"])

    started = time.monotonic()
    shown = run(block("status/stream").replace(USUAL, system.http), NAME=spawned["name"])
    assert json.loads(shown.splitlines()[0])["state"] == "Ready"
    # The stream went on until nobody had been there for a second, and told it all once.
    assert 0.5 < time.monotonic() - started < 15
    states = [event["state"] for event in events(shown)]
    assert states == ["Submitted", "Constructed", "Scheduled", "Running", "Ready", "Swept"]
    assert events(shown)[-1]["reason"] == "IDLE"
    assert shown.endswith("410 \n")


def test_a_backend_that_fails(system):
    spawned = spawn(system, command=["/bin/sh", "-c", "exit 3"])
    shown = run("curl -sSN --max-time 20 http://%s/backend/%s/status/stream" % (system.http, spawned["name"]))
    last = events(shown)[-1]
    assert (last["state"], last["reason"]) == ("Failed", "CRASHED")
    assert "Ready" not in [event["state"] for event in events(shown)]


def test_what_is_wrong_is_said(system):
    json_type = ("-H", "Content-Type: application/json")
    code, body, _ = curl(system, "/spawn", *json_type, "-d", '{"image": "a", "cmd": []}')
    assert code == 400 and '\\"cmd\\": is no field of POST /spawn' in body
    code, body, _ = curl(system, "/spawn?namespace=other", *json_type, "-d", '{"image": "a", "command": ["x"]}')
    assert code == 403 and json.loads(body)["error"]["reason"] == "NAMESPACE_FORBIDDEN"
    assert curl(system, "/spawn", "-d", '{"image": "a"}')[0] == 415
    assert curl(system, "/spawn")[0] == 405
    assert curl(system, "/backend/unknown/status")[0] == 404
    assert curl(system, "/backend/unknown/status/stream")[0] == 404
    assert curl(system, "/status/stream", "-H", "Host: evil.test")[0] == 403


def test_streams_are_bounded_and_leave_room_for_others(system):
    host, port = system.http.split(":")
    answers = []
    streams = [socket.create_connection((host, int(port)), timeout=10) for _ in range(40)]
    try:
        for stream in streams:
            stream.sendall(b"GET /status/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answers.append(stream.recv(12))
        assert answers.count(b"HTTP/1.1 200") == 32 and answers.count(b"HTTP/1.1 503") == 8
        assert curl(system, "/healthz")[0] == 200
    finally:
        for stream in streams:
            stream.close()
