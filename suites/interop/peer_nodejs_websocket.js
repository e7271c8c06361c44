// A server with nodejs-websocket, which leaves TCP open after the closing handshake. Echoes text; prints its port, then
// each close.
const ws = require("nodejs-websocket");

const server = ws.createServer(connection => {
  connection.on("text", text => connection.sendText(text));
  connection.on("close", code => console.log(`close ${code}`));
  connection.on("error", error => console.log(String(error)));
});
server.listen(0, "127.0.0.1", () => console.log(server.socket.address().port));
