// Starts a headless browser, $CHROMIUM or $FIREFOX.
const puppeteer = require("puppeteer-core");

const flags = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking " +
  "--disable-component-update --disable-sync";

exports.launch = name => puppeteer.launch(name === "firefox"
  ? { browser: "firefox", executablePath: process.env.FIREFOX }
  : { browser: "chrome", executablePath: process.env.CHROMIUM, args: flags.split(" ") });
