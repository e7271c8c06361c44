// A headless browser as the peer: it uses the server's page as a person does, and the browser's WebSocket. Arguments:
// `chromium` or `firefox`, the role `client` and the server's ws: URL. The output is as in peers.py.
const assert = require("node:assert");
const { launch } = require("./browser.js");

async function main(name, url) {
  const browser = await launch(name);
  const page = await browser.newPage();
  page.setDefaultTimeout(10_000);
  const faults = [];
  page.on("pageerror", error => faults.push(error));

  async function check(name, test) {
    try {
      await page.goto(url.replace("ws:", "http:"));
      await shown("#state", "open");
      await test();
      assert.deepEqual(faults, []);
      console.log(`${name}\tok`);
    } catch (error) {
      console.log(`${name}\t${String(error).split("\n")[0]}`);
    }
  }
  const shown = (selector, text) => page.waitForFunction((selector, text) =>
    document.querySelector(selector)?.textContent.includes(text), {}, selector, text);
  // Waits for this text in the page's log.
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

  await check("page", async () => {
    for (const text of ["hello", "ü 🦀 <b>"]) {
      await page.type("#text", text);
      await page.keyboard.press("Enter");
      await logged("sent", text);
      await logged("received", text);
    }
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
  });
  await browser.close();
}

main(process.argv[2], process.argv[4]);
