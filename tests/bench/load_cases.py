"""The cases whose load is tests/bench/load: HTTP/1.1 and WebSockets."""

from tests.bench.case import LOAD_COLUMNS, Case, Column

PER_REQUEST = "CPU us per request"
PER_MESSAGE = "CPU us per message"


def run_half(bench, peer, case, seconds):
    """All at the same rate: half of what nginx can do in this run, or the peer itself without it."""
    reference = "nginx" if bench.has("nginx") else peer
    if "half" not in bench.memo:
        bench.start_proxy(reference)
        bench.warm_up()
        bench.memo["half"] = bench.run([], seconds)["rps"] / 2
    bench.start_proxy(peer)
    bench.warm_up()
    rate = bench.memo["half"]
    return {**bench.measure(case._replace(rate=rate), seconds), "rate": rate}


CASES = {
    "get_max": Case("small GET, 64 keep-alive clients that change among 1,000 hosts, closed loop",
                    PER_REQUEST),
    "max_sticky": Case("small GET, 64 keep-alive clients, each with its own host, closed loop",
                       PER_REQUEST, flags=("--sticky",)),
    "get_5k": Case("small GET, 64 keep-alive clients that change among 1,000 hosts, 5,000/s",
                   PER_REQUEST, rate=5000),
    "b64k": Case("answers of 64 KiB, 400/s", PER_REQUEST,
                 flags=("--connections=16", "--path=/b/65536"), rate=400),
    "b1m": Case("answers of 1 MiB, 60/s", PER_REQUEST,
                flags=("--connections=8", "--path=/b/1048576"), rate=60),
    "post1m": Case("uploads of 1 MiB, 60/s", PER_REQUEST,
                   flags=("--connections=8", "--upload=1048576"), rate=60),
    "newconn": Case("a new client connection for each small GET, 800/s", PER_REQUEST,
                    flags=("--one-shot",), rate=800),
    "ws64_max": Case("WebSocket echo of 64 bytes, 64 clients, closed loop", PER_MESSAGE,
                     flags=("--kind=websocket",)),
    "ws64_10k": Case("WebSocket echo of 64 bytes, 64 clients, 10,000/s", PER_MESSAGE,
                     flags=("--kind=websocket",), rate=10000),
    "idle8k": Case("8,000 idle WebSockets", "user bytes each", cost="user_bytes",
                   columns=(Column("kernel_bytes", "kernel bytes each (whole machine)"),),
                   flags=("--kind=idle", "--connections=8000"), is_memory=True),
    "p99_half": Case("p99 of small GETs at half of nginx's saturation", "p99 us", cost="p99_us",
                     base="nginx", run=run_half,
                     columns=(Column("cpu_us", PER_REQUEST, "%.1f"),
                              *(column for column in LOAD_COLUMNS if column.key != "p99_us"))),
}
