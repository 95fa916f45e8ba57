"""The loads of the benchmark: what each sends, and what one unit of its figures is."""

import typing


class Case(typing.NamedTuple):
    title: str
    unit: str  # of what the CPU time is divided by
    flags: tuple  # of the load program
    rate: float = 0  # a second; 0: closed loop
    is_memory: bool = False  # its figure is memory per connection, of a proxy just started

    def load_flags(self):
        return [*self.flags, *(["--rate=%g" % self.rate] if self.rate else [])]


CASES = {
    "get_max": Case("small GET, 64 keep-alive clients that change among 1,000 hosts, closed loop",
                    "request", ()),
    "max_sticky": Case("small GET, 64 keep-alive clients, each with its own host, closed loop",
                       "request", ("--sticky",)),
    "get_5k": Case("small GET, 64 keep-alive clients that change among 1,000 hosts, 5,000/s",
                   "request", (), rate=5000),
    "b64k": Case("answers of 64 KiB, 400/s", "request",
                 ("--connections=16", "--path=/b/65536"), rate=400),
    "b1m": Case("answers of 1 MiB, 60/s", "request",
                ("--connections=8", "--path=/b/1048576"), rate=60),
    "post1m": Case("uploads of 1 MiB, 60/s", "request",
                   ("--connections=8", "--upload=1048576"), rate=60),
    "newconn": Case("a new client connection for each small GET, 800/s", "request",
                    ("--one-shot",), rate=800),
    "ws64_max": Case("WebSocket echo of 64 bytes, 64 clients, closed loop", "message",
                     ("--kind=websocket",)),
    "ws64_10k": Case("WebSocket echo of 64 bytes, 64 clients, 10,000/s", "message",
                     ("--kind=websocket",), rate=10000),
    "idle8k": Case("8,000 idle WebSockets", "connection",
                   ("--kind=idle", "--connections=8000"), is_memory=True),
}
