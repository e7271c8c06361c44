/* A server that echoes, for thousands of connections in one thread: POSIX sockets and poll, IPv4 and IPv6.
 *
 *     echo_poll [--deflate] [ADDRESS:PORT]...
 *
 * Without an address it listens at 127.0.0.1:9001 and [::1]:9001; port 0 takes a free one. It prints the address of each
 * listener, and ends with status 0 after SIGINT or SIGTERM. With --deflate it agrees to permessage-deflate.
 *
 * Each chunk of a message is echoed as it arrives, as a fragment of the answer, so messages can be longer than all buffers.
 * A connection is not read while bytes wait to be written to it. That bounds its memory, and slows the peer down.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "barews.h"

enum { MAX_LISTENERS = 8, RX_SIZE = 64 << 10, PIECE_SIZE = 16 << 10, STORAGE_SIZE = 1024 };

/* Compression of one connection: allocated when it was agreed. */
struct codec {
    barews_inflater inflater;
    barews_deflater deflater;
    uint8_t *window, *memory;
};

struct connection {
    barews_server session;
    uint8_t storage[STORAGE_SIZE];
    struct codec *codec;
    uint8_t *out; /* what waits to be written: out[out_start..out_end] */
    size_t out_start, out_end, out_size;
    int fd;
    bool is_shut, is_over;
};

static barews_server_config config;
static bool with_deflate;
/* All connections share these: nothing stays in them from one call to the next. */
static uint8_t rx[RX_SIZE], piece_memory[PIECE_SIZE], deflated[PIECE_SIZE + 128];
static int stop_pipe[2];

static void fatal(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void on_signal(int signal) {
    (void)signal;
    int saved = errno;
    if (write(stop_pipe[1], "", 1) < 0) {
        /* The pipe is full, so it will wake poll. */
    }
    errno = saved;
}

/* Returns room for `len` bytes at the end of what waits; null without memory. */
static uint8_t *room(struct connection *c, size_t len) {
    if (c->out_start == c->out_end) {
        c->out_start = c->out_end = 0;
    }
    if (c->out_size - c->out_end < len) {
        size_t size = c->out_end + len;
        size += size / 2;
        uint8_t *out = realloc(c->out, size);
        if (!out) {
            return NULL;
        }
        c->out = out;
        c->out_size = size;
    }
    return c->out + c->out_end;
}

/* Adds what is due to what waits. */
static void transmit(struct connection *c) {
    size_t len;
    do {
        uint8_t *out = room(c, 512);
        if (!out) {
            c->is_over = true;
            return;
        }
        len = barews_server_poll_transmit(&c->session, out, 512);
        c->out_end += len;
    } while (len > 0);
}

/* Writes as much as the transport accepts. */
static void flush(struct connection *c, uint64_t now) {
    while (c->out_start < c->out_end) {
        ssize_t len = send(c->fd, c->out + c->out_start, c->out_end - c->out_start, MSG_NOSIGNAL);
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len < 0) {
            if (errno != EAGAIN && errno != EWOULDBLOCK) {
                c->is_over = true; /* the peer is gone */
            }
            return;
        }
        c->out_start += (size_t)len;
        if (c->out_start < c->out_end) {
            barews_server_on_written(&c->session, now);
        }
    }
    /* Nothing waits: give a large buffer back. */
    if (c->out_size > RX_SIZE) {
        free(c->out);
        c->out = NULL;
        c->out_start = c->out_end = c->out_size = 0;
    }
}

/* Adds one fragment of the answer. */
static bool send_fragment(struct connection *c, const barews_event *piece, uint8_t rsv, const uint8_t *payload, size_t len,
                          uint64_t now) {
    uint8_t *out = room(c, BAREWS_MAX_HEADER + len);
    size_t header;
    if (!out || barews_server_begin_frame(&c->session, piece->opcode, piece->last, rsv, len, now, out, BAREWS_MAX_HEADER,
                                          &header) != BAREWS_OK) {
        return false; /* closing: what arrives now needs no answer */
    }
    if (len > 0) {
        memcpy(out + header, payload, len);
    }
    if (barews_server_mask_payload(&c->session, out + header, len, now) != BAREWS_OK) {
        return false;
    }
    c->out_end += header + len;
    return true;
}

