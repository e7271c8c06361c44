// An echo server on Bun.serve, which is uWebSockets in its own event loop: bun bun_echo.js PORT [MODE]
const [port, mode] = process.argv.slice(2);
const deflate = mode === 'deflate', broadcast = mode === 'broadcast';

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(port),
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response('not found', { status: 404 })),
  websocket: {
    perMessageDeflate: deflate ? { compress: 'shared', decompress: 'shared' } : false,
    maxPayloadLength: 16 << 20,
    backpressureLimit: 64 << 20,
    open: (socket) => broadcast && socket.subscribe('all'),
    message: (socket, data) => (broadcast ? server.publish('all', data) : socket.send(data, deflate)),
  },
});
