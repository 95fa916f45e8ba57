"""Starts the proxy's binary directly, on free ports of loopback."""

import contextlib
import http.client
import os
import re
import subprocess
import time

PROGRAM = os.path.join(os.environ.get("SPAWNER_BIN", "."), "proxy/proxy")
WAIT_S = 10


class Proxy:
    """A proxy process linked to `controller` ("IP:PORT"), or with None and --static-routes in flags
    without one. Killed at the end if it still runs."""

    def __init__(self, controller, log_path, flags=(), env=None):
        self.log_path = log_path
        with open(log_path, "wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0",
                 *(["--controller=" + controller] if controller else []), *flags], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"PATH": os.environ["PATH"], **(env or {})})
        try:
            self.admin = self._address("admin_listening")
            self.address = self._address("proxy_listening")
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.kill()
        self.process.wait()

    def log(self):
        with open(self.log_path, encoding="utf-8") as log:
            return log.read()

    def request(self, path, method="GET", headers=None, timeout_s=WAIT_S, admin=False):
        """(status, headers, text) of one request on a connection of its own."""
        connection = http.client.HTTPConnection(*(self.admin if admin else self.address), timeout=timeout_s)
        with contextlib.closing(connection):
            try:
                connection.request(method, path, headers=headers or {})
            except ConnectionRefusedError as error:
                raise AssertionError("refused; exit code %s; its log:\n%s" % (
                    self.process.poll(), self.log())) from error
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()

    def websocket_url(self, session, path="ws"):
        return "ws://%s:%d/s/%s/%s" % (*self.address, session, path)

    def metric(self, name):
        text = self.request("/metrics", admin=True)[2]
        return float(re.search(r"^%s(?:{.*})? (\S+)$" % name, text, re.MULTILINE)[1])

    def _address(self, event):
        found = []

        def is_there():
            found[:] = re.findall(r'"event":"%s","address":"([\d.]+):(\d+)"' % event, self.log())
            assert self.process.poll() is None, self.log()
            return found

        wait_for(is_there, self.log)
        return found[0][0], int(found[0][1])


def wait_for(condition, what=lambda: "the condition", timeout_s=WAIT_S):
    """Until condition() holds; what() is shown if it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "not within %g s: %s" % (timeout_s, what())
        time.sleep(0.01)
