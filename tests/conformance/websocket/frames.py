"""WebSocket frames by hand (RFC 6455 5.2), right and wrong ones, and a client that sends them."""

import base64
import os
import select
import socket
import struct
import typing
import zlib

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
PATIENCE_S = 20


def frame(opcode, payload=b"", fin=True, rsv=0, masked=True, length_bytes=None):
    """One frame of a client. `length_bytes`: 0, 2 or 8 whatever the payload needs."""
    size = len(payload)
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 65536 else 8
    mask_bit = 0x80 if masked else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if length_bytes == 0:
        head += bytes([mask_bit | size])
    else:
        head += bytes([mask_bit | (126 if length_bytes == 2 else 127)])
        head += struct.pack(">H" if length_bytes == 2 else ">Q", size)
    if not masked:
        return head + payload
    mask = b"\x12\xc3\x5a\x87"
    whole, rest = divmod(size, 4)
    stream = mask * whole + mask[:rest]
    masked_payload = (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")
    return head + mask + masked_payload


def text(words, **more):
    return frame(TEXT, words if isinstance(words, bytes) else words.encode(), **more)


def close(code=None, reason=b""):
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


# A piece of none: a text goes out, and its echo is waited for, or the end. What was sent before it has
# been answered then: a backend that is told goodbye may not answer any more.
FENCE = None
FENCE_TEXT = b"so far"


class Seen(typing.NamedTuple):
    """A frame that came from the server."""
    opcode: int
    fin: bool
    rsv: int
    masked: bool
    payload: bytes

    def __repr__(self):
        return "<opcode %d fin %d rsv %d %d bytes %r>" % (
            self.opcode, self.fin, self.rsv, len(self.payload), self.payload[:24])


def parse(stream):
    """The frames in a server's bytes; what is left over comes last, as bytes."""
    found, at = [], 0
    while len(stream) >= at + 2:
        first, second = stream[at], stream[at + 1]
        size, head = second & 0x7F, 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, head = int.from_bytes(stream[at + 2:at + 2 + width], "big"), 2 + width
        if len(stream) < at + head + size:
            break
        found.append(Seen(first & 15, bool(first & 0x80), first >> 4 & 7, bool(second & 0x80),
                          bytes(stream[at + head:at + head + size])))
        at += head + size
    return found + ([bytes(stream[at:])] if at < len(stream) else [])


class Answer(typing.NamedTuple):
    status: bytes
    headers: dict  # those that a handshake is about
    stream: bytes  # all that came after the head, to the end of the connection


def converse(address, host, pieces, headers=(), finish=False):
    """Shakes hands, sends the pieces, each in a write of its own, and reads to the end. `finish`: our
    side is closed after the last piece."""
    with socket.create_connection(address, PATIENCE_S) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.settimeout(PATIENCE_S)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ["GET /ws HTTP/1.1", "Host: " + host, "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Key: " + key, "Sec-WebSocket-Version: 13", *headers]
        peer.sendall("\r\n".join([*lines, "", ""]).encode())
        received = b""
        while b"\r\n\r\n" not in received:
            more = peer.recv(65536)
            if not more:
                raise AssertionError("the handshake ended with %r" % received)
            received += more
        head, _, rest = received.partition(b"\r\n\r\n")
        received = bytearray(rest)
        _exchange(peer, pieces, received, finish)
    names = ("sec-websocket-protocol", "sec-websocket-extensions")
    fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
    return Answer(head.split(b"\r\n")[0], {name: fields.get(name) for name in names}, bytes(received))


def _content(seen):
    """Of a frame; of one that is compressed (RFC 7692 7.2.2), what it was."""
    if isinstance(seen, bytes):
        return b""
    if seen.rsv != 4:
        return seen.payload
    return zlib.decompressobj(wbits=-15).decompress(seen.payload + b"\x00\x00\xff\xff")


def _exchange(peer, pieces, received, finish):
    """Writes and reads in turn: an echo of much must not wait for us, nor we for it."""
    left, fences, is_finished = list(pieces), 0, False
    peer.setblocking(False)
    while True:
        if left and left[0] is FENCE:
            left[0] = text(FENCE_TEXT)
            fences += 1
            left.insert(1, fences)  # a number: so many echoes are waited for
        waits = bool(left) and isinstance(left[0], int)
        if waits and sum(_content(seen) == FENCE_TEXT for seen in parse(received)) >= left[0]:
            left.pop(0)
            continue
        if not left and finish and not is_finished:
            peer.shutdown(socket.SHUT_WR)
            is_finished = True
        readable, writable, _ = select.select([peer], [peer] if left and not waits else [], [], PATIENCE_S)
        if not readable and not writable:
            raise AssertionError("nothing came within %d s" % PATIENCE_S)
        try:
            if writable:
                left[0] = left[0][peer.send(left[0]):]
                if not left[0]:
                    left.pop(0)
            if readable:
                more = peer.recv(1 << 16)
                if not more:
                    return
                received += more
        except (ConnectionResetError, BrokenPipeError):
            return
