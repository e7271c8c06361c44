#!/usr/bin/env python3
"""Clients that break the rules, for a server in C: hostile.py ws://HOST:PORT/

Sends broken requests, broken frames, and random bytes, in pieces; then checks that the server still echoes."""
import random
import re
import socket
import sys

HOST, PORT = re.match(r"ws://\[?([^\]]+?)\]?:(\d+)/", sys.argv[1]).groups()
UPGRADE = (b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n")
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
rng = random.Random(7)


def play(data, pieces=1):
    """Sends bytes in pieces, and returns what comes back until the server ends the stream or is silent."""
    with socket.create_connection((HOST, int(PORT)), timeout=20) as it:
        try:
            for i in range(pieces):
                it.sendall(data[len(data) * i // pieces:len(data) * (i + 1) // pieces])
            it.shutdown(socket.SHUT_WR)
            got = b""
            while part := it.recv(65536):
                got += part
            return got
        except (ConnectionError, socket.timeout):
            return b""


def frame(first, payload=b""):
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return bytes([first]) + length + bytes(4) + payload


def main():
    for head in [b"junk\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n", b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 100,
                 b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n", UPGRADE % (b"X: " + b"y" * 20000 + b"\r\n")]:
        answer = play(head, rng.randint(1, 5))
        assert not answer or answer.startswith(b"HTTP/1.1 4") or answer.startswith(b"HTTP/1.1 5"), answer
    assert play(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").startswith((b"HTTP/1.1 200", b"HTTP/1.1 404", b"HTTP/1.1 426"))
    for bad, code in [(frame(0x83), 1002), (b"\x81\x00", 1002), (frame(0x81, b"\xff"), 1007), (frame(0x09), 1002),
                      (b"\x82\xff" + b"\x7f" * 8 + bytes(4), 1009), (frame(0x88, b"\x03"), 1002), (frame(0xC1, b"\xff\xff"), 1002)]:
        answer = play(UPGRADE % b"" + frame(0x81, b"before") + bad)
        close = b"\x88\x02" + code.to_bytes(2, "big")
        assert answer.endswith(b"\r\n\r\n\x81\x06before" + close), (bad, answer)
    for i in range(300):
        parts = [frame(rng.choice([0x81, 0x82, 0x01, 0x80, 0x89, 0xC1, 0xC2, 0x88, rng.randrange(256)]),
                       rng.randbytes(rng.choice([0, 1, 5, 200]))) for _ in range(rng.randint(1, 6))]
        data = UPGRADE % (DEFLATE if i % 2 else b"") + b"".join(parts)
        if i % 3 == 0:
            data = data[:rng.randrange(len(data))]  # the end comes anywhere
        play(data, rng.randint(1, 4))
    answer = play(UPGRADE % b"" + frame(0x82, b"still here") + frame(0x88, b"\x03\xe8"))
    assert answer.endswith(b"\x82\x0astill here\x88\x02\x03\xe8"), answer


main()
