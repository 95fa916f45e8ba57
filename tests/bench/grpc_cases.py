"""gRPC through the proxies: unary calls of one client, 100 at once, to a backend that speaks HTTP/2 without
TLS (nghttpd). h2load sends what a gRPC client would: a POST with a message of 64 bytes; the message comes
back, and the trailer grpc-status. The figure is the proxy's CPU time.
"""

import os
import shutil

from tests.bench import h2_cases, machine, proxies
from tests.bench.case import Case, Column

PEERS = ("spawner", "haproxy", "nghttpx", "envoy")
MESSAGE = b"\0\0\0\0\x40" + b"x" * 64  # gRPC's length prefix: not compressed, 64 bytes


def run_unary(bench, peer, _, seconds):
    folder = os.path.join(bench.folder, "grpc")
    os.makedirs(folder, exist_ok=True)
    for name in ("index.html", "message"):  # the first for the look whether the proxy is up
        with open(os.path.join(folder, name), "wb") as file:
            file.write(MESSAGE)
    program = shutil.which("nghttpd", path=proxies.SEARCH_PATH)
    if not program:
        raise machine.Failed("nghttpd is not installed: apt-get install nghttp2-server")
    port = machine.free_port()
    backend = bench.companion(
        [program, "--no-tls", "--echo-upload", "--trailer=grpc-status: 0", "-d", folder, str(port)])
    try:
        setup = bench.start_proxy(peer, backend_port=port, is_h2c=True)
        return h2_cases.measure(bench, setup, 1, seconds,
                                ["-d", folder + "/message", "-H", "content-type: application/grpc",
                                 "-H", "te: trailers"])
    finally:
        machine.reap(backend)


CASES = {
    "grpc": Case("gRPC, unary calls of 64 bytes, 100 at once on one connection", "CPU us per call",
                 base="envoy", peers=PEERS, run=run_unary, columns=(Column("rps", "per s"),),
                 needs=(("nghttpd", "nghttp2-server"),)),
}
