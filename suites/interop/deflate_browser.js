// A headless browser as the peer with permessage-deflate, with its own page and the browser's WebSocket. Arguments: `chromium`
// or `firefox`, then as in deflate_websockets.py for the role `client`, without options.
const { createServer } = require("node:http");
const { once } = require("node:events");
const { launch } = require("./browser.js");

async function main(name, url) {
  const site = createServer((_, response) => response.end("<!doctype html><title>deflate</title>"));
  await once(site.listen(0, "127.0.0.1"), "listening");
  const browser = await launch(name);
  let result;
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${site.address().port}/`);
    result = await page.evaluate(async url => {
      const socket = new WebSocket(url);
      socket.binaryType = "arraybuffer";
      const next = name => new Promise((done, fail) => {
        socket["on" + name] = done;
        socket.onerror = fail;
        setTimeout(fail, 10_000, Error("no answer"));
      });
      let state = 7;
      const random = n => (state = (state * 48271) % 2147483647) % n;
      const bytes = (length, byte) => Uint8Array.from({ length }, byte);
      const messages = Array.from({ length: 200 }, (_, n) =>
        JSON.stringify({ sensor: n % 7, value: random(1000), unit: "kPa", ok: true }));
      messages.push("", bytes(0), "온도가 올라가고 있습니다 😀 ".repeat(40), bytes(5000, () => random(256)),
        "x".repeat(200_000), bytes(70_000, () => 97 + random(4)));
      await next("open");
      for (const message of messages) {
        socket.send(message);
        const { data } = await next("message");
        const same = typeof message === "string" ? data === message
          : data.byteLength === message.length && new Uint8Array(data).every((byte, i) => byte === message[i]);
        if (!same) return "another message comes back";
      }
      socket.close(1000);
      const { code, wasClean } = await next("close");
      if (code !== 1000 || !wasClean) return `closed with ${code}`;
      return socket.extensions.startsWith("permessage-deflate") ? "compressed" : "plain";
    }, url);
  } finally {
    await browser.close();
    site.close();
  }
  console.log(result); // after the browser has ended, because the reader of this line kills this process
}

main(process.argv[2], process.argv[4]).catch(error => console.log(String(error).split("\n")[0]));
