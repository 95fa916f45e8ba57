"""Ports for programs that must be told theirs before they start, or keep it over a restart."""

import random
import socket

_held = []  # until this process ends


def free_port():
    """A TCP port of 127.0.0.1 that is nobody's now, and that no other test is given while this process
    lives. It is below the range that the kernel takes for connections and for port 0, so that nothing
    else comes across it between two starts of a program."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as text:
        below = int(text.read().split()[0])
    candidates = list(range(max(1024, below - 16384), below))
    random.shuffle(candidates)
    for port in candidates:
        # The name goes with this process, whatever ends it.
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind("\0spawner-test-port-%d" % port)
        except OSError:
            claim.close()
            continue
        _held.append(claim)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue  # a stranger's
        return port
    raise AssertionError("no port is free below %d" % below)
