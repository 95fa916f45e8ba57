"""./quickstart --check: two people meet on the whiteboard, leave, and the session ends as idle.

Exit status 0 only if all of it happened within its time: the end within grace + 1 s.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
import urllib.parse

import websockets

WAIT_S = 5  # for anything that should take milliseconds
END_MARGIN_S = 1.0


def websocket_url(url):
    """The whiteboard's socket below the session's URL, with the token in the query."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit(("ws", parts.netloc, parts.path + "ws", parts.query, ""))


async def receive_until(socket, wanted):
    """Reads messages until one contains `wanted`."""
    deadline = time.monotonic() + WAIT_S
    while True:
        message = await asyncio.wait_for(socket.recv(), deadline - time.monotonic())
        if wanted in str(message):
            return


async def meet(url):
    ws = websocket_url(url)
    async with websockets.connect(ws) as one, websockets.connect(ws) as two:
        await one.send(json.dumps({"t": "hello", "key": "ada-check", "name": "Ada"}))
        await two.send(json.dumps({"t": "hello", "key": "grace-check", "name": "Grace"}))
        await receive_until(one, "Grace")
        await receive_until(two, "Ada")


def session(spawnctl):
    answer = json.loads(subprocess.check_output(
        [spawnctl, "get", "sessions", "--key=quickstart", "-o", "json"], text=True))
    sessions = answer.get("sessions", answer if isinstance(answer, list) else [answer])
    return sessions[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--spawnctl", required=True)
    parser.add_argument("--grace", type=float, required=True, help="seconds")
    options = parser.parse_args()

    asyncio.run(meet(options.url))
    left = time.monotonic()
    print("quickstart: two people met on the whiteboard and left", file=sys.stderr)
    limit = options.grace + END_MARGIN_S
    while True:
        seen = session(options.spawnctl)
        took = time.monotonic() - left
        if seen["state"] in ("TERMINATING", "TERMINATED"):
            break
        if took > limit:
            print("quickstart: still %s %.1f s after the last one left (grace %g s)"
                  % (seen["state"], took, options.grace), file=sys.stderr)
            return 1
        time.sleep(0.05)
    if took > limit or took < options.grace - 0.05 or seen.get("reason") != "IDLE":
        print("quickstart: ended as %s after %.2f s; expected IDLE within %g..%g s"
              % (seen.get("reason"), took, options.grace, limit), file=sys.stderr)
        return 1
    print("quickstart: ended as IDLE %.2f s after they left (grace %g s)" % (took, options.grace),
          file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
