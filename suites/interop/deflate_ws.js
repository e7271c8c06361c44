// Node's `ws` as the peer with permessage-deflate. Arguments and output are as in deflate_websockets.py.
const assert = require("node:assert");
const { once } = require("node:events");
const { WebSocket, WebSocketServer } = require("ws");

function* messages() {
  let state = 7;
  const random = n => (state = (state * 48271) % 2147483647) % n;
  for (let n = 0; n < 200; n++) yield JSON.stringify({ sensor: n % 7, value: random(1000), unit: "kPa", ok: true });
  yield "";
  yield Buffer.alloc(0);
  yield "온도가 올라가고 있습니다 😀 ".repeat(40);
  yield Buffer.from(Array.from({ length: 5000 }, () => random(256)));
  yield "x".repeat(200_000);
  yield Buffer.from(Array.from({ length: 70_000 }, () => 97 + random(4)));
}

async function check(ws) {
  const comesBack = async message => {
    const [data, isBinary] = await once(ws, "message", { signal: AbortSignal.timeout(10_000) });
    assert.equal(isBinary, typeof message !== "string", "another type comes back");
    assert(Buffer.compare(data, Buffer.from(message)) === 0, "another message comes back");
  };
  for (const message of messages()) {
    ws.send(message);
    await comesBack(message);
  }
  for (const part of ["Kä", "", "se"]) ws.send(part, { fin: false });
  ws.send("!".repeat(70_000), { fin: true });
  await comesBack("Käse" + "!".repeat(70_000));
  return ws.extensions.includes("permessage-deflate") ? "compressed" : "plain";
}

async function client(url, options) {
  const ws = new WebSocket(url, { perMessageDeflate: options });
  await once(ws, "open");
  console.log(await check(ws));
  ws.close(1000);
}

function server(options) {
  const it = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: options });
  it.on("listening", () => console.log(it.address().port));
  it.on("connection", async (ws, request) => {
    if (request.url === "/getCaseCount") ws.send("1");
    if (request.url.startsWith("/runCase")) {
      try {
        console.log(await check(ws));
      } catch (error) {
        console.log(String(error).split("\n")[0]);
      }
    }
    ws.close(1000);
  });
}

const [role, ...args] = process.argv.slice(2);
const options = JSON.parse(args.pop());
({ client, server })[role](...args, options);
