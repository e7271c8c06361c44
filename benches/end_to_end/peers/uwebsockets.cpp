// An echo server on uWebSockets in its own epoll loop: uwebsockets PORT [MODE]
//
// uWebSockets corks by itself: it writes the answers to all messages of a read at once. `deflate` compresses without
// context takeover. `broadcast` publishes each message to all connections.
#include <App.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

struct Nothing {};
using Socket = uWS::WebSocket<false, true, Nothing>;

int main(int argc, char **argv)
{
    const std::string_view mode = argc > 2 ? argv[2] : "echo";
    const bool deflates = mode == "deflate", broadcasts = mode == "broadcast";
    uWS::App app;
    app.ws<Nothing>("/*", {
        .compression = deflates ? uWS::CompressOptions(uWS::SHARED_COMPRESSOR | uWS::SHARED_DECOMPRESSOR) : uWS::DISABLED,
        .maxPayloadLength = 16 << 20,
        .idleTimeout = 120,
        .maxBackpressure = 64 << 20,
        .open = [=](Socket *socket) {
            if (broadcasts) socket->subscribe("all");
        },
        .message = [=, &app](Socket *socket, std::string_view message, uWS::OpCode kind) {
            if (broadcasts) app.publish("all", message, kind);
            else socket->send(message, kind, deflates);
        },
    });
    app.listen("127.0.0.1", argc > 1 ? std::atoi(argv[1]) : 9001, [](auto *listening) {
        if (!listening) {
            std::fprintf(stderr, "uwebsockets: cannot listen\n");
            std::exit(1);
        }
    });
    app.run();
}
