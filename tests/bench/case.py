"""What a case of the benchmark is."""

import typing


class Column(typing.NamedTuple):
    key: str  # of a measurement
    title: str
    form: str = "%.0f"


LOAD_COLUMNS = (Column("rps", "per s"), Column("p50_us", "p50 us"), Column("p99_us", "p99 us"),
                Column("p999_us", "p99.9 us"))


class Case(typing.NamedTuple):
    title: str
    cost_title: str  # of the figure that is compared: less is better
    cost: str = "cpu_us"  # its key
    base: str = "floor"  # the peer whose cost is 1
    peers: tuple = ()  # that take part; (): all
    columns: tuple = LOAD_COLUMNS
    flags: tuple = ()  # of the load program
    needs: tuple = ()  # (program, Debian's package that has it) besides the proxies
    rate: float = 0  # a second; 0: closed loop
    is_memory: bool = False  # its figure is memory per connection, of a proxy just started
    # (bench, peer, case, seconds) -> figures. None: the load program's, on a proxy that others of
    # the same round have warmed.
    run: typing.Optional[typing.Callable] = None

    def load_flags(self):
        return [*self.flags, *(["--rate=%g" % self.rate] if self.rate else [])]

    def takes(self, peer):
        return not self.peers or peer in self.peers

    @property
    def is_shared(self):
        return self.run is None and not self.is_memory