/* Echoes a chunk. */
static void echo(struct connection *c, barews_event *chunk, uint64_t now) {
    if (!c->codec) {
        send_fragment(c, chunk, 0, chunk->payload, chunk->len, now);
        return;
    }
    for (;;) {
        barews_event piece;
        barews_error error = barews_inflater_inflate(&c->codec->inflater, chunk, &piece);
        if (error != BAREWS_OK) {
            barews_server_fail(&c->session, error);
            return;
        }
        if (piece.kind == BAREWS_EVENT_NONE) {
            return;
        }
        /* A piece of a message that came uncompressed can be longer than the output for deflated bytes. */
        size_t at = 0;
        do {
            size_t len = piece.len - at < PIECE_SIZE ? piece.len - at : PIECE_SIZE;
            barews_event part = piece;
            part.first = piece.first && at == 0;
            part.last = piece.last && at + len == piece.len;
            size_t written;
            if (barews_deflater_deflate_part(&c->codec->deflater, piece.payload + at, len, part.last, deflated,
                                             sizeof deflated, &written) != BAREWS_OK ||
                !send_fragment(c, &part, part.first ? BAREWS_RSV1 : 0, deflated, written, now)) {
                return;
            }
            at += len;
        } while (at < piece.len);
    }
}

/* Makes the codec for what was agreed. */
static bool make_codec(struct connection *c, const barews_deflate_parameters *agreed) {
    size_t window = barews_deflate_window_size(agreed->client);
    size_t memory = barews_deflater_memory(BAREWS_LEVEL_LARGE, agreed->server);
    struct codec *codec = calloc(1, sizeof *codec);
    if (!codec) {
        return false;
    }
    c->codec = codec;
    codec->window = malloc(window);
    codec->memory = malloc(memory);
    return codec->window && codec->memory &&
           barews_inflater_init(&codec->inflater, agreed->client, codec->window, window, UINT64_MAX, piece_memory,
                                sizeof piece_memory) == BAREWS_OK &&
           barews_deflater_init(&codec->deflater, BAREWS_LEVEL_LARGE, agreed->server, codec->memory, memory, 0) ==
               BAREWS_OK;
}

/* Answers a request. */
static void answer(struct connection *c) {
    barews_request request;
    if (barews_server_request(&c->session, &request) && !request.is_upgrade) {
        static const char text[] = "This is a WebSocket server.\n";
        barews_server_respond(&c->session, 426, NULL, 0, (const uint8_t *)text, sizeof text - 1);
        return;
    }
    barews_accept accept = {0};
    barews_config limits;
    barews_config_init(&limits);
    uint8_t value[BAREWS_MAX_DEFLATE_RESPONSE];
    if (with_deflate) {
        barews_deflate_parameters memory, agreed;
        barews_deflate_parameters_init(&memory);
        size_t len = 0;
        if (barews_server_accept_deflate(&c->session, &memory, &agreed, value, sizeof value, &len) == BAREWS_OK && len > 0) {
            if (!make_codec(c, &agreed)) {
                barews_server_respond(&c->session, 503, NULL, 0, NULL, 0);
                return;
            }
            accept.extensions.data = (const char *)value;
            accept.extensions.len = len;
            limits.extension_rsv = BAREWS_RSV1;
        }
    }
    if (barews_server_accept(&c->session, &accept, &limits) != BAREWS_OK) {
        c->is_over = true;
    }
}

/* Handles bytes that were read, or none, and all deadlines. */
static void handle(struct connection *c, uint8_t *bytes, size_t len, uint64_t now) {
    for (size_t at = 0;;) {
        barews_event event;
        at += barews_server_receive(&c->session, bytes + at, len - at, now, &event);
        switch (event.kind) {
        case BAREWS_EVENT_REQUEST:
            answer(c);
            break;
        case BAREWS_EVENT_DATA:
            echo(c, &event, now);
            break;
        case BAREWS_EVENT_OVER:
            c->is_over = true;
            return;
        default:
            break;
        }
        if (event.kind == BAREWS_EVENT_NONE) {
            break;
        }
        /* The response goes out before the first message. */
        if (event.is_due || event.kind == BAREWS_EVENT_REQUEST) {
            transmit(c);
        }
    }
    transmit(c);
    flush(c, now);
    if (c->out_start == c->out_end && !c->is_shut &&
        barews_server_transport(&c->session) == BAREWS_TRANSPORT_HALF_CLOSE) {
        shutdown(c->fd, SHUT_WR);
        c->is_shut = true;
    }
}

