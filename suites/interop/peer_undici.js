// undici, the built-in WebSocket of Node, as the peer of the server. It has a browser's interface: no fragments, no Pings.
// Arguments and output are as in peers.py.
const assert = require("node:assert");
const { WebSocket } = require("undici");

async function main(url) {
  async function check(name, test, subprotocols = []) {
    try {
      const ws = new WebSocket(url, subprotocols);
      ws.binaryType = "arraybuffer";
      const next = event => new Promise((done, fail) => {
        ws.addEventListener(event, done, { once: true });
        ws.addEventListener("error", ({ error }) => fail(error), { once: true });
        setTimeout(() => fail(new Error(`no ${event} comes`)), 15_000).unref();
      });
      await next("open");
      await test(ws, next);
      if (ws.readyState === WebSocket.OPEN) await close(ws, next, 1000, "", "");
      console.log(`${name}\tok`);
    } catch (error) {
      console.log(`${name}\t${String(error).split("\n")[0]}`);
    }
  }
  async function close(ws, next, code, reason, answer) {
    ws.close(code, reason);
    await closed(next, code, answer);
  }
  async function closed(next, ...expected) {
    const { code, reason, wasClean } = await next("close");
    assert.deepEqual([code, reason, wasClean], [...expected, true]);
  }
  const echo = (...messages) => async (ws, next) => {
    for (const message of messages) {
      const answer = next("message");
      ws.send(message);
      const { data } = await answer;
      assert.equal(typeof data, typeof message, "another type comes back");
      assert(Buffer.compare(Buffer.from(data), Buffer.from(message)) === 0, "another message comes back");
    }
  };
  const both = length => ["x".repeat(length), Buffer.alloc(length, 0xff)];

  await check("text", echo("text", "ü 🦀", "a\0b"));
  await check("binary", echo(Buffer.from(Array.from({ length: 256 }, (_, i) => i))));
  await check("empty", echo(...both(0)));
  await check("sizes", echo(...[125, 126, 65_535, 65_536].flatMap(both)));
  await check("16 MiB", echo(...both(16 << 20)));
  await check("subprotocol", async ws => assert.equal(ws.protocol, "v2.chat"), ["v2.chat", "chat"]);
  await check("peer closes", (ws, next) => close(ws, next, 4000, "bye", ""));
  await check("we close", async (_, next) => {
    console.log("ready");
    await closed(next, 1001, "server shuts down");
  });
}

main(process.argv[3]);
