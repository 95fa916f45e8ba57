"""Starts one of the example backends directly: no proxy, no controller.

    with Backend("deploy/examples/echo/echo", env={"START_DELAY_MS": "100"}) as echo:
        requests.get(echo.url("headers"))
        assert echo.stop() == 0
"""

import os
import re
import selectors
import signal
import subprocess
import time


class Backend:
    """A process that listens on a free port of 127.0.0.1. Killed at the end if it still runs.

    One that exits before it listens is an AssertionError: "PROGRAM exited with CODE before it listened".
    """

    def __init__(self, program, env=None, start_s=10.0, terminate_after_s=None):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("SPAWNER_", "SESSION_"))}
        environment.update({"HOST": "127.0.0.1", "PORT": "0"}, **(env or {}))
        start = time.monotonic()
        self.process = subprocess.Popen([program], env=environment, stdout=subprocess.PIPE)
        try:
            if terminate_after_s is not None:
                time.sleep(terminate_after_s)
                self.process.terminate()
            line = self._first_line(start + start_s)
            if not line:
                code = self.process.wait(start_s)
                raise AssertionError("%s exited with %d before it listened" % (program, code))
            match = re.fullmatch(r"listening on ([\d.]+):(\d+)\n", line)
            if match is None:
                raise AssertionError("%s said %r instead of where it listens" % (program, line))
        except BaseException:
            self._end()
            raise
        self.start_s = time.monotonic() - start
        self.address = (match[1], int(match[2]))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self._end()

    @property
    def pid(self):
        return self.process.pid

    def url(self, path=""):
        return "http://%s:%d/%s" % (*self.address, path)

    def websocket_url(self, path="ws"):
        return "ws://%s:%d/%s" % (*self.address, path)

    def stop(self, signal_number=signal.SIGTERM, within_s=5.0):
        """Sends the signal and returns the exit code (negative: the signal that killed it)."""
        self.process.send_signal(signal_number)
        return self.wait(within_s)

    def wait(self, within_s=5.0):
        """The exit code of a process that ends by itself."""
        return self.process.wait(within_s)

    def resident_kib(self):
        """Its resident memory."""
        with open("/proc/%d/status" % self.pid, encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1])

    def _first_line(self, deadline):
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise AssertionError("%s does not listen" % self.process.args[0])
        return self.process.stdout.readline().decode()

    def _end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
