// Node's `undici` as the peer, the WebSocket of browsers without one; what is printed is as in peer_websockets.py.
const assert = require("node:assert");
const { once } = require("node:events");
const { WebSocket } = require("undici");

const signal = () => AbortSignal.timeout(20_000);

async function client(url) {
  async function check(name, test) {
    try {
      const ws = new WebSocket(url);
      ws.binaryType = "arraybuffer";
      await once(ws, "open", { signal: signal() });
      await test(ws);
      ws.close(1000);
      if (ws.readyState !== WebSocket.CLOSED) await once(ws, "close", { signal: signal() });
      console.log(`${name}\tok`);
    } catch (error) {
      console.log(`${name}\t${String(error).split("\n")[0]}`);
    }
  }
  const echo = (...messages) => async ws => {
    for (const message of messages) {
      ws.send(message);
      const [{ data }] = await once(ws, "message", { signal: signal() });
      assert.equal(typeof data, typeof message, "another type comes back");
      assert(Buffer.compare(Buffer.from(data), Buffer.from(message)) === 0, "another message comes back");
    }
  };
  async function closed(ws, ...expected) {
    const [{ code, reason, wasClean }] = await once(ws, "close", { signal: signal() });
    assert.deepEqual([code, reason, wasClean], [...expected, true]);
  }

  await check("text", echo("text", "ü 🦀", "a\0b"));
  await check("binary", echo(Uint8Array.from({ length: 256 }, (_, i) => i)));
  await check("empty", echo("", new Uint8Array(0)));
  await check("65536", echo("x".repeat(65_535), new Uint8Array(65_536).fill(0xff)));
  await check("1 MiB", echo("x".repeat(1 << 20), new Uint8Array(1 << 20).fill(0xff)));
  await check("peer closes", async ws => {
    ws.close(4000, "bye");
    await closed(ws, 4000, "");
  });
  await check("we close", async ws => {
    console.log("ready");
    await closed(ws, 1001, "server shuts down");
  });
}

client(process.argv[3]);
