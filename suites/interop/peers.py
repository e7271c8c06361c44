"""Python's WebSocket libraries as the peer, each with the same few methods.

    peers.py LIBRARY client URL     checks an echo server
    peers.py LIBRARY server         runs a server for the example `client`

A client prints one line for each check: its name, a tab, and `ok` or the failure. For one check it prints `ready` and waits for
the server to close. A server prints its port, then the status of each close.
"""
import asyncio
import sys
import traceback
import urllib.parse

PATIENCE = 15  # seconds for one answer
SUBPROTOCOLS = ["chat"]  # of the servers


class Closed(Exception):
    """The peer's Close: its code and its reason, which is None if the library does not report it."""


class Websockets:
    @classmethod
    async def connect(cls, url, subprotocols):
        self = cls()
        from websockets.asyncio.client import connect
        self.ws = await connect(url, max_size=None, subprotocols=subprotocols, proxy=None)
        self.subprotocol = self.ws.subprotocol
        return self

    @classmethod
    async def serve(cls, handle):
        from websockets.asyncio.server import serve

        async def one(ws):
            self = cls()
            self.ws, self.path = ws, ws.request.path
            await handle(self)

        def select(_, offered):
            return next((it for it in offered if it in SUBPROTOCOLS), None)

        return await serve(one, "127.0.0.1", 0, max_size=None, subprotocols=SUBPROTOCOLS, select_subprotocol=select)

    async def send(self, message):
        await self.ws.send(message)

    async def fragments(self, parts):
        await self.ws.send(parts)

    async def ping(self, payload):
        await (await self.ws.ping(payload))

    async def receive(self):
        from websockets.exceptions import ConnectionClosed
        try:
            return await self.ws.recv()
        except ConnectionClosed as end:
            assert end.rcvd, "no Close arrives"
            raise Closed(end.rcvd.code, end.rcvd.reason) from None

    async def close(self, code, reason):
        await self.ws.close(code, reason)

    def abort(self):
        self.ws.transport.abort()


class Aiohttp:
    session = None

    @classmethod
    async def connect(cls, url, subprotocols):
        import aiohttp
        self = cls()
        cls.session = cls.session or aiohttp.ClientSession()
        self.ws = await cls.session.ws_connect(url, max_msg_size=0, protocols=subprotocols, autoping=False)
        self.subprotocol = self.ws.protocol
        return self

    @classmethod
    async def serve(cls, handle):
        from aiohttp import web

        async def one(request):
            self = cls()
            self.ws, self.path = web.WebSocketResponse(max_msg_size=0, protocols=SUBPROTOCOLS, autoping=False), request.path
            await self.ws.prepare(request)
            await handle(self)
            return self.ws

        runner = web.ServerRunner(web.Server(one))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return site._server

    async def send(self, message):
        await (self.ws.send_str if isinstance(message, str) else self.ws.send_bytes)(message)

    async def next(self):
        """Returns the next message or Pong, and answers Pings."""
        from aiohttp import WSMsgType
        while True:
            message = await self.ws.receive()
            if message.type == WSMsgType.PING:
                await self.ws.pong(message.data)
            elif message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
                is_close = message.type == WSMsgType.CLOSE
                raise Closed(message.data if is_close else self.ws.close_code, message.extra if is_close else None)
            else:
                assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PONG), message
                return message

    async def ping(self, payload):
        await self.ws.ping(payload)
        assert (await self.next()).data == payload, "another Pong"

    async def receive(self):
        return (await self.next()).data

    async def close(self, code, reason):
        await self.ws.close(code=code, message=reason.encode())

    def abort(self):
        self.ws._writer.transport.abort()


