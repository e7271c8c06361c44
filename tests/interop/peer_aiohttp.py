"""aiohttp as the peer; the roles and what is printed are as in peer_websockets.py. It cannot send fragments."""
import asyncio
import sys

import aiohttp
from aiohttp import WSMsgType, web

LIMIT = 1 << 25


async def client(url):
    async def check(name, test):
        try:
            async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=LIMIT) as ws:
                await asyncio.wait_for(test(ws), 20)
            print(name, "ok", sep="\t", flush=True)
        except Exception as error:
            print(name, repr(error), sep="\t", flush=True)

    def echo(*messages):
        async def test(ws):
            for message in messages:
                await (ws.send_str if isinstance(message, str) else ws.send_bytes)(message)
                got = await ws.receive()
                assert got.type in (WSMsgType.TEXT, WSMsgType.BINARY), got
                assert got.data == message, "another message comes back"
        return test

    async def ping(ws):
        # With autoping, which is the default, a Pong is aiohttp's own affair: without it, it is a message.
        ws._autoping = False
        await ws.ping(b"p" * 125)
        got = await ws.receive()
        assert (got.type, bytes(got.data)) == (WSMsgType.PONG, b"p" * 125), got

    async def we_close(ws):
        assert await ws.close(code=4000, message=b"bye"), "closed before"
        assert ws.close_code == 4000, f"closed with {ws.close_code}"

    async def they_close(ws):
        print("ready", flush=True)
        got = await ws.receive()
        assert (got.type, got.data, got.extra) == (WSMsgType.CLOSE, 1001, "server shuts down"), got

    await check("text", echo("text", "ü 🦀", "a\0b"))
    await check("binary", echo(bytes(range(256))))
    await check("empty", echo("", b""))
    await check("65536", echo("x" * 65_535, b"x" * 65_536))
    await check("1 MiB", echo("x" * (1 << 20), b"\xff" * (1 << 20)))
    await check("ping", ping)
    await check("peer closes", we_close)
    await check("we close", they_close)


async def handle(request):
    path = request.path
    ws = web.WebSocketResponse(max_msg_size=LIMIT, autoping=path != "/ping")
    await ws.prepare(request)
    reason = ""
    while True:
        message = await ws.receive()
        if message.type == WSMsgType.PONG:
            await ws.send_str("pong" if bytes(message.data) == b"p" * 125 else "no pong")
        elif message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            reason = message.extra or ""
            break
        elif path == "/binary":
            await ws.send_bytes(bytes.fromhex(message.data))
        elif path == "/ping":
            await ws.ping(b"p" * 125)
        elif path == "/close":
            await ws.close(code=4001, message=b"from the server")
            break
        elif message.type == WSMsgType.TEXT:
            # The check of fragments does not count here: it gets its answer whole.
            await ws.send_str(message.data * (2 if path == "/fragments" else 1))
        else:
            await ws.send_bytes(message.data)
    print("closed", ws.close_code, reason, flush=True)
    return ws


async def server():
    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


asyncio.run({"client": client, "server": server}[sys.argv[1]](*sys.argv[2:]))
