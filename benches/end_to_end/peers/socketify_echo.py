"""An echo server on socketify: socketify_echo.py PORT"""
import sys

from socketify import App, AppListenOptions, CompressOptions


def echo(socket, message, opcode):
    socket.send(message, opcode)


app = App()
app.ws("/*", {
    "compression": CompressOptions.DISABLED,
    "max_payload_length": 16 << 20,
    "max_backpressure": 64 << 20,
    "idle_timeout": 120,
    "message": echo,
})
app.listen(AppListenOptions(port=int(sys.argv[1]), host="127.0.0.1"))
app.run()
