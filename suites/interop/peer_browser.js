// A headless browser as the peer: it uses the server's page as a person does, and the browser's WebSocket. Arguments:
// `chromium` or `firefox`, the role `client` and the server's ws: URL. The output is as in peers.py.
const assert = require("node:assert");
const net = require("node:net");
const { setTimeout: sleep } = require("node:timers/promises");
const { launch } = require("./browser.js");

// A relay between the browser and the server. It can drop all connections and refuse WebSockets.
class Relay {
  refuses = false;
  open = new Set();
  // When connections were dropped, and the times of the browser's tries since then.
  times = [];

  static async start(url) {
    const relay = new Relay();
    const server = net.createServer(near => {
      const far = net.connect(new URL(url).port, "127.0.0.1").on("error", () => {}).on("close", () => near.destroy());
      near.on("error", () => {}).on("close", () => { far.destroy(); relay.open.delete(near); });
      near.once("data", head => {
        if (!/upgrade: websocket/i.test(head)) return;
        relay.times.push(performance.now());
        if (relay.refuses) near.destroy();
        else relay.open.add(near);
      });
      near.pipe(far).pipe(near);
    });
    await new Promise(done => server.listen(0, "127.0.0.1", done));
    relay.url = `http://127.0.0.1:${server.unref().address().port}/`;
    return relay;
  }
  drop() {
    this.times = [performance.now()];
    for (const it of this.open) it.destroy();
  }
  async tried(count) {
    while (this.times.length <= count) await sleep(20);
  }
}

