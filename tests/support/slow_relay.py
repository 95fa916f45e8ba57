"""A relay for TCP that keeps every byte for a while: a slow link between two programs of one machine.

    relay = SlowRelay(delay_s=0.15, target="127.0.0.1:9090")
    ... connect to relay.address ...
    relay.close()

As a program it serves what a packet filter's `redirect` sends to it, where it was to go, until its
standard input ends, and then prints how many there were. Its own connections carry the mark, so that the filter can leave them alone.

    slow_relay.py PORT DELAY_S MARK
"""

import asyncio
import concurrent.futures
import socket
import struct
import sys
import threading

SO_ORIGINAL_DST = 80  # linux/netfilter_ipv4.h


def original_target(connection):
    """(IP, port) that a redirected connection was made to."""
    port, address = struct.unpack("!2xH4s8x", connection.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16))
    return socket.inet_ntoa(address), port


class SlowRelay:
    """Forwards TCP, each direction `delay_s` late, on its own thread. Without a target ("IP:PORT")
    connections go where they were meant to before they were redirected here."""

    def __init__(self, delay_s, target=None, port=0, mark=0):
        self._delay_s = delay_s
        self._target = target and target.rsplit(":", 1)
        self._mark = mark
        self.served = 0  # connections so far
        self._loop = asyncio.new_event_loop()
        started = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, args=(port, started), daemon=True)
        self._thread.start()
        self.address = "127.0.0.1:%d" % started.result(10)

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self, port, started):
        asyncio.set_event_loop(self._loop)
        try:
            server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", port))
        except OSError as error:
            started.set_exception(error)
            return
        started.set_result(server.sockets[0].getsockname()[1])
        self._loop.run_forever()

    async def _serve(self, reader, writer):
        other = socket.socket()
        other.setblocking(False)
        if self._mark:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, self._mark)
        ip, port = self._target or original_target(writer.get_extra_info("socket"))
        try:
            await self._loop.sock_connect(other, (ip, int(port)))
        except OSError:
            other.close()
            writer.close()
            return
        self.served += 1
        other_reader, other_writer = await asyncio.open_connection(sock=other)
        await asyncio.gather(self._pump(reader, other_writer), self._pump(other_reader, writer),
                             return_exceptions=True)

    async def _pump(self, reader, writer):
        while data := await reader.read(65536):
            self._loop.call_later(self._delay_s, writer.write, data)
        self._loop.call_later(self._delay_s, writer.close)


if __name__ == "__main__":
    relay = SlowRelay(float(sys.argv[2]), port=int(sys.argv[1]), mark=int(sys.argv[3]))
    print("ready", flush=True)
    sys.stdin.read()
    print(relay.served)
