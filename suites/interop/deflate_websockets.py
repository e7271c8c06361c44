"""Python's `websockets` as the peer with permessage-deflate. Arguments: `client URL OPTIONS` or `server OPTIONS`, the
options as JSON for its extension. A client checks an echo server; a server prints its port, and checks the example
`autobahn_client`, which echoes. Both print whether messages are compressed, or the failure.
"""
import json
import sys

from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory
from websockets.sync.client import connect
from websockets.sync.server import serve

from deflate_messages import messages


def check(ws):
    for message in messages():
        ws.send(message)
        assert ws.recv(timeout=10) == message, "another message comes back"
    ws.send(iter(["Kä", "", "se", "!" * 70_000]))
    assert ws.recv(timeout=10) == "Käse" + "!" * 70_000
    return "compressed" if ws.protocol.extensions else "plain"


def client(url, options):
    extensions = [ClientPerMessageDeflateFactory(**options)]
    with connect(url, compression=None, extensions=extensions, max_size=None) as ws:
        print(check(ws), flush=True)


def server(options):
    def handle(ws):
        if ws.request.path == "/getCaseCount":
            ws.send("1")
        elif ws.request.path.startswith("/runCase"):
            try:
                print(check(ws), flush=True)
            except Exception as error:
                print(repr(error), flush=True)

    extensions = [ServerPerMessageDeflateFactory(**options)]
    with serve(handle, "127.0.0.1", 0, compression=None, extensions=extensions, max_size=None) as it:
        print(it.socket.getsockname()[1], flush=True)
        it.serve_forever()


role, *arguments, options = sys.argv[1:]
{"client": client, "server": server}[role](*arguments, json.loads(options))
