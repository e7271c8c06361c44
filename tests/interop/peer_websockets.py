"""Python's `websockets` as the peer. `client URL` checks an echo server, `server` is what the example `client` meets.

A client prints one line a check: its name, a tab, and `ok` or what went wrong. Between the checks it prints `ready` and
waits for the server to close. A server prints its port, then each close that it sees.
"""
import sys
import traceback

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import serve


def client(url):
    def check(name, test):
        try:
            with connect(url, max_size=None, close_timeout=10) as ws:
                test(ws)
            print(name, "ok", sep="\t", flush=True)
        except Exception:
            print(name, traceback.format_exc().strip().splitlines()[-1], sep="\t", flush=True)

    def echo(*messages):
        def test(ws):
            for message in messages:
                ws.send(message)
                assert ws.recv(timeout=10) == message, "another message comes back"
        return test

    def fragments(ws):
        ws.send(iter(["Kä", "", "se", "!" * 70_000]))
        assert ws.recv(timeout=10) == "Käse" + "!" * 70_000
        ws.send(iter([b"\x00", b"\xff" * 300]))
        assert ws.recv(timeout=10) == b"\x00" + b"\xff" * 300

    def ping(ws):
        assert ws.ping(b"p" * 125).wait(10), "no Pong"

    def closed(ws, code, reason):
        try:
            ws.recv(timeout=10)
        except ConnectionClosed as end:
            got = end.rcvd.code, end.rcvd.reason
            assert got == (code, reason), f"closed with {got}"
            return
        raise AssertionError("not closed")

    def we_close(ws):
        ws.close(4000, "bye")
        closed(ws, 4000, "")

    def they_close(ws):
        print("ready", flush=True)
        closed(ws, 1001, "server shuts down")

    check("text", echo("text", "ü 🦀", "a\0b"))
    check("binary", echo(bytes(range(256))))
    check("empty", echo("", b""))
    check("65536", echo("x" * 65_535, b"x" * 65_536))
    check("1 MiB", echo("x" * (1 << 20), b"\xff" * (1 << 20)))
    check("fragments", fragments)
    check("ping", ping)
    check("peer closes", we_close)
    check("we close", they_close)


def handle(ws):
    path = ws.request.path
    try:
        for message in ws:
            if path == "/binary":
                ws.send(bytes.fromhex(message))
            elif path == "/fragments":
                ws.send(iter([message, "", message]))
            elif path == "/ping":
                ws.send("pong" if ws.ping(b"p" * 125).wait(10) else "no pong")
            elif path == "/close":
                ws.close(4001, "from the server")
            else:
                ws.send(message)
    except ConnectionClosed:
        pass
    print("closed", ws.close_code, ws.close_reason, flush=True)


def server():
    with serve(handle, "127.0.0.1", 0, max_size=None) as it:
        print(it.socket.getsockname()[1], flush=True)
        it.serve_forever()


{"client": client, "server": server}[sys.argv[1]](*sys.argv[2:])
