"""The example application servers of docs/clients, each built from its sources and our .proto files, as
a browser meets them: between them and the session stand a real controller and a real proxy."""

import base64
import concurrent.futures
import contextlib
import http.client
import http.cookiejar
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.parse
import urllib.request

import grpc
import pytest

from tests.clients import tools
from tests.support import api
from tests.support.system import BIN, LocalSystem

from google.protobuf import any_pb2
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2
from spawner.v1 import session_pb2, sessions_pb2, sessions_pb2_grpc

ECHO = os.path.abspath(os.path.join(BIN, "deploy/examples/echo/echo"))
WAIT_S = 20
LANGUAGES = ["python", "go", "typescript"]


def build(language, folder):
    """(command, environment) of the client, built in `folder` as its README says."""
    shutil.copytree(os.path.join(tools.CLIENTS, language), folder, ignore=shutil.ignore_patterns(
        "node_modules", "dist", "gen", "bin", "spawnerv1", "spawner"))
    packages = tools.packages(language)
    env = tools.environment()
    if language == "python":
        env.update(PYTHONPATH=packages, PYTHON="/usr/bin/python3", PYTHONUNBUFFERED="1")
        command, steps = ["/usr/bin/python3", "server.py"], []
    elif language == "go":
        command, steps = ["./documents"], [["go", "build", "-o", "documents", "."]]
    else:
        os.symlink(os.path.join(packages, "node_modules"), os.path.join(folder, "node_modules"))
        command, steps = ["node", "dist/server.js"], [["node", "node_modules/typescript/bin/tsc"]]
    for step in [["./generate", os.path.join(tools.ROOT, "proto")], *steps]:
        done = subprocess.run(step, cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, "%s: %s%s" % (step, done.stdout, done.stderr)
    return command, env


@pytest.fixture(scope="module", params=LANGUAGES)
def built(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param) / "client"
    return (folder, *build(request.param, folder))


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with LocalSystem(tmp_path_factory.mktemp("logs")) as running:
        yield running


class Server:
    """A client's process. Killed at the end if it still runs."""

    def __init__(self, built, controller, log_path, **env):
        folder, command, environment = built
        self.log_path = log_path
        with open(log_path, "wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={
                **environment, "SPAWNER_ADDRESS": controller, "LISTEN": "127.0.0.1:0", "COMMAND": ECHO, **env})
        self.address = self.wait_log(r"listening on (\S+)")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def log(self):
        with open(self.log_path, encoding="utf-8") as log:
            return log.read()

    def wait_log(self, pattern):
        deadline = time.monotonic() + WAIT_S
        while not (found := re.search(pattern, self.log())):
            assert self.process.poll() is None and time.monotonic() < deadline, "no %r:\n%s" % (pattern, self.log())
            time.sleep(0.05)
        return found[1] if found.groups() else found[0]

    def get(self, path, user=None, password=None):
        """(status, headers, text)."""
        headers = {}
        if user:
            headers["Authorization"] = "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode()
        with contextlib.closing(http.client.HTTPConnection(self.address, timeout=WAIT_S)) as connection:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()

    def url_of(self, document, user="ada", password="lovelace"):
        status, headers, text = self.get("/documents/" + document, user, password)
        assert status == 303, text + self.log()
        return headers["Location"]


@pytest.fixture
def server(built, system, tmp_path):
    with Server(built, system.grpc, tmp_path / "log") as started:
        yield started