async function main(name, url) {
  const browser = await launch(name);
  const page = await browser.newPage();
  page.setDefaultTimeout(10_000);
  const faults = [];
  // Firefox also reports each failed connection here; it names the URL.
  page.on("pageerror", error => { if (!error.message.includes("ws://")) faults.push(error); });

  async function check(name, test) {
    try {
      await page.goto(url.replace("ws:", "http:"));
      await shown("#state", "open");
      await test();
      if (faults.length) throw faults[0];
      console.log(`${name}\tok`);
    } catch (error) {
      console.log(`${name}\t${String(error).split("\n")[0]}`);
    }
  }
  const content = selector => page.evaluate(selector => document.querySelector(selector)?.textContent, selector);
  // Waits for this text in the first element that matches.
  const shown = (selector, text) => page.waitForFunction((selector, text) =>
    document.querySelector(selector)?.textContent.includes(text), {}, selector, text)
    .catch(async () => { throw new Error(`${selector} has "${await content(selector)}", not "${text}"`); });
  // Waits for this text in the newest line of this kind in the page's log.
  const logged = (kind, text) => shown(`#log .${kind}`, text);
  // Checks the echoes of messages of this kind and of these lengths.
  const echo = (kind, ...lengths) => page.evaluate(async ([url, kind, lengths]) => {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    const next = name => new Promise((done, fail) => { socket["on" + name] = done; socket.onerror = fail; });
    await next("open");
    for (const length of lengths) {
      const message = kind === "text" ? "ü".repeat(length / 2) : new Uint8Array(length).map((_, i) => i);
      socket.send(message);
      const { data } = await next("message");
      const same = kind === "text" ? data === message
        : message.byteLength === data.byteLength && new Uint8Array(data).every((byte, i) => byte === message[i]);
      if (!same) throw new Error(`${length} bytes come back changed`);
    }
    socket.close(1000);
    const { code, wasClean } = await next("close");
    if (code !== 1000 || !wasClean) throw new Error(`closed with ${code}`);
  }, [url, kind, lengths]);

  const fill = async (selector, text) => {
    await page.$eval(selector, it => { it.value = ""; });
    await page.type(selector, text);
  };
  // Checks that the page reports a wrong value next to its field and does nothing else.
  const refused = async (selector, text, button, fault) => {
    const state = await content("#state");
    await fill(selector, text);
    await page.click(button);
    await shown(`label:has(${selector}) small`, fault);
    assert.equal(await content("#state"), state);
  };
  // Waits for this many points in a line of the graph.
  const points = (selector, count) => page.waitForFunction((selector, count) =>
    document.querySelector(selector).getAttribute("d")?.match(/[ML]/g)?.length >= count, {}, selector, count);

  await check("page", async () => {
    for (const text of ["hello", "ü 🦀 <b>", ""]) {
      await page.type("#text", text);
      await page.keyboard.press("Enter");
      await logged("sent", text || "(empty)");
      await logged("received", text || "(empty)");
    }
    await page.select("#kind", "binary");
    await page.type("#text", "bytes");
    await page.keyboard.press("Enter");
    await logged("received", "binary: bytes (5 B, ");
  });
  await check("page", async () => { // generated messages and the graph
    const sizes = await page.$$eval("#size option", all => all.map(it => [it.value, it.text]));
    for (const kind of ["text", "binary"]) {
      await page.select("#kind", kind);
      for (const [value, size] of sizes) {
        await page.select("#size", value);
        await page.click("#generated button");
        await logged("received", `generated ${kind} (${size}, `);
      }
      assert.equal(sizes.at(-1)[1], "16 MiB");
      await logged("received", "MiB/s each way");
    }
    await points("#line", 5);
    await points("#dots", 2 * sizes.length);
    for (const id of ["last", "median", "maximum"]) await shown(`#${id}`, "s");
    assert(!/probe/.test(await content("#log")), "the log has probes");
  });
  await check("page", async () => { // no probes while paused or hidden
    const pause = async () => {
      await sleep(500);
      const before = await content("#correct");
      await sleep(700);
      assert.equal(await content("#correct"), before);
    };
    await points("#line", 2);
    await page.click("#pause");
    await pause();
    await page.click("#pause");
    await points("#line", 6);
    await page.evaluate(() => Object.defineProperty(document, "hidden", { value: true }));
    await pause();
  });
  await check("page", async () => { // subprotocols, closing and wrong input
    await shown("#url", url);
    await shown("#subprotocol", "none");
    await shown("#extensions", "none");
    await refused("#code", "1001", "#toggle", "1000 and 3000 to 4999");
    await fill("#code", "4999");
    await refused("#reason", "ü".repeat(62), "#toggle", "124 bytes");
    await fill("#reason", "ü".repeat(61));
    await page.click("#toggle");
    await shown("#ended", `4999, clean; this page sent 4999: ${"ü".repeat(61)}`);
    await shown("#state", "closed");
    await refused("#offers", "a b", "#toggle", "Not a subprotocol: a b");
    await refused("#offers", "chat, chat", "#toggle", "Twice in the list: chat");
    await refused("#text", "hello", "#typed button", "Not connected.");
    await fill("#offers", " v2.chat, chat");
    await page.click("#toggle");
    await shown("#state", "open");
    await shown("#subprotocol", "v2.chat");
  });
  await check("page", async () => { // an echo that differs
    await page.evaluate(() => {
      const { send } = WebSocket.prototype;
      WebSocket.prototype.send = function (data) { send.call(this, data === "right" ? "rigid" : data); };
    });
    await page.type("#text", "right");
    await page.keyboard.press("Enter");
    await shown("#alert", "Wrong echo: text of 5 B for text of 5 B, different from index 3");
    await shown("#ended", "this page sent 4000: wrong echo");
    await shown("#state", "closed");
  });
  await check("page", async () => { // nothing is wider than a phone
    const { width, height } = page.viewport();
    await page.setViewport({ width: 360, height: 740 });
    await page.type("#text", "long".repeat(50));
    await page.keyboard.press("Enter");
    await logged("received", "longlong");
    const [needed, given] = await page.$eval(":root", it => [it.scrollWidth, it.clientWidth]);
    assert(given <= 360 && needed <= given, `${needed} pixels in ${given}`);
    await page.setViewport({ width, height });
  });
  const relay = await Relay.start(url);
  await check("reconnect", async () => {
    await page.goto(relay.url);
    await shown("#state", "open");
    // The delays before the tries are 1, 2 and 4 seconds, or down to half of that.
    relay.refuses = true;
    relay.drop();
    await shown("#state", "waiting to reconnect");
    await shown("#ended", "1006, not clean");
    await shown("#countdown", "next try in 1 s");
    await relay.tried(3);
    for (const [i, least] of [500, 1000, 2000].entries()) {
      const delay = relay.times[i + 1] - relay.times[i];
      assert(delay > least - 50, `try ${i + 1} is ${delay} ms after the one before`);
    }
    await shown("#countdown", "next try in");
    relay.refuses = false;
    await page.click("#toggle"); // Connect now
    await shown("#state", "open");
    // After a success the first delay is short again.
    relay.drop();
    await relay.tried(1);
    const delay = relay.times[1] - relay.times[0];
    assert(delay < 3500, `the next try is after ${delay} ms`);
    await shown("#state", "open");
  });
  await check("reconnect", async () => { // only when it should, and never two connections
    await page.goto(relay.url);
    await shown("#state", "open");
    relay.drop();
    await shown("#state", "waiting");
    await page.click("#stop");
    await shown("#state", "closed");
    await page.$eval("#toggle", it => { for (let i = 0; i < 3; i++) it.click(); }); // Connect, Cancel, disabled
    await shown("#state", "closed");
    await page.click("#toggle");
    await shown("#state", "open");
    await sleep(100);
    assert.equal(relay.open.size, 1);
    const before = relay.times.length;
    await page.click("#toggle"); // Close
    await shown("#state", "closed");
    await sleep(1500);
    assert.deepEqual([relay.times.length, relay.open.size], [before, 0]);
  });
  await check("text", () => echo("text", 2, 126));
  await check("binary", () => echo("binary", 1, 256));
  await check("empty", async () => { await echo("text", 0); await echo("binary", 0); });
  await check("sizes", async () => { await echo("text", 124, 126, 65_534, 65_536); await echo("binary", 125, 126, 65_535, 65_536); });
  await check("16 MiB", async () => { await echo("text", 16 << 20); await echo("binary", 16 << 20); });
  await check("subprotocol", () => page.evaluate(async url => {
    const socket = new WebSocket(url, ["v2.chat", "chat"]);
    await new Promise((done, fail) => { socket.onopen = done; socket.onerror = fail; });
    if (socket.protocol !== "v2.chat") throw new Error(socket.protocol);
  }, url));
  await check("peer closes", async () => {
    await page.click("#toggle");
    await logged("note", "closed with 1000");
    await page.click("#toggle");
    await shown("#state", "open");
  });
  await check("we close", async () => {
    console.log("ready");
    await logged("note", "closed with 1001: server shuts down");
    await shown("#state", "waiting to reconnect");
  });
  await browser.close();
}

main(process.argv[2], process.argv[4]);
