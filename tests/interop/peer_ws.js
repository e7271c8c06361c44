// Node's `ws` as the peer; the roles and what is printed are as in peer_websockets.py.
const assert = require("node:assert");
const { once } = require("node:events");
const { WebSocket, WebSocketServer } = require("ws");

const signal = () => AbortSignal.timeout(10_000);

async function client(url) {
  async function check(name, test) {
    try {
      const ws = new WebSocket(url);
      await once(ws, "open", { signal: signal() });
      await test(ws);
      ws.close(1000);
      if (ws.readyState !== WebSocket.CLOSED) await once(ws, "close", { signal: signal() });
      console.log(`${name}\tok`);
    } catch (error) {
      console.log(`${name}\t${String(error).split("\n")[0]}`);
    }
  }
  async function comesBack(ws, message) {
    const [data, isBinary] = await once(ws, "message", { signal: signal() });
    assert.equal(isBinary, typeof message !== "string", "another type comes back");
    assert(Buffer.compare(data, Buffer.from(message)) === 0, "another message comes back");
  }
  const echo = (...messages) => async ws => {
    for (const message of messages) {
      ws.send(message);
      await comesBack(ws, message);
    }
  };
  async function closed(ws, ...expected) {
    const [code, reason] = await once(ws, "close", { signal: signal() });
    assert.deepEqual([code, reason.toString()], expected);
  }

  await check("text", echo("text", "ü 🦀", "a\0b"));
  await check("binary", echo(Buffer.from(Array.from({ length: 256 }, (_, i) => i))));
  await check("empty", echo("", Buffer.alloc(0)));
  await check("65536", echo("x".repeat(65_535), Buffer.alloc(65_536, 0xff)));
  await check("1 MiB", echo("x".repeat(1 << 20), Buffer.alloc(1 << 20, 0xff)));
  await check("fragments", async ws => {
    for (const part of ["Kä", "", "se"]) ws.send(part, { fin: false });
    ws.send("!".repeat(70_000), { fin: true });
    await comesBack(ws, "Käse" + "!".repeat(70_000));
  });
  await check("ping", async ws => {
    ws.ping("p".repeat(125));
    const [payload] = await once(ws, "pong", { signal: signal() });
    assert.equal(payload.toString(), "p".repeat(125));
  });
  await check("peer closes", async ws => {
    ws.close(4000, "bye");
    await closed(ws, 4000, "");
  });
  await check("we close", async ws => {
    console.log("ready");
    await closed(ws, 1001, "server shuts down");
  });
}

function server() {
  const it = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  it.on("listening", () => console.log(it.address().port));
  it.on("connection", (ws, request) => {
    ws.on("close", (code, reason) => console.log(`closed ${code} ${reason}`));
    ws.on("pong", payload => ws.send(payload.toString() === "p".repeat(125) ? "pong" : "no pong"));
    ws.on("message", (data, isBinary) => {
      switch (request.url) {
        case "/binary":
          return ws.send(Buffer.from(data.toString(), "hex"));
        case "/fragments":
          for (const part of [data.toString(), ""]) ws.send(part, { fin: false });
          return ws.send(data.toString(), { fin: true });
        case "/ping":
          return ws.ping("p".repeat(125));
        case "/close":
          return ws.close(4001, "from the server");
        default:
          return ws.send(data, { binary: isBinary });
      }
    });
  });
}

({ client, server })[process.argv[2]](...process.argv.slice(3));