class Wsproto:
    @classmethod
    async def connect(cls, url, subprotocols):
        from wsproto import WSConnection, ConnectionType
        from wsproto.events import Request, AcceptConnection
        self, parts = cls(), urllib.parse.urlsplit(url)
        await self.open(*await asyncio.open_connection(parts.hostname, parts.port), WSConnection(ConnectionType.CLIENT))
        self.write(Request(host=parts.netloc, target=parts.path or "/", subprotocols=subprotocols))
        answer = await self.event()
        assert isinstance(answer, AcceptConnection), answer
        self.subprotocol = answer.subprotocol
        return self

    @classmethod
    async def serve(cls, handle):
        from wsproto import WSConnection, ConnectionType
        from wsproto.events import AcceptConnection

        async def one(reader, writer):
            self = cls()
            await self.open(reader, writer, WSConnection(ConnectionType.SERVER))
            request = await self.event()
            self.path = request.target
            chosen = next((it for it in request.subprotocols if it in SUBPROTOCOLS), None)
            self.write(AcceptConnection(subprotocol=chosen))
            await handle(self)
            writer.close()

        return await asyncio.start_server(one, "127.0.0.1", 0)

    async def open(self, reader, writer, connection):
        self.reader, self.writer, self.connection, self.events = reader, writer, connection, connection.events()

    def write(self, event):
        self.writer.write(self.connection.send(event))

    async def event(self):
        while (event := next(self.events, None)) is None:
            data = await self.reader.read(1 << 16)
            self.connection.receive_data(data or None)
            self.events = self.connection.events()
        return event

    async def next(self):
        from wsproto import events
        parts = []
        while True:
            event = await self.event()
            if isinstance(event, events.Ping):
                self.write(event.response())
            elif isinstance(event, events.Pong):
                return bytes(event.payload)
            elif isinstance(event, events.CloseConnection):
                if not self.is_closing():
                    self.write(event.response())
                raise Closed(event.code, event.reason or "")
            else:
                parts.append(event.data)
                if event.message_finished:
                    return "".join(parts) if isinstance(event.data, str) else b"".join(parts)

    def is_closing(self):
        from wsproto.connection import ConnectionState
        return self.connection.state is not ConnectionState.REMOTE_CLOSING

    async def send(self, message):
        await self.fragments([message])

    async def fragments(self, parts):
        from wsproto.events import BytesMessage, TextMessage
        for i, part in enumerate(parts):
            kind = TextMessage if isinstance(part, str) else BytesMessage
            self.write(kind(data=part, message_finished=i == len(parts) - 1))
        await self.writer.drain()

    async def ping(self, payload):
        from wsproto.events import Ping
        self.write(Ping(payload=payload))
        assert await self.next() == payload, "another Pong"

    async def receive(self):
        return await self.next()

    async def close(self, code, reason):
        from wsproto.events import CloseConnection
        self.write(CloseConnection(code=code, reason=reason))

    def abort(self):
        self.writer.transport.abort()


class WebsocketClient:
    @classmethod
    async def connect(cls, url, subprotocols):
        import websocket
        self = cls()
        self.ws = await asyncio.to_thread(websocket.create_connection, url, PATIENCE, subprotocols=subprotocols)
        self.subprotocol = self.ws.subprotocol
        return self

    async def send(self, message):
        send = self.ws.send if isinstance(message, str) else self.ws.send_binary
        await asyncio.to_thread(send, message)

    async def fragments(self, parts):
        from websocket import ABNF
        for i, part in enumerate(parts):
            opcode = ABNF.OPCODE_CONT if i else ABNF.OPCODE_TEXT if isinstance(part, str) else ABNF.OPCODE_BINARY
            data = part.encode() if isinstance(part, str) else part  # it encodes text frames, but not their continuations
            await asyncio.to_thread(self.ws.send_frame, ABNF.create_frame(data, opcode, int(i == len(parts) - 1)))

    async def next(self):
        from websocket import ABNF
        opcode, frame = await asyncio.to_thread(self.ws.recv_data_frame, True)
        if opcode == ABNF.OPCODE_CLOSE:
            raise Closed(int.from_bytes(frame.data[:2], "big"), frame.data[2:].decode())
        if opcode == ABNF.OPCODE_PING:  # the library has answered it
            return await self.next()
        return frame.data.decode() if opcode == ABNF.OPCODE_TEXT else frame.data

    async def ping(self, payload):
        self.ws.ping(payload)
        assert await self.next() == payload, "another Pong"

    async def receive(self):
        return await self.next()

    async def close(self, code, reason):
        self.ws.send_close(code, reason.encode())

    def abort(self):
        self.ws.sock.close()


