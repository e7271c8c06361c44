// Node's `ws` as the peer. Roles and output are as in peers.py.
const assert = require("node:assert");
const { once } = require("node:events");
const { WebSocket, WebSocketServer } = require("ws");

const signal = () => AbortSignal.timeout(10_000);

async function client(url) {
  async function check(name, test, subprotocols = []) {
    try {
      const ws = new WebSocket(url, subprotocols);
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
  const both = length => ["x".repeat(length), Buffer.alloc(length, 0xff)];
  await check("sizes", echo(...[125, 126, 65_535, 65_536].flatMap(both)));
  await check("16 MiB", echo(...both(16 << 20)));
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
  await check("subprotocol", async ws => assert.equal(ws.protocol, "v2.chat"), ["v2.chat", "chat"]);
  await check("abrupt", async ws => {
    ws.send("x".repeat(1 << 20));
    ws.terminate();
    const other = new WebSocket(url);
    await once(other, "open", { signal: signal() });
    await echo("still there")(other);
    other.close(1000);
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
  const handleProtocols = offered => offered.has("chat") && "chat";
  const it = new WebSocketServer({ host: "127.0.0.1", port: 0, handleProtocols });
  it.on("listening", () => console.log(it.address().port));
  it.on("connection", (ws, request) => {
    if (request.url !== "/abrupt") ws.on("close", (code, reason) => console.log(`closed ${code} ${reason}`));
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
        case "/abrupt":
          return ws.terminate();
        case "/close":
          return ws.close(4001, "from the server");
        default:
          return ws.send(data, { binary: isBinary });
      }
    });
  });
}

({ client, server })[process.argv[2]](...process.argv.slice(3));
