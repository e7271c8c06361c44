/* An echo server on uWebSockets, through the C interface of the library in socketify's package:
 *
 *     uwebsockets LIBRARY PORT
 *
 * It does not run Python. uWebSockets corks by itself: it writes the answers to all messages of a read at once. */
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct { const char *files[6]; int prefer_low_memory; } options_t;
typedef struct { int port; const char *host; int options; } listen_t;
typedef void (*message_t)(void *socket, const char *message, size_t length, int opcode, void *user);
typedef struct {
    int compression;
    unsigned max_payload_length;
    unsigned short idle_timeout;
    unsigned max_backpressure;
    bool close_on_backpressure_limit, reset_idle_timeout_on_send, send_pings_automatically;
    unsigned short max_lifetime;
    void *upgrade, *open;
    message_t message;
    void *drain, *ping, *pong, *close, *subscription;
} behavior_t;

static int (*send_message)(int ssl, void *socket, const char *message, size_t length, int opcode);

static void echo(void *socket, const char *message, size_t length, int opcode, void *user)
{
    (void)user;
    send_message(0, socket, message, length, opcode);
}

static void listening(void *socket, listen_t config, void *user)
{
    (void)user;
    if (!socket) {
        fprintf(stderr, "uwebsockets: cannot listen on port %d\n", config.port);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    void *library = argc == 3 ? dlopen(argv[1], RTLD_NOW) : NULL;
    if (!library) {
        fprintf(stderr, "uwebsockets: %s\n", argc == 3 ? dlerror() : "LIBRARY PORT");
        return 1;
    }
    void (*get_loop)(void) = dlsym(library, "uws_get_loop");
    void *(*create)(int, options_t) = dlsym(library, "uws_create_app");
    void (*ws)(int, void *, const char *, behavior_t, void *) = dlsym(library, "uws_ws");
    void (*listen)(int, void *, listen_t, void (*)(void *, listen_t, void *), void *) =
        dlsym(library, "uws_app_listen_with_config");
    void (*run)(int, void *) = dlsym(library, "uws_app_run");
    send_message = dlsym(library, "uws_ws_send");

    get_loop();
    void *app = create(0, (options_t){0});
    behavior_t behavior = {
        .max_payload_length = 16 << 20,
        .max_backpressure = 64 << 20,
        .idle_timeout = 120,
        .message = echo,
    };
    ws(0, app, "/*", behavior, NULL);
    listen(0, app, (listen_t){.port = atoi(argv[2]), .host = "127.0.0.1"}, listening, NULL);
    run(0, app);
    return 0;
}
