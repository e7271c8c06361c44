/* A client: POSIX sockets, one connection, IPv4 and IPv6.
 *
 *     client_posix URL [MESSAGE]...    connects, sends the messages, prints as many answers, and closes. If the server cannot
 *                                      be reached it tries again, at most five times, later each time.
 *     client_posix --autobahn URL      runs all cases of the Autobahn TestSuite, which is the server at URL
 *
 * It offers permessage-deflate. The status is 0 if all went well.
 */
#define _DEFAULT_SOURCE
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
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "barews.h"

enum { RX_SIZE = 16 << 10, PIECE_SIZE = 16 << 10, MESSAGE_SIZE = 1 << 20, WINDOW_SIZE = 32 << 10, ATTEMPTS = 5 };

/* What a connection is for. */
struct task {
    char **messages; /* to be sent, one after the other */
    int messages_len, answered;
    bool echoes; /* echo everything instead */
    char *kept;  /* the payload of what was received, without `echoes` */
    size_t kept_len;
};

/* One client at a time, so everything is static: nothing is allocated. */
static barews_client session;
static barews_inflater inflater;
static barews_deflater deflater;
static barews_message_buffer messages;
static uint8_t storage[1024], rx[RX_SIZE], piece_memory[PIECE_SIZE], window[WINDOW_SIZE], message_memory[MESSAGE_SIZE];
static uint8_t deflater_memory[8 * WINDOW_SIZE], deflated[RX_SIZE + PIECE_SIZE + 128], tx[4096];
static char kept[MESSAGE_SIZE + 1];
static bool is_compressed;
static int fd = -1;

static uint64_t now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

/* The operating system's generator. Without it a client must not go on. */
static void fill_random(void *context, uint8_t *bytes, size_t len) {
    (void)context;
    if (getentropy(bytes, len)) {
        perror("getentropy");
        abort();
    }
}

static const barews_key_source keys = {fill_random, NULL};

static int wait_for(short events, uint64_t until) {
    uint64_t now = now_ms();
    int milliseconds = until == BAREWS_NEVER ? -1 : until <= now ? 0 : until - now > 60000 ? 60000 : (int)(until - now);
    struct pollfd one = {.fd = fd, .events = events};
    int ready = poll(&one, 1, milliseconds);
    return ready < 0 && errno == EINTR ? 0 : ready;
}