/* Reads once. */
static void read_some(struct connection *c, uint64_t now) {
    ssize_t len = recv(c->fd, rx, sizeof rx, 0);
    if (len > 0) {
        handle(c, rx, (size_t)len, now);
    } else if (len == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        barews_server_receive_eof(&c->session, now);
        handle(c, rx, 0, now);
    }
}

static void destroy(struct connection *c) {
    close(c->fd);
    free(c->out);
    if (c->codec) {
        free(c->codec->window);
        free(c->codec->memory);
        free(c->codec);
    }
    free(c);
}

/* Listens at each address that `text` names, HOST:PORT or [HOST]:PORT. */
static size_t listen_at(const char *text, struct pollfd *polls, size_t count) {
    char host[256];
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    if (!colon || len >= sizeof host) {
        fprintf(stderr, "echo_poll: %s: an address is HOST:PORT\n", text);
        exit(2);
    }
    if (len >= 2 && text[0] == '[' && colon[-1] == ']') {
        text++;
        len -= 2;
    }
    memcpy(host, text, len);
    host[len] = 0;
    struct addrinfo hints = {0}, *found;
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    int error = getaddrinfo(host, colon + 1, &hints, &found);
    if (error) {
        fprintf(stderr, "echo_poll: %s: %s\n", text, gai_strerror(error));
        exit(1);
    }
    for (struct addrinfo *one = found; one && count < MAX_LISTENERS; one = one->ai_next) {
        int on = 1, fd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
        if (fd < 0) {
            fatal("socket");
        }
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (one->ai_family == AF_INET6) {
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        }
        if (bind(fd, one->ai_addr, one->ai_addrlen) || listen(fd, 1024) || fcntl(fd, F_SETFL, O_NONBLOCK)) {
            fatal(text);
        }
        struct sockaddr_storage address;
        socklen_t size = sizeof address;
        char name[128], port[16];
        if (getsockname(fd, (struct sockaddr *)&address, &size) ||
            getnameinfo((struct sockaddr *)&address, size, name, sizeof name, port, sizeof port,
                        NI_NUMERICHOST | NI_NUMERICSERV)) {
            fatal("getsockname");
        }
        printf(one->ai_family == AF_INET6 ? "echoing at ws://[%s]:%s/\n" : "echoing at ws://%s:%s/\n", name, port);
        polls[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    freeaddrinfo(found);
    fflush(stdout);
    return count;
}

/* Accepts a connection; null if there is none. */
static struct connection *accept_one(int listener, uint64_t now) {
    int on = 1, fd = accept(listener, NULL, NULL);
    if (fd < 0) {
        return NULL;
    }
    struct connection *c = calloc(1, sizeof *c);
    if (!c || fcntl(fd, F_SETFL, O_NONBLOCK)) {
        free(c);
        close(fd);
        return NULL;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->fd = fd;
    if (barews_server_init(&c->session, &config, c->storage, sizeof c->storage, NULL, now) != BAREWS_OK) {
        destroy(c);
        return NULL;
    }
    return c;
}

/* Raises the limit of open files; returns how many connections there can be. */
static size_t most_connections(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) {
        return 256;
    }
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > 65536 ? 65536 : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) && getrlimit(RLIMIT_NOFILE, &limit)) {
        return 256;
    }
    return limit.rlim_cur > 64 ? (size_t)limit.rlim_cur - 32 : 16;
}

/* Returns how long poll may wait, in milliseconds. */
static int until(uint64_t at, uint64_t now) {
    if (at == BAREWS_NEVER) {
        return -1;
    }
    return at <= now ? 0 : at - now > 60000 ? 60000 : (int)(at - now);
}