class Picows:
    def __init__(self):
        from picows import WSListener, WSMsgType
        self.frames = asyncio.Queue()

        class Listener(WSListener):
            def on_ws_connected(_, transport):
                self.transport = transport

            def on_ws_frame(_, transport, frame):
                close = (frame.get_close_code(), frame.get_close_reason()) if frame.msg_type == WSMsgType.CLOSE else None
                self.frames.put_nowait((frame.msg_type, frame.fin, close or frame.get_payload_as_bytes()))

            def on_ws_disconnected(_, transport):
                self.frames.put_nowait((None, True, b""))

        self.listener = Listener()

    @classmethod
    async def connect(cls, url, subprotocols):
        from picows import ws_connect
        self = cls()
        headers = {"Sec-WebSocket-Protocol": ", ".join(subprotocols)} if subprotocols else None
        await ws_connect(lambda: self.listener, url, max_frame_size=1 << 30, extra_headers=headers)
        self.subprotocol = self.transport.response.headers.get("Sec-WebSocket-Protocol")
        return self

    @classmethod
    async def serve(cls, handle):
        from picows import WSUpgradeResponse, WSUpgradeResponseWithListener, ws_create_server
        tasks = set()

        def one(request):
            self = cls()
            self.path = request.path.decode()
            tasks.add(asyncio.get_running_loop().create_task(handle(self)))
            offered = [it.strip() for it in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
            chosen = next((it for it in offered if it in SUBPROTOCOLS), None)
            headers = {"Sec-WebSocket-Protocol": chosen} if chosen else None
            response = WSUpgradeResponse.create_101_response(headers)
            return WSUpgradeResponseWithListener(response, self.listener)

        return await ws_create_server(one, "127.0.0.1", 0, max_frame_size=1 << 30)

    async def send(self, message):
        await self.fragments([message])

    async def fragments(self, parts):
        from picows import WSMsgType
        for i, part in enumerate(parts):
            is_text = isinstance(part, str)
            kind = WSMsgType.CONTINUATION if i else WSMsgType.TEXT if is_text else WSMsgType.BINARY
            self.transport.send(kind, part.encode() if is_text else part, i == len(parts) - 1)

    async def next(self):
        from picows import WSMsgType
        message, kind = b"", None
        while True:
            it, fin, payload = await self.frames.get()
            assert it is not None, "no Close arrives"
            if it == WSMsgType.CLOSE:
                if not self.transport.is_close_frame_sent:
                    self.transport.send_close(payload[0], payload[1].encode() if payload[1] else None)
                self.transport.disconnect()
                raise Closed(int(payload[0]), payload[1] or "")
            if it == WSMsgType.PONG:
                return payload
            if it == WSMsgType.PING:  # the library has answered it
                continue
            message, kind = message + payload, it if kind is None else kind
            if fin:
                return message.decode() if kind == WSMsgType.TEXT else message

    async def ping(self, payload):
        self.transport.send_ping(payload)
        assert await self.next() == payload, "another Pong"

    async def receive(self):
        return await self.next()

    async def close(self, code, reason):
        self.transport.send_close(code, reason.encode())

    def abort(self):
        self.transport.underlying_transport.abort()


LIBRARIES = {it.__name__.lower(): it for it in (Websockets, Aiohttp, Wsproto, WebsocketClient, Picows)}


async def client(library, url):
    async def check(name, test, subprotocols=None):
        try:
            async with asyncio.timeout(PATIENCE):
                await test(await library.connect(url, subprotocols))
            print(name, "ok", sep="\t", flush=True)
        except Exception:
            print(name, traceback.format_exc().strip().splitlines()[-1], sep="\t", flush=True)

    def echo(*messages):
        async def test(ws):
            for message in messages:
                # Concurrently, because the echo begins before the message is complete.
                _, back = await asyncio.gather(ws.send(message), ws.receive())
                assert back == message, f"another message comes back for {len(message)}"
            await ws.close(1000, "")
            await closed(ws, 1000, "")
        return test

    async def fragments(ws):
        await ws.fragments(["Kä", "", "se", "!" * 70_000])
        assert await ws.receive() == "Käse" + "!" * 70_000
        await ws.fragments([b"\x00", b"\xff" * 300])
        assert await ws.receive() == b"\x00" + b"\xff" * 300
        await ws.close(1000, "")

    async def ping(ws):
        await ws.ping(b"p" * 125)
        await ws.close(1000, "")

    async def subprotocol(ws):
        assert ws.subprotocol == "v2.chat", ws.subprotocol
        await ws.close(1000, "")

    async def abrupt(ws):
        await ws.send("x" * (1 << 20))
        ws.abort()
        ws = await library.connect(url, None)
        await ws.send("still there")
        assert await ws.receive() == "still there"
        await ws.close(1000, "")

    async def closed(ws, code, reason):
        try:
            await ws.receive()
        except Closed as end:
            assert end.args in ((code, reason), (code, None)), f"closed with {end.args}"
            return
        raise AssertionError("not closed")

    async def peer_closes(ws):
        await ws.close(4000, "bye")
        await closed(ws, 4000, "")

    async def we_close(ws):
        print("ready", flush=True)
        await closed(ws, 1001, "server shuts down")

    await check("text", echo("text", "ü 🦀", "a\0b"))
    await check("binary", echo(bytes(range(256))))
    await check("empty", echo("", b""))
    await check("sizes", echo(*(it * size for size in (125, 126, 65_535, 65_536) for it in ("x", b"x"))))
    await check("16 MiB", echo("x" * (16 << 20), b"\xff" * (16 << 20)))
    if hasattr(library, "fragments"):
        await check("fragments", fragments)
    await check("ping", ping)
    await check("subprotocol", subprotocol, ["v2.chat", "chat"])
    await check("abrupt", abrupt)
    await check("peer closes", peer_closes)
    await check("we close", we_close)
    if library is Aiohttp:
        await library.session.close()


async def handle(ws):
    try:
        while True:
            message = await ws.receive()
            if ws.path == "/binary":
                await ws.send(bytes.fromhex(message))
            elif ws.path == "/fragments":
                await ws.fragments([message, "", message])
            elif ws.path == "/ping":
                await ws.ping(b"p" * 125)
                await ws.send("pong")
            elif ws.path == "/close":
                await ws.close(4001, "from the server")
            elif ws.path == "/abrupt":
                return ws.abort()
            else:
                await ws.send(message)
    except Closed as end:
        print("closed", *filter(None, end.args), flush=True)


async def server(library):
    it = await library.serve(handle)
    print(next(iter(it.sockets)).getsockname()[1], flush=True)
    await asyncio.Event().wait()


def main():
    name, role, *url = sys.argv[1:]
    asyncio.run({"client": client, "server": server}[role](LIBRARIES[name], *url))


main()