/* Writes all bytes. Returns false if the transport is gone, or accepts none for a minute. */
static bool write_all(const uint8_t *bytes, size_t len) {
    uint64_t deadline = now_ms() + 60000;
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes += sent;
            len -= (size_t)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (now_ms() >= deadline || wait_for(POLLOUT, deadline) < 0) {
                return false;
            }
            barews_client_on_written(&session, now_ms());
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

static bool transmit(void) {
    size_t len;
    while ((len = barews_client_poll_transmit(&session, tx, sizeof tx)) > 0) {
        if (!write_all(tx, len)) {
            return false;
        }
    }
    return true;
}

/* Opens the transport. Returns false if the server cannot be reached. */
static bool open_transport(const barews_uri *uri) {
    char host[256], port[12];
    size_t start = 0, len = uri->host.len;
    if (len >= 2 && uri->host.data[0] == '[') { /* an IPv6 address */
        start = 1;
        len -= 2;
    }
    if (len >= sizeof host) {
        return false;
    }
    memcpy(host, uri->host.data + start, len);
    host[len] = 0;
    snprintf(port, sizeof port, "%u", (unsigned)uri->port);
    struct addrinfo hints = {0}, *found;
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    int error = getaddrinfo(host, port, &hints, &found);
    if (error) {
        fprintf(stderr, "client_posix: %s: %s\n", host, gai_strerror(error));
        return false;
    }
    fd = -1;
    for (struct addrinfo *one = found; one && fd < 0; one = one->ai_next) {
        int on = 1;
        fd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
        if (fd >= 0 && (connect(fd, one->ai_addr, one->ai_addrlen) || fcntl(fd, F_SETFL, O_NONBLOCK) ||
                        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on))) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    if (fd < 0) {
        perror("client_posix: connect");
    }
    return fd >= 0;
}

/* Sends one frame from where its payload is, which it masks there. */
static bool send_frame(uint8_t opcode, bool fin, uint8_t rsv, uint8_t *payload, size_t len) {
    uint8_t header[BAREWS_MAX_HEADER];
    size_t header_len;
    uint64_t now = now_ms();
    return barews_client_begin_frame(&session, opcode, fin, rsv, len, now, header, sizeof header, &header_len) == BAREWS_OK &&
           barews_client_mask_payload(&session, payload, len, now) == BAREWS_OK && write_all(header, header_len) &&
           write_all(payload, len);
}

/* Echoes a piece of a message, compressed if that was agreed. */
static bool echo(const barews_event *piece) {
    if (!is_compressed) {
        return send_frame(piece->opcode, piece->last, 0, piece->payload, piece->len);
    }
    size_t len;
    return barews_deflater_deflate_part(&deflater, piece->payload, piece->len, piece->last, deflated, sizeof deflated,
                                        &len) == BAREWS_OK &&
           send_frame(piece->opcode, piece->last, piece->first ? BAREWS_RSV1 : 0, deflated, len);
}

/* Sends the next message of the task, or closes after the last. */
static bool send_next(const struct task *task) {
    size_t len;
    if (task->answered < task->messages_len) {
        const char *text = task->messages[task->answered];
        barews_error error = barews_client_write_message(&session, BAREWS_TEXT, (const uint8_t *)text, strlen(text), now_ms(),
                                                         tx, sizeof tx, &len);
        if (error != BAREWS_OK) {
            fprintf(stderr, "client_posix: %s\n", barews_error_name(error));
            return false;
        }
    } else if (barews_client_write_close(&session, 1000, BAREWS_STR(""), now_ms(), tx, sizeof tx, &len) != BAREWS_OK) {
        return false;
    }
    return write_all(tx, len);
}

/* Handles a piece of a message. */
static bool take(struct task *task, const barews_event *piece) {
    if (task->echoes) {
        return echo(piece);
    }
    barews_message message;
    barews_error error = barews_message_buffer_push(&messages, piece, &message);
    if (error != BAREWS_OK) {
        barews_client_fail(&session, error);
        return true;
    }
    if (!message.is_complete) {
        return true;
    }
    if (task->kept) {
        memcpy(task->kept, message.payload, message.len);
        task->kept[task->kept_len = message.len] = 0;
        return true;
    }
    printf("%.*s\n", (int)message.len, (const char *)message.payload);
    task->answered++;
    return send_next(task);
}

/* Handles a chunk as it came from the connection. */
static bool receive(struct task *task, barews_event *chunk) {
    for (;;) {
        barews_event piece;
        barews_error error = barews_inflater_inflate(&inflater, chunk, &piece);
        if (error != BAREWS_OK) {
            barews_client_fail(&session, error);
            return true;
        }
        if (piece.kind == BAREWS_EVENT_NONE) {
            return true;
        }
        /* A transport that is gone shows when it is read. */
        (void)take(task, &piece);
    }
}

/* Opens the connection after a response. Returns false if that is not possible. */
static bool accept_response(const barews_deflate_parameters *offer, uint32_t *retry_after) {
    barews_response response = {0};
    if (!barews_client_response(&session, &response) || !response.is_accepted) {
        *retry_after = response.retry_after;
        fprintf(stderr, "client_posix: the server answers %u\n", (unsigned)response.status);
        return true; /* the session is over next */
    }
    barews_deflate_parameters agreed = *offer;
    barews_config config;
    barews_config_init(&config);
    if (barews_client_agree_deflate(&session, offer, 1, &agreed, &is_compressed) != BAREWS_OK) {
        return false;
    }
    config.extension_rsv = is_compressed ? BAREWS_RSV1 : 0;
    return barews_inflater_init(&inflater, agreed.server, window, sizeof window, UINT64_MAX, piece_memory,
                                sizeof piece_memory) == BAREWS_OK &&
           barews_deflater_init(&deflater, BAREWS_LEVEL_LARGE, agreed.client, deflater_memory, sizeof deflater_memory, 0) ==
               BAREWS_OK &&
           barews_message_buffer_init(&messages, message_memory, sizeof message_memory) == BAREWS_OK &&
           barews_client_connect(&session, &keys, &config) == BAREWS_OK;
}

enum outcome { ENDED_WELL, ENDED_BADLY, ENDED_EARLY };

/* Runs one connection, from its start to its end. */
static enum outcome talk(const char *url, struct task *task, barews_reconnect *reconnect, uint32_t *retry_after) {
    barews_client_request request = {0};
    request.uri.data = url;
    request.uri.len = strlen(url);
    barews_uri uri;
    barews_error error = barews_uri_parse(request.uri, &uri);
    if (error != BAREWS_OK || uri.is_secure) {
        fprintf(stderr, "client_posix: %s: %s\n", url, error ? barews_error_name(error) : "this example has no TLS");
        return ENDED_BADLY;
    }
    if (!open_transport(&uri)) {
        return ENDED_EARLY;
    }

    uint8_t value[128];
    size_t value_len;
    barews_deflate_parameters offer;
    barews_deflate_parameters_init(&offer);
    barews_client_config config;
    barews_client_settings settings;
    barews_client_settings_init(&settings);
    error = barews_deflate_offer(&offer, 1, value, sizeof value, &value_len);
    settings.extensions.data = (const char *)value;
    settings.extensions.len = value_len;
    if (error == BAREWS_OK) {
        error = barews_client_config_init(&config, &settings);
    }
    if (error == BAREWS_OK) {
        error = barews_client_init(&session, &config, &request, &keys, storage, sizeof storage, NULL, now_ms());
    }
    if (error != BAREWS_OK) {
        fprintf(stderr, "client_posix: %s\n", barews_error_name(error));
        close(fd);
        return ENDED_BADLY;
    }

    enum outcome outcome = ENDED_BADLY;
    bool is_shut = false, is_open = false;
    size_t start = 0, end = 0;
    for (;;) {
        if (!transmit()) {
            outcome = is_open ? ENDED_BADLY : ENDED_EARLY;
            break;
        }
        if (!is_shut && barews_client_transport(&session) == BAREWS_TRANSPORT_HALF_CLOSE) {
            shutdown(fd, SHUT_WR);
            is_shut = true;
        }
        barews_event event;
        start += barews_client_receive(&session, rx + start, end - start, now_ms(), &event);
        if (event.kind == BAREWS_EVENT_OVER) {
            outcome = event.error == BAREWS_OK && is_open ? ENDED_WELL : is_open ? ENDED_BADLY : ENDED_EARLY;
            break;
        }
        if (event.kind == BAREWS_EVENT_RESPONSE) {
            if (!accept_response(&offer, retry_after)) {
                break;
            }
            is_open = barews_client_state(&session) == BAREWS_STATE_OPEN;
            if (is_open) {
                barews_reconnect_on_open(reconnect, now_ms());
                if (!task->echoes && !task->kept && !send_next(task)) {
                    break;
                }
            }
        } else if (event.kind == BAREWS_EVENT_DATA) {
            receive(task, &event);
        } else if (event.kind == BAREWS_EVENT_FAILED && !task->echoes) {
            fprintf(stderr, "client_posix: %s\n", barews_error_name(event.error));
        } else if (event.kind == BAREWS_EVENT_NONE && wait_for(POLLIN, barews_client_poll_timeout(&session)) > 0) {
            ssize_t len = recv(fd, rx, sizeof rx, 0);
            if (len > 0) {
                start = 0;
                end = (size_t)len;
            } else if (len == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
                barews_client_receive_eof(&session, now_ms());
            }
        }
    }
    close(fd);
    return outcome;
}

/* Runs one connection, and tries again if the server cannot be reached. */
static enum outcome run(const char *url, struct task *task, int attempts) {
    barews_reconnect reconnect;
    barews_reconnect_init(&reconnect, NULL);
    for (;;) {
        uint32_t retry_after = 0, random;
        enum outcome outcome = talk(url, task, &reconnect, &retry_after);
        if (outcome != ENDED_EARLY || --attempts <= 0) {
            return outcome;
        }
        fill_random(NULL, (uint8_t *)&random, sizeof random);
        uint64_t now = now_ms();
        uint64_t at = barews_reconnect_on_end(&reconnect, now, random, (uint64_t)retry_after * 1000);
        fprintf(stderr, "client_posix: connecting again in %u ms\n", (unsigned)(at - now));
        fd = -1; /* poll ignores it, so this only waits */
        while (now_ms() < at) {
            wait_for(0, at);
        }
    }
}

/* Runs the cases of the suite. */
static int autobahn(const char *suite) {
    char url[512];
    struct task count = {.kept = kept};
    snprintf(url, sizeof url, "%s/getCaseCount", suite);
    if (run(url, &count, 1) != ENDED_WELL) {
        return 1;
    }
    int cases = atoi(kept);
    for (int n = 1; n <= cases; n++) {
        struct task echoes = {.echoes = true};
        snprintf(url, sizeof url, "%s/runCase?case=%d&agent=barews", suite, n);
        run(url, &echoes, 1); /* the suite has the result, and provokes errors */
    }
    struct task update = {.kept = kept};
    snprintf(url, sizeof url, "%s/updateReports?agent=barews", suite);
    return run(url, &update, 1) == ENDED_WELL && cases > 0 ? 0 : 1;
}

int main(int argc, char **argv) {
    if (barews_client_size() != sizeof(barews_client)) {
        fprintf(stderr, "client_posix: the header and the library do not belong together\n");
        return 1;
    }
    if (argc == 3 && !strcmp(argv[1], "--autobahn")) {
        return autobahn(argv[2]);
    }
    if (argc < 2 || argv[1][0] == '-') {
        fprintf(stderr, "usage: client_posix URL [MESSAGE]... | client_posix --autobahn URL\n");
        return 2;
    }
    struct task task = {.messages = argv + 2, .messages_len = argc - 2};
    return run(argv[1], &task, ATTEMPTS) == ENDED_WELL ? 0 : 1;
}