int main(int argc, char **argv) {
    /* An echo keeps no secrets, so pages of any origin can use it. */
    barews_server_settings settings;
    barews_server_settings_init(&settings);
    settings.origin = BAREWS_ORIGIN_ANY;
    if (barews_server_size() != sizeof(barews_server) || barews_server_config_init(&config, &settings) != BAREWS_OK) {
        fprintf(stderr, "echo_poll: the header and the library do not belong together\n");
        return 1;
    }

    size_t most = most_connections(), listeners = 0, count = 0;
    struct pollfd *polls = calloc(1 + MAX_LISTENERS + most, sizeof *polls);
    struct connection **connections = calloc(most, sizeof *connections);
    if (!polls || !connections) {
        fatal("calloc");
    }
    for (int n = 1; n < argc; n++) {
        if (!strcmp(argv[n], "--deflate")) {
            with_deflate = true;
        } else if (argv[n][0] == '-') {
            fprintf(stderr, "usage: echo_poll [--deflate] [ADDRESS:PORT]...\n");
            return 2;
        } else {
            listeners = listen_at(argv[n], polls + 1, listeners);
        }
    }
    if (listeners == 0) {
        listeners = listen_at("127.0.0.1:9001", polls + 1, listeners);
        listeners = listen_at("[::1]:9001", polls + 1, listeners);
    }

    if (pipe(stop_pipe) || fcntl(stop_pipe[0], F_SETFL, O_NONBLOCK) || fcntl(stop_pipe[1], F_SETFL, O_NONBLOCK)) {
        fatal("pipe");
    }
    polls[0] = (struct pollfd){.fd = stop_pipe[0], .events = POLLIN};
    struct sigaction action = {0};
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    struct pollfd *of_connections = polls + 1 + listeners;
    for (;;) {
        uint64_t now = now_ms(), next = BAREWS_NEVER;
        for (size_t n = 0; n < count; n++) {
            uint64_t at = barews_server_poll_timeout(&connections[n]->session);
            next = at < next ? at : next;
            bool waits = connections[n]->out_start < connections[n]->out_end;
            of_connections[n] = (struct pollfd){.fd = connections[n]->fd, .events = waits ? POLLOUT : POLLIN};
        }
        for (size_t n = 1; n <= listeners; n++) {
            polls[n].events = count < most ? POLLIN : 0;
        }
        if (poll(polls, (nfds_t)(1 + listeners + count), until(next, now)) < 0) {
            if (errno == EINTR || errno == EAGAIN) {
                continue;
            }
            fatal("poll");
        }
        if (polls[0].revents) {
            break;
        }
        now = now_ms(); /* once after waiting, not before each call */
        for (size_t n = 0; n < count; n++) {
            struct connection *c = connections[n];
            if (of_connections[n].revents & POLLOUT) {
                barews_server_on_written(&c->session, now);
                flush(c, now);
                handle(c, rx, 0, now);
            } else if (of_connections[n].revents) {
                read_some(c, now);
            } else if (barews_server_poll_timeout(&c->session) <= now) {
                handle(c, rx, 0, now);
            }
        }
        size_t left = 0;
        for (size_t n = 0; n < count; n++) {
            if (connections[n]->is_over) {
                destroy(connections[n]);
            } else {
                connections[left++] = connections[n];
            }
        }
        count = left;
        for (size_t n = 1; n <= listeners; n++) {
            struct connection *c;
            while (polls[n].revents && count < most && (c = accept_one(polls[n].fd, now))) {
                connections[count++] = c;
            }
        }
    }

    /* The peers are told that the server goes away. */
    for (size_t n = 0; n < count; n++) {
        struct connection *c = connections[n];
        uint8_t *out = room(c, BAREWS_MAX_CONTROL_FRAME);
        size_t written;
        if (out && barews_server_write_close(&c->session, 1001, BAREWS_STR("stopped"), now_ms(), out,
                                             BAREWS_MAX_CONTROL_FRAME, &written) == BAREWS_OK) {
            c->out_end += written;
            flush(c, now_ms());
        }
        destroy(c);
    }
    for (size_t n = 0; n <= listeners; n++) {
        close(polls[n].fd);
    }
    close(stop_pipe[1]);
    free(connections);
    free(polls);
    return 0;
}
