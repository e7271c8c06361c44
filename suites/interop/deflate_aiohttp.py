"""`aiohttp` as the peer with permessage-deflate. Arguments and output are as in deflate_websockets.py. The only option is
`bits`: the window that aiohttp requests from the server, 9 to 15, or 0 for no compression.
"""
import asyncio
import json
import sys

from aiohttp import ClientSession, WSMsgType, web

from deflate_messages import messages


async def check(ws):
    for message in messages():
        await (ws.send_str(message) if isinstance(message, str) else ws.send_bytes(message))
        got = await asyncio.wait_for(ws.receive(), 10)
        kind = WSMsgType.TEXT if isinstance(message, str) else WSMsgType.BINARY
        assert (got.type, got.data) == (kind, message), f"another message comes back: {got.type}"
    return "compressed" if ws.compress else "plain"


async def client(url, options):
    async with ClientSession() as session, session.ws_connect(url, compress=options["bits"], max_msg_size=0) as ws:
        print(await check(ws), flush=True)


async def server(options):
    async def handle(request):
        ws = web.WebSocketResponse(compress=options["bits"] > 0, max_msg_size=0)
        await ws.prepare(request)
        if request.path == "/getCaseCount":
            await ws.send_str("1")
        elif request.path == "/runCase":
            try:
                print(await check(ws), flush=True)
            except Exception as error:
                print(repr(error), flush=True)
        await ws.close()
        return ws

    app = web.Application()
    app.router.add_get("/{any}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


role, *arguments, options = sys.argv[1:]
asyncio.run({"client": client, "server": server}[role](*arguments, json.loads(options)))
