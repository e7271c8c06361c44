// An echo server on ws: node ws_echo.js PORT [MODE]
'use strict';
const { WebSocketServer } = require('ws');

const [port, mode] = process.argv.slice(2);
// Without context takeover, as the load offers it. ws compresses messages of 1 KiB and more unless it is told otherwise.
const perMessageDeflate = mode === 'deflate' && { threshold: 0 };
const server = new WebSocketServer({ host: '127.0.0.1', port: Number(port), backlog: 1024, perMessageDeflate });
server.on('connection', (socket) => {
  socket.on('message', (data, binary) => {
    const receivers = mode === 'broadcast' ? server.clients : [socket];
    receivers.forEach((receiver) => receiver.send(data, { binary }));
  });
  socket.on('error', (error) => console.error(String(error)));
});
