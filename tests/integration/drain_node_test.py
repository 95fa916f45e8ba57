"""DrainNode with real sessions: what nobody uses ends, what is used stays until it is left."""

import http.client
import os
import subprocess
import urllib.parse

from tests.support.system import BIN, LocalSystem, reason_name

SPAWNCTL = os.path.join(BIN, "cli/spawnctl")


def drain(system, *words):
    done = subprocess.run([SPAWNCTL, "drain", "node", *words], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60,
                          env={"PATH": os.environ["PATH"], "SPAWNER_ADDRESS": system.grpc})
    return done.returncode, done.stdout


def test_a_drained_node_keeps_whom_somebody_uses(tmp_path):
    with LocalSystem(tmp_path) as system:
        idle, busy = (system.connect(key, grace=600, initial_grace=600) for key in ("idle", "busy"))
        for one in (idle, busy):
            system.wait_state(one.session.name, "READY")
        node = system.get(busy.session.name).node
        assert node and node == system.get(idle.session.name).node
        assert drain(system, "another-node") == (0, "node another-node: 0 sessions ended, 0 left\n")

        url = urllib.parse.urlsplit(system.url(busy, "sse?n=0"))
        user = http.client.HTTPConnection(url.netloc, timeout=20)
        user.request("GET", "%s?%s" % (url.path, url.query))
        user.getresponse()
        system.wait(busy.session.name, lambda s: s.connections == 1, 20)

        assert drain(system, node) == (
            0, "node %s: 1 sessions ended, 1 in use are left: ask again, or with --wait\n" % node)
        assert reason_name(system.wait_ended(idle.session.name)) == "EVICTED"
        assert drain(system, node, "--wait=1s")[0] == 124, "the user is still there"
        assert system.get(busy.session.name).state == 3, "and keeps the session"
        user.close()
        assert drain(system, node, "--wait=20s") == (0, "node %s: 1 sessions ended, 0 left\n" % node)
        ended = system.wait_ended(busy.session.name)
        assert (reason_name(ended), ended.message) == ("EVICTED", "node %s is being drained" % node)