def headers_at_the_backend(url):
    """What a browser that follows `url` makes the backend see, by its cookie."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    browser.addheaders = [("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate")]
    status = 202  # of the page that shows how far the start is
    while status == 202:
        with browser.open(url, timeout=WAIT_S) as page:
            status, base = page.status, page.url
    assert status == 200 and "spawner_token" not in base
    with browser.open(urllib.parse.urljoin(base, "headers"), timeout=WAIT_S) as answer:
        return {name.lower(): value for name, value in json.load(answer)["headers"]}


def test_a_user_is_sent_to_the_document_and_the_backend_knows_who_it_is(server, system):
    url = server.url_of("plan%20b")
    assert url.startswith(system.proxies[0] + "/s/")
    seen = headers_at_the_backend(url)
    assert seen["spawner-user"] == "ada"
    assert json.loads(seen["spawner-claims"]) == {"document": "plan b", "role": "editor"}


def test_two_users_meet_in_one_session(server):
    ada, grace = server.url_of("shared"), server.url_of("shared", "grace", "hopper")
    assert ada != grace and ada.split("?")[0] == grace.split("?")[0]
    assert headers_at_the_backend(grace)["spawner-user"] == "grace"


@pytest.mark.parametrize("user,password", [(None, None), ("ada", "hopper"), ("ada", ""), ("eve", ""), ("eve", "x")])
def test_nobody_else_gets_in(server, user, password):
    status, headers, _ = server.get("/documents/secret", user, password)
    assert status == 401 and headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("path", ["/", "/documents/", "/other"])
def test_there_is_nothing_else(server, path):
    assert server.get(path, "ada", "lovelace")[0] == 404


def test_a_url_is_not_kept_by_caches(server):
    assert server.get("/documents/secret", "ada", "lovelace")[1]["Cache-Control"] == "no-store"


def test_an_end_is_logged_with_its_reason(server, system):
    server.url_of("ends")
    name = [s.name for s in system.api.sessions.ListSessions(sessions_pb2.ListSessionsRequest(
        parent="namespaces/default", filter="key:documents/ends")).sessions
            if s.state != session_pb2.TERMINATED][0]
    time.sleep(0.2)  # the watch's first list is no news
    system.terminate(name)
    server.wait_log(r"ended: documents/ends REQUESTED")


def test_an_error_is_told_by_its_reason(server, system):
    system.api.sessions.Connect(sessions_pb2.ConnectRequest(
        parent="namespaces/default", key=session_pb2.SessionKey(name="documents/tagged", tag="other"),
        spec=system.spec()))
    status, _, text = server.get("/documents/tagged", "ada", "lovelace")
    assert status == 409 and "another version" in text
    assert "KEY_TAG_MISMATCH" in server.log()


def test_sigterm_ends_it_cleanly(server):
    server.url_of("last")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(WAIT_S) == 0, server.log()
    assert "stopped" in server.log()


class Unsteady(sessions_pb2_grpc.SessionsServicer):
    """Says when another try makes sense `failures` times before it answers."""

    def __init__(self, failures):
        self.failures = failures
        self.requests = []
        self.metadata = []
        self.watches = []

    def Connect(self, request, context):
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        if len(self.requests) > self.failures:
            return sessions_pb2.ConnectResponse(url="http://session.test/?spawner_token=x")
        details = [error_details_pb2.ErrorInfo(reason="RATE_LIMITED", domain="spawner.dev"),
                   error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(nanos=300_000_000))]
        status = error_details_pb2.Status(code=8, message="too many Connects")
        for detail in details:
            packed = any_pb2.Any()
            packed.Pack(detail)
            status.details.append(packed)
        context.set_trailing_metadata([("grpc-status-details-bin", status.SerializeToString())])
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, status.message)

    def WatchSessions(self, request, context):
        self.watches.append(request.resume_version)
        yield sessions_pb2.WatchSessionsResponse(
            type=sessions_pb2.WatchSessionsResponse.BOOKMARK, version="v%d" % len(self.watches))
        if len(self.watches) == 1:
            context.abort(grpc.StatusCode.UNAVAILABLE, "another controller leads")
        ended = concurrent.futures.Future()
        context.add_callback(lambda: ended.set_result(None))
        ended.result(WAIT_S)


@contextlib.contextmanager
def controller(failures):
    fake = Unsteady(failures)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    sessions_pb2_grpc.add_SessionsServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield fake, "127.0.0.1:%d" % port
    finally:
        server.stop(0).wait()


def test_a_refusal_with_a_time_is_tried_again_then_as_the_same_request(built, tmp_path):
    with controller(failures=2) as (fake, address):
        with Server(built, address, tmp_path / "log", SPAWNER_TOKEN="t0ken") as server:
            start = time.monotonic()
            assert server.url_of("x") == "http://session.test/?spawner_token=x"
            assert time.monotonic() - start >= 0.6
    assert len(fake.requests) == 3 and len({r.request_id for r in fake.requests}) == 1
    assert fake.requests[0].request_id and fake.metadata[0]["authorization"] == "Bearer t0ken"


def test_a_token_that_is_replaced_in_its_file_is_sent_from_then_on(built, tmp_path):
    token = tmp_path / "token"
    token.write_text("first\n")
    with controller(failures=0) as (fake, address), Server(
            built, address, tmp_path / "log", SPAWNER_TOKEN_FILE=str(token), SPAWNER_TOKEN="unused") as server:
        server.url_of("x")
        (tmp_path / "next").write_text("second\n")
        os.replace(tmp_path / "next", token)
        server.url_of("x")
        token.unlink()  # it goes on, and says nothing of who it is
        server.url_of("x")
        server.wait_log("token file: ")
    assert [sent.get("authorization") for sent in fake.metadata[:2]] == ["Bearer first", "Bearer second"]
    assert "second" not in server.log()


def test_a_watch_that_is_cut_goes_on_where_it_was(built, tmp_path):
    with controller(failures=0) as (fake, address), Server(built, address, tmp_path / "log") as server:
        server.wait_log("watch again: .*another controller leads")
        deadline = time.monotonic() + WAIT_S
        while len(fake.watches) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert fake.watches[:2] == ["", "v1"]


def test_without_a_controller_the_user_is_told_to_come_again(built, tmp_path):
    with controller(failures=0) as (_, address):
        pass
    with Server(built, address, tmp_path / "log") as server:
        status, headers, _ = server.get("/documents/x", "ada", "lovelace")
        assert status == 503 and int(headers["Retry-After"]) >= 1
