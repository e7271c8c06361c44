"""PyPI's `websocket-client` as the peer, which is a client only; what is printed is as in peer_websockets.py."""
import sys

import websocket
from websocket import ABNF


def client(url):
    def check(name, test):
        try:
            ws = websocket.create_connection(url, timeout=20)
            try:
                test(ws)
            finally:
                ws.close()
            print(name, "ok", sep="\t", flush=True)
        except Exception as error:
            print(name, repr(error), sep="\t", flush=True)

    def echo(*messages):
        def test(ws):
            for message in messages:
                (ws.send if isinstance(message, str) else ws.send_binary)(message)
                assert ws.recv() == message, "another message comes back"
        return test

    def fragments(ws):
        for opcode, part, fin in (ABNF.OPCODE_TEXT, "Kä", 0), (ABNF.OPCODE_CONT, "se", 0), (ABNF.OPCODE_CONT, "!", 1):
            ws.send_frame(ABNF.create_frame(part.encode() if opcode == ABNF.OPCODE_CONT else part, opcode, fin))
        assert ws.recv() == "Käse!"

    def ping(ws):
        ws.ping("p" * 125)
        opcode, frame = ws.recv_data_frame(control_frame=True)
        assert (opcode, frame.data) == (ABNF.OPCODE_PONG, b"p" * 125), opcode

    def closed(ws, payload):
        opcode, frame = ws.recv_data_frame(control_frame=True)
        assert (opcode, frame.data) == (ABNF.OPCODE_CLOSE, payload), (opcode, frame.data)

    def we_close(ws):
        ws.send_close(4000, b"bye")
        closed(ws, b"\x0f\xa0")

    def they_close(ws):
        print("ready", flush=True)
        closed(ws, b"\x03\xe9server shuts down")

    check("text", echo("text", "ü 🦀", "a\0b"))
    check("binary", echo(bytes(range(256))))
    check("empty", echo("", b""))
    check("65536", echo("x" * 65_535, b"x" * 65_536))
    check("1 MiB", echo("x" * (1 << 20), b"\xff" * (1 << 20)))
    check("fragments", fragments)
    check("ping", ping)
    check("peer closes", we_close)
    check("we close", they_close)


client(sys.argv[2])
