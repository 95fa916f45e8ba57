"""The table: what a client sends, right and wrong, by the paragraphs of RFC 6455."""

import typing

from tests.conformance.websocket.frames import (
    BINARY, CLOSE, CONTINUATION, FENCE, PING, PONG, TEXT, close, frame, text)

BYE = close(1000)


class Case(typing.NamedTuple):
    pieces: tuple  # each is a write of its own
    headers: tuple = ()
    finish: bool = False  # our side is closed after the last piece: nobody says goodbye


def chopped(data, size):
    return tuple(data[i:i + size] for i in range(0, len(data), size))


def sizes():
    """5.2, the three forms of a length; 5.6, text and binary."""
    for size in (0, 1, 2, 125, 126, 127, 128, 1000, 4096, 65535, 65536, 65537, 131072, 1 << 20, 4 << 20):
        yield "text_%d" % size, Case((text("x" * size), BYE))
        yield "binary_%d" % size, Case((frame(BINARY, bytes(i * 7 % 256 for i in range(256)) * (size // 256)
                                               + b"\xfe" * (size % 256)), BYE))
    for size in (1, 2, 3, 13, 997, 4096):
        message = text("".join(chr(97 + i % 26) for i in range(3000 if size < 13 else 100000)))
        yield "chopped_by_%d" % size, Case((*chopped(message, size), BYE))
    yield "all_in_one_write", Case((text("a") + frame(BINARY, b"b") + text("c"), BYE))
    yield "many_messages", Case((b"".join(text("message %d" % i) for i in range(2000)), BYE))
    yield "many_writes", Case((*(text("%d" % i) for i in range(300)), BYE))
    yield "text_in_a_long_length", Case((text("ab", length_bytes=2), BYE))
    yield "text_in_the_longest_length", Case((text("ab", length_bytes=8), BYE))
    yield "length_with_the_top_bit", Case((b"\x82\xff" + b"\xff" * 8 + b"\x12\xc3\x5a\x87" + b"x" * 100,),
                                           finish=True)


def control():
    """5.5."""
    for size in (0, 1, 124, 125):
        yield "ping_%d" % size, Case((frame(PING, b"\xff" * size), BYE))
    yield "ping_126", Case((frame(PING, b"x" * 126), BYE))
    yield "ping_in_bytes", Case((*chopped(frame(PING, b"ping" * 31), 1), BYE))
    yield "pong_unasked", Case((frame(PONG, b"why"), frame(PING, b"a"), BYE))
    yield "pings_in_order", Case((b"".join(frame(PING, b"%d" % i) for i in range(100)) + BYE,))
    yield "ping_in_fragments", Case((frame(PING, b"a", fin=False), frame(CONTINUATION, b"b"), BYE))
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield "opcode_%d" % opcode, Case((text("before"), FENCE, frame(opcode, b"x")))
    for rsv in range(1, 8):
        for opcode, name in ((TEXT, "text"), (BINARY, "binary"), (PING, "ping"), (CLOSE, "close")):
            yield "rsv%d_%s" % (rsv, name), Case((text("before"), FENCE, frame(opcode, b"", rsv=rsv)))
    for opcode, name in ((TEXT, "text"), (PING, "ping"), (CLOSE, "close")):
        yield "unmasked_" + name, Case((frame(opcode, b"", masked=False), BYE))


def fragments():
    """5.4."""
    for count in (2, 3, 10, 500):
        parts = [frame(TEXT if i == 0 else CONTINUATION, b"part%d" % i, fin=i == count - 1)
                 for i in range(count)]
        yield "fragments_%d" % count, Case((*parts, BYE))
        # None behind the last: a pong and an echo may come in any order.
        pinged = [piece for part in parts[:-1] for piece in (part, frame(PING, b"between"))]
        yield "fragments_%d_with_pings" % count, Case((*pinged, parts[-1], BYE))
        yield "fragments_%d_in_one_write" % count, Case((b"".join(parts), BYE))
        yield "fragments_%d_in_bytes" % count, Case((*chopped(b"".join(parts[:40]), 1), BYE)
                                                    if count < 40 else (b"".join(parts), BYE))
    big = [frame(BINARY if i == 0 else CONTINUATION, b"z" * 65536, fin=i == 15) for i in range(16)]
    yield "fragments_of_64_kib", Case((*big, BYE))
    empty = [frame(TEXT if i == 0 else CONTINUATION, b"", fin=i == 3) for i in range(4)]
    yield "fragments_of_nothing", Case((*empty, BYE))
    yield "continuation_of_nothing", Case((frame(CONTINUATION, b"x"), BYE))
    yield "continuation_after_the_end", Case((text("a"), FENCE, frame(CONTINUATION, b"x"), BYE))
    yield "text_within_a_message", Case((text("a", fin=False), text("b"), BYE))
    yield "close_within_a_message", Case((text("a", fin=False), close(1001)))
    yield "end_within_a_message", Case((text("a", fin=False),), finish=True)
    yield "end_within_a_frame", Case((text("abcdef")[:7],), finish=True)
    yield "end_within_a_head", Case((text("x" * 70000)[:3],), finish=True)
    yield "end_without_a_word", Case((), finish=True)


def utf8():
    """8.1: text is UTF-8, wherever it is cut."""
    good = {"greek": "κόσμε", "three_bytes": "\u0800\uffff", "four_bytes": "\U00010000\U0010ffff",
            "noncharacters": "\ufffe\uffff", "nul": "a\0b"}
    for name, words in good.items():
        data = words.encode()
        yield "utf8_" + name, Case((text(data), BYE))
        parts = [frame(TEXT if i == 0 else CONTINUATION, data[i:i + 1], fin=i == len(data) - 1)
                 for i in range(len(data))]
        yield "utf8_%s_cut" % name, Case((*parts, BYE))
    bad = {"lone_continuation": b"\x80", "overlong": b"\xc0\xaf", "surrogate": b"\xed\xa0\x80",
           "too_large": b"\xf4\x90\x80\x80", "truncated": "κ".encode()[:1], "five_bytes": b"\xf8\x88\x80\x80\x80",
           "ff": b"\xff", "late": b"good" * 2000 + b"\xc3\x28"}
    for name, data in bad.items():
        yield "utf8_wrong_" + name, Case((text(data), BYE))
        yield "utf8_wrong_%s_cut" % name, Case((text(data, fin=False), frame(CONTINUATION, b"z"), BYE))
    yield "utf8_wrong_in_binary", Case((frame(BINARY, b"\xff\xc0"), BYE))


def closing():
    """5.5.1 and 7.4."""
    yield "close_empty", Case((close(),))
    yield "close_of_one_byte", Case((frame(CLOSE, b"\x03"),))
    yield "close_with_reason", Case((close(1000, b"done"),))
    yield "close_with_123_bytes", Case((close(1000, b"r" * 123),))
    yield "close_with_124_bytes", Case((close(1000, b"r" * 124),))
    yield "close_with_wrong_utf8", Case((close(1000, b"\xc3\x28"),))
    yield "close_in_fragments", Case((frame(CLOSE, b"\x03\xe8", fin=False), BYE))
    yield "close_in_bytes", Case(chopped(close(1000, b"bye"), 1))
    yield "close_twice", Case((BYE + BYE,))
    yield "ping_after_close", Case((BYE + frame(PING, b"late"),))
    yield "text_after_close", Case((BYE + text("late"),))
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
                 0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
        yield "close_%d" % code, Case((close(code),))


def handshakes():
    """4 and 9: what is agreed upon passes as it is, and what follows from it."""
    yield "protocol", Case((text("a"), BYE), ("Sec-WebSocket-Protocol: chat, echo",))
    yield "protocol_unknown", Case((text("a"), BYE), ("Sec-WebSocket-Protocol: other",))
    deflate = ("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; "
               "client_no_context_takeover; server_no_context_takeover",)
    # 7.2.3.1 of RFC 7692: "Hello", deflated.
    hello = bytes.fromhex("f248cdc9c90700")
    yield "deflate", Case((frame(TEXT, hello, rsv=4), BYE), deflate)
    yield "deflate_in_fragments", Case((frame(TEXT, hello[:3], fin=False, rsv=4),
                                        frame(CONTINUATION, hello[3:]), BYE), deflate)
    yield "deflate_not_used", Case((text("plain"), BYE), deflate)
    yield "deflate_wrong", Case((frame(TEXT, b"\xff\xff\xff", rsv=4), BYE), deflate)
    yield "extension_unknown", Case((text("a"), BYE), ("Sec-WebSocket-Extensions: x-unknown; a=1",))


CASES = dict(case for group in (sizes, control, fragments, utf8, closing, handshakes) for case in group())
