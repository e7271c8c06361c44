// WebSocketStream in Chromium with the echo server at the URL given. Prints `ok` or what failed.
const { launch } = require("./browser.js");

async function main(url) {
  const browser = await launch("chromium");
  try {
    const page = await browser.newPage();
    await page.evaluate(async url => {
      const check = (right, what) => { if (!right) throw new Error(what); };
      check("WebSocketStream" in self, "no WebSocketStream");
      const stream = new WebSocketStream(url, { protocols: ["other", "chat"] });
      const { readable, writable, protocol, extensions } = await stream.opened;
      check(protocol === "chat", `subprotocol ${protocol}`);
      check(/permessage-deflate/.test(extensions), `extensions ${extensions}`);
      const reader = readable.getReader(), writer = writable.getWriter();
      for (const text of ["", "ü 🦀", "repeated ".repeat(10_000)]) {
        await writer.write(text);
        check((await reader.read()).value === text, `text of ${text.length} comes back changed`);
      }
      // The page reads nothing until all is written, except what back-pressure demands.
      const block = Uint8Array.from({ length: 1 << 20 }, (_, i) => i * 7 >> 4);
      const writing = (async () => { for (let i = 0; i < 16; i++) await writer.write(block); })();
      await new Promise(done => setTimeout(done, 300));
      for (let i = 0; i < 16; i++) {
        const got = new Uint8Array((await reader.read()).value);
        check(got.length === block.length && got.every((byte, j) => byte === block[j]), `block ${i} comes back changed`);
      }
      await writing;
      stream.close({ closeCode: 4000, reason: "bye" });
      const { closeCode } = await stream.closed;
      check(closeCode === 4000, `closed with ${closeCode}`);
    }, url);
    console.log("ok");
  } catch (error) {
    console.log(String(error).split("\n")[0]);
  }
  await browser.close();
}

main(process.argv[2]);
