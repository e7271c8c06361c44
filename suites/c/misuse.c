/* Calls the C interface as a program should not, and with hostile input. Built with sanitizers and run by `run`, also under
 * valgrind. Prints the line of a check that fails.
 *
 *     misuse [ROUNDS]
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "barews.h"

#define CHECK(what)                                                                                                         \
    do {                                                                                                                    \
        if (!(what)) {                                                                                                      \
            fprintf(stderr, "misuse.c:%d: %s\n", __LINE__, #what);                                                          \
            exit(1);                                                                                                        \
        }                                                                                                                   \
    } while (0)

static const char REQUEST[] = "GET /room HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Protocol: a, chat\r\nCookie: id=7\r\n"
                              "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

static barews_server_config config;

static void fill(void *context, uint8_t *bytes, size_t len) {
    memset(bytes, *(const int *)context, len);
}

static int seven = 7;

static uint64_t next_random(uint64_t *state) {
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

/* A server whose connection is open. The memory of all that is not initialised comes from malloc, filled by the caller. */
static void open_server(barews_server *server, uint8_t *storage, size_t len) {
    char request[sizeof REQUEST];
    uint8_t out[512];
    barews_event event;
    memcpy(request, REQUEST, sizeof REQUEST);
    CHECK(barews_server_init(server, &config, storage, len, NULL, 0) == BAREWS_OK);
    CHECK(barews_server_receive(server, (uint8_t *)request, sizeof REQUEST - 1, 0, &event) == sizeof REQUEST - 1);
    CHECK(event.kind == BAREWS_EVENT_REQUEST);
    CHECK(barews_server_accept(server, NULL, NULL) == BAREWS_OK);
    while (barews_server_poll_transmit(server, out, sizeof out) > 0) {
    }
    CHECK(barews_server_state(server) == BAREWS_STATE_OPEN);
}

/* Every call with an object that is null, or was not initialised, is an error. */
static void not_initialised(void) {
    static barews_server zeros, ones;
    memset(&ones, 0xFF, sizeof ones);
    barews_server *servers[] = {NULL, &zeros, &ones, (barews_server *)((char *)&zeros + 1)};
    for (size_t n = 0; n < sizeof servers / sizeof *servers; n++) {
        barews_server *server = servers[n];
        uint8_t bytes[64] = {0}, out[256];
        size_t written;
        barews_event event;
        barews_request request;
        barews_str value;
        event.kind = BAREWS_EVENT_DATA;
        CHECK(barews_server_receive(server, bytes, sizeof bytes, 0, &event) == 0);
        CHECK(event.kind == BAREWS_EVENT_OVER && event.error == BAREWS_ERR_ARGUMENT);
        CHECK(barews_server_receive_eof(server, 0) == BAREWS_ERR_ARGUMENT);
        CHECK(barews_server_poll_transmit(server, out, sizeof out) == 0);
        CHECK(barews_server_poll_timeout(server) == BAREWS_NEVER);
        CHECK(barews_server_transport(server) == BAREWS_TRANSPORT_CLOSE);
        CHECK(barews_server_state(server) == BAREWS_STATE_CONNECTING);
        CHECK(!barews_server_is_due(server) && !barews_server_is_clean(server));
        CHECK(barews_server_error(server) == BAREWS_ERR_ARGUMENT);
        CHECK(barews_server_close_code(server) == 0 && barews_server_close_reason(server).len == 0);
        CHECK(!barews_server_request(server, &request));
        CHECK(!barews_server_request_field(server, BAREWS_STR("cookie"), 0, &value));
        CHECK(barews_server_accept(server, NULL, NULL) == BAREWS_ERR_ARGUMENT);
        CHECK(barews_server_respond(server, 200, NULL, 0, NULL, 0) == BAREWS_ERR_ARGUMENT);
        CHECK(barews_server_refuse(server, BAREWS_ERR_HANDSHAKE_ORIGIN) == BAREWS_ERR_ARGUMENT);
        CHECK(barews_server_fail(server, BAREWS_ERR_INVALID_UTF8) == BAREWS_ERR_ARGUMENT);
        CHECK(barews_server_mask_payload(server, bytes, 4, 0) == BAREWS_ERR_ARGUMENT);
        CHECK(barews_server_write_message(server, BAREWS_TEXT, bytes, 4, 0, out, sizeof out, &written) ==
              BAREWS_ERR_ARGUMENT);
        CHECK(barews_server_begin_frame(server, BAREWS_TEXT, true, 0, 4, 0, out, sizeof out, &written) ==
              BAREWS_ERR_ARGUMENT);
        CHECK(barews_server_write_close(server, 1000, BAREWS_STR(""), 0, out, sizeof out, &written) == BAREWS_ERR_ARGUMENT);
    }
    barews_server fresh;
    barews_server_config empty;
    uint8_t storage[64];
    memset(&empty, 0, sizeof empty);
    memset(&fresh, 0, sizeof fresh);
    CHECK(barews_server_init(&fresh, NULL, storage, sizeof storage, NULL, 0) == BAREWS_ERR_ARGUMENT);
    CHECK(barews_server_init(&fresh, &empty, storage, sizeof storage, NULL, 0) == BAREWS_ERR_ARGUMENT);
    CHECK(barews_server_init(NULL, &config, storage, sizeof storage, NULL, 0) == BAREWS_ERR_ARGUMENT);
    CHECK(barews_server_init(&fresh, &config, NULL, 1, NULL, 0) == BAREWS_ERR_ARGUMENT);
    CHECK(barews_server_init(&fresh, &config, (uint8_t *)&fresh, 8, NULL, 0) == BAREWS_ERR_OVERLAP);
    CHECK(barews_server_error(&fresh) == BAREWS_ERR_ARGUMENT);
    /* Null with length 0 is fine: the session has no storage. */
    barews_event event;
    uint8_t byte[] = {'G'};
    CHECK(barews_server_init(&fresh, &config, NULL, 0, NULL, 0) == BAREWS_OK);
    barews_server_receive(&fresh, byte, 1, 0, &event);
    CHECK(event.kind == BAREWS_EVENT_FAILED && event.error == BAREWS_ERR_HANDSHAKE_NO_STORAGE);
    CHECK(barews_error_fault(event.error) == BAREWS_FAULT_HOST);
}

/* Settings that are wrong. */
static void wrong_settings(void) {
    barews_server_settings settings;
    barews_server_config made;
    barews_server_settings_init(&settings);
    CHECK(barews_server_config_init(&made, &settings) == BAREWS_ERR_ARGUMENT); /* no origin policy */
    settings.origin = 77;
    CHECK(barews_server_config_init(&made, &settings) == BAREWS_ERR_ARGUMENT);
    settings.origin = BAREWS_ORIGIN_ANY;
    CHECK(barews_server_config_init(NULL, &settings) == BAREWS_ERR_ARGUMENT);
    CHECK(barews_server_config_init(&made, NULL) == BAREWS_ERR_ARGUMENT);
    settings.keep_len = 1;
    CHECK(barews_server_config_init(&made, &settings) == BAREWS_ERR_ARGUMENT); /* a null list with a length */
    barews_str names[] = {{"\xFF", 1}, {NULL, 3}, {NULL, 0}};
    for (size_t n = 0; n < 3; n++) {
        settings.keep = names + n;
        CHECK(barews_server_config_init(&made, &settings) == BAREWS_ERR_ARGUMENT);
    }
    settings.keep_len = (size_t)-1;
    CHECK(barews_server_config_init(&made, &settings) == BAREWS_ERR_ARGUMENT);

    barews_client client;
    barews_client_config plain;
    barews_client_request request = {0};
    barews_key_source keys = {fill, &seven}, none = {NULL, NULL};
    uint8_t storage[512];
    CHECK(barews_client_config_init(&plain, NULL) == BAREWS_OK);
    CHECK(barews_client_init(&client, &plain, &request, &keys, storage, sizeof storage, NULL, 0) == BAREWS_ERR_URI_SCHEME);
    request.uri = BAREWS_STR("ws://x/\xFF");
    CHECK(barews_client_init(&client, &plain, &request, &keys, storage, sizeof storage, NULL, 0) == BAREWS_ERR_ARGUMENT);
    request.uri = BAREWS_STR("ws://x/");
    CHECK(barews_client_init(&client, &plain, NULL, &keys, storage, sizeof storage, NULL, 0) == BAREWS_ERR_ARGUMENT);
    CHECK(barews_client_init(&client, &plain, &request, NULL, storage, sizeof storage, NULL, 0) == BAREWS_ERR_ARGUMENT);
    CHECK(barews_client_init(&client, &plain, &request, &none, storage, sizeof storage, NULL, 0) == BAREWS_ERR_ARGUMENT);
    CHECK(barews_client_init(&client, &plain, &request, &keys, storage, 8, NULL, 0) == BAREWS_ERR_BUFFER_TOO_SMALL);
    CHECK(barews_client_error(&client) == BAREWS_ERR_ARGUMENT); /* not initialised */
    CHECK(barews_client_init(&client, &plain, &request, &keys, storage, sizeof storage, NULL, 0) == BAREWS_OK);
    CHECK(barews_client_connect(&client, &keys, NULL) == BAREWS_ERR_BUILD_NOT_NOW);
}

/* Output and input that overlap, or are too small. */
static void wrong_memory(void) {
    barews_server server;
    uint8_t storage[1024], bytes[256];
    size_t written = 99;
    open_server(&server, storage, sizeof storage);
    memset(bytes, 'x', sizeof bytes);
    CHECK(barews_server_write_message(&server, BAREWS_TEXT, bytes, 10, 0, bytes + 5, 64, &written) == BAREWS_ERR_OVERLAP);
    CHECK(barews_server_write_message(&server, BAREWS_TEXT, bytes, 10, 0, (uint8_t *)&server, 64, &written) ==
          BAREWS_ERR_OVERLAP);
    CHECK(barews_server_write_message(&server, BAREWS_TEXT, bytes, 10, 0, (uint8_t *)&written, 64, &written) ==
          BAREWS_ERR_OVERLAP);
    CHECK(barews_server_write_message(&server, BAREWS_TEXT, bytes, 10, 0, bytes + 64, 64, NULL) == BAREWS_ERR_ARGUMENT);
    CHECK(barews_server_write_message(&server, BAREWS_TEXT, NULL, 10, 0, bytes + 64, 64, &written) == BAREWS_ERR_ARGUMENT);
    CHECK(barews_server_write_message(&server, 9, bytes, 10, 0, bytes + 64, 64, &written) == BAREWS_ERR_ARGUMENT);
    bytes[3] = 0xFF;
    CHECK(barews_server_write_message(&server, BAREWS_TEXT, bytes, 10, 0, bytes + 64, 64, &written) == BAREWS_ERR_ARGUMENT);
    CHECK(barews_server_write_message(&server, BAREWS_BINARY, bytes, 10, 0, bytes + 64, 11, &written) ==
              BAREWS_ERR_BUFFER_TOO_SMALL &&
          written == 12);
    CHECK(barews_server_write_message(&server, BAREWS_BINARY, bytes, 10, 0, bytes + 64, 12, &written) == BAREWS_OK &&
          written == 12);
    CHECK(barews_server_begin_frame(&server, BAREWS_BINARY, true, 0, 10, 0, bytes, 13, &written) ==
              BAREWS_ERR_BUFFER_TOO_SMALL &&
          written == 14);
    CHECK(barews_server_begin_frame(&server, BAREWS_BINARY, true, 4, 10, 0, bytes, 14, &written) == BAREWS_ERR_SEND_RESERVED);
    CHECK(barews_server_begin_frame(&server, BAREWS_BINARY, true, 0, 10, 0, bytes, 14, &written) == BAREWS_OK);
    CHECK(barews_server_mask_payload(&server, bytes, 11, 0) == BAREWS_ERR_SEND_PAYLOAD_TOO_LONG);
    CHECK(barews_server_write_ping(&server, NULL, 0, 0, bytes, 64, &written) == BAREWS_ERR_SEND_FRAME_IN_PROGRESS);
    CHECK(barews_server_mask_payload(&server, bytes, 10, 0) == BAREWS_OK);
    CHECK(barews_server_write_ping(&server, bytes, 126, 0, bytes + 128, 128, &written) == BAREWS_ERR_SEND_PAYLOAD_TOO_LONG);
    CHECK(barews_server_write_close(&server, 1006, BAREWS_STR(""), 0, bytes, 64, &written) == BAREWS_ERR_SEND_CLOSE_CODE);

    union {
        barews_event event;
        uint8_t bytes[256];
    } both;
    memset(&both, 0, sizeof both);
    CHECK(barews_server_receive(&server, both.bytes, sizeof both.bytes, 0, &both.event) == 0);
    CHECK(both.event.kind == BAREWS_EVENT_OVER && both.event.error == BAREWS_ERR_OVERLAP);
    CHECK(barews_server_receive(&server, (uint8_t *)&server, 8, 0, &both.event) == 0);
    CHECK(both.event.error == BAREWS_ERR_OVERLAP);
    CHECK(barews_server_receive(&server, bytes, 8, 0, NULL) == 0);
    CHECK(barews_server_receive(&server, NULL, 8, 0, &both.event) == 0 && both.event.error == BAREWS_ERR_ARGUMENT);
    CHECK(barews_server_mask_payload(&server, NULL, 8, 0) == BAREWS_ERR_ARGUMENT);
    CHECK(barews_server_receive(&server, NULL, 0, 0, &both.event) == 0 && both.event.kind == BAREWS_EVENT_NONE);
    CHECK(barews_server_receive(&server, bytes, 8, 0, (barews_event *)&server) == 0);
    CHECK(barews_server_state(&server) == BAREWS_STATE_OPEN); /* unharmed */
    CHECK(barews_server_fail(&server, BAREWS_OK) == BAREWS_ERR_ARGUMENT);
    CHECK(barews_server_fail(&server, BAREWS_ERR_MESSAGE_TOO_BIG) == BAREWS_OK);
    CHECK(barews_server_poll_transmit(&server, bytes, 3) == 0);
    CHECK(barews_server_poll_transmit(&server, (uint8_t *)&server, 131) == 0);
    CHECK(barews_server_poll_transmit(&server, NULL, 0) == 0 && barews_server_poll_transmit(&server, NULL, 9) == 0);
    CHECK(barews_server_poll_transmit(&server, bytes, 131) == 4 && !memcmp(bytes, "\x88\x02\x03\xF1", 4));
    for (int n = 0; n < 3; n++) { /* again after the error */
        barews_event event;
        uint8_t more[] = {0x81, 0x80, 0, 0, 0, 0};
        barews_server_receive(&server, more, sizeof more, 0, &event);
        CHECK(event.kind != BAREWS_EVENT_DATA);
    }
    CHECK(barews_server_error(&server) == BAREWS_ERR_MESSAGE_TOO_BIG);

    uint8_t *lent;
    size_t lent_len;
    CHECK(barews_server_take_storage(&server, &lent, &lent_len) && lent == storage && lent_len == sizeof storage);
}

/* Random bytes, as a whole and cut, with random calls between them. Nothing must go wrong; what comes back is plausible. */
static void hostile(uint64_t *random, int rounds) {
    for (int round = 0; round < rounds; round++) {
        barews_server *server = malloc(sizeof *server);
        uint8_t *storage = malloc(512), *memory = malloc(300), *window = malloc(32768), *pieces = malloc(64);
        barews_message_buffer messages;
        barews_inflater *inflater = malloc(sizeof *inflater);
        barews_deflate_direction direction = {15, 0};
        CHECK(server && storage && memory && window && pieces && inflater);
        CHECK(barews_message_buffer_init(&messages, memory, 300) == BAREWS_OK);
        CHECK(barews_inflater_init(inflater, direction, window, 32767, 4096, pieces, 64) == BAREWS_ERR_BUFFER_TOO_SMALL);
        CHECK(barews_inflater_init(inflater, direction, window, 32768, 4096, pieces, 64) == BAREWS_OK);
        bool is_open = next_random(random) % 4 != 0;
        if (is_open) {
            open_server(server, storage, 512);
        } else {
            CHECK(barews_server_init(server, &config, storage, next_random(random) % 512, NULL, 0) == BAREWS_OK);
        }
        bool is_over = false;
        for (int turn = 0; turn < 20 && !is_over; turn++) {
            size_t len = next_random(random) % 200;
            uint8_t *bytes = malloc(len ? len : 1);
            CHECK(bytes);
            for (size_t n = 0; n < len; n++) {
                bytes[n] = (uint8_t)next_random(random);
            }
            if (is_open && len > 6 && next_random(random) % 8) {
                static const uint8_t first[] = {0x81, 0x82, 0x01, 0x80, 0x89, 0x8A, 0x88, 0xC1};
                bytes[0] = first[next_random(random) % sizeof first];
                bytes[1] = (uint8_t)(0x80 | (next_random(random) % 2 ? len - 6 : bytes[1]));
            } else if (!is_open && len > 20) {
                memcpy(bytes, REQUEST, len < sizeof REQUEST ? len : sizeof REQUEST);
                bytes[len - 1] = (uint8_t)next_random(random);
            }
            for (size_t at = 0;;) {
                barews_event event;
                size_t took = barews_server_receive(server, bytes + at, len - at, (uint64_t)turn, &event);
                CHECK(took <= len - at);
                at += took;
                if (event.kind == BAREWS_EVENT_NONE) {
                    break;
                }
                if (event.kind == BAREWS_EVENT_OVER) {
                    is_over = true;
                    break;
                }
                if (event.kind == BAREWS_EVENT_REQUEST) {
                    CHECK(barews_server_respond(server, (uint16_t)next_random(random), NULL, 0, NULL, 0) == BAREWS_OK ||
                          barews_server_refuse(server, BAREWS_ERR_HANDSHAKE_ORIGIN) == BAREWS_OK);
                }
                if (event.kind == BAREWS_EVENT_DATA) {
                    CHECK(event.payload >= bytes && event.payload + event.len <= bytes + at);
                    barews_event piece;
                    barews_message message;
                    barews_error error;
                    while ((error = barews_inflater_inflate(inflater, &event, &piece)) == BAREWS_OK &&
                           piece.kind == BAREWS_EVENT_DATA) {
                        error = barews_message_buffer_push(&messages, &piece, &message);
                        if (error != BAREWS_OK) {
                            break;
                        }
                        CHECK(!message.is_complete || message.len <= 300 || message.payload < memory ||
                              message.payload > memory + 300);
                    }
                    if (error != BAREWS_OK) {
                        CHECK(barews_server_fail(server, error) == BAREWS_OK);
                    }
                }
                uint8_t out[BAREWS_MAX_CONTROL_FRAME];
                CHECK(barews_server_poll_transmit(server, out, next_random(random) % sizeof out) <= sizeof out);
            }
            free(bytes);
        }
        barews_event event;
        barews_server_receive_eof(server, 20);
        for (int n = 0; n < 4; n++) {
            barews_server_receive(server, NULL, 0, 1000000 * (uint64_t)n, &event);
        }
        free(inflater);
        free(pieces);
        free(window);
        free(memory);
        free(storage);
        free(server);
    }
}

/* Deflated messages come back, in any pieces; a client and a server agree. */
static void deflate_round_trip(uint64_t *random) {
    barews_deflate_direction direction = {10, 0};
    size_t window_len = barews_deflate_window_size(direction), memory_len = barews_deflater_memory(BAREWS_LEVEL_SMALL, direction);
    uint8_t *window = malloc(window_len), *memory = malloc(memory_len), body[3000], back[3000], pieces[100];
    uint8_t out[3200], scratch[3200];
    barews_inflater *inflater = malloc(sizeof *inflater);
    barews_deflater deflater;
    barews_message_buffer messages;
    size_t written;
    CHECK(window && memory && inflater && window_len == 1024 && memory_len >= 1024);
    CHECK(barews_inflater_init(inflater, direction, window, window_len, UINT64_MAX, pieces, sizeof pieces) == BAREWS_OK);
    CHECK(barews_deflater_init(&deflater, 9, direction, memory, memory_len, 0) == BAREWS_ERR_ARGUMENT);
    CHECK(barews_deflater_init(&deflater, BAREWS_LEVEL_SMALL, direction, memory, memory_len - 1, 0) ==
          BAREWS_ERR_BUFFER_TOO_SMALL);
    CHECK(barews_deflater_init(&deflater, BAREWS_LEVEL_SMALL, direction, memory, memory_len, 0) == BAREWS_OK);
    CHECK(barews_message_buffer_init(&messages, back, sizeof back) == BAREWS_OK);
    for (int round = 0; round < 200; round++) {
        size_t len = next_random(random) % sizeof body;
        uint8_t mask = round % 2 ? 0x0F : 0xFF;
        for (size_t n = 0; n < len; n++) {
            body[n] = (uint8_t)next_random(random) & mask;
        }
        CHECK(barews_deflater_deflate_part(&deflater, body, len, true, body, sizeof body, &written) ==
              (len ? BAREWS_ERR_OVERLAP : BAREWS_OK));
        if (len == 0) {
            continue;
        }
        if (barews_deflater_deflate_part(&deflater, body, len, true, out, 5, &written) == BAREWS_ERR_BUFFER_TOO_SMALL) {
            CHECK(written > 5 && written <= sizeof out);
            CHECK(barews_deflater_deflate_part(&deflater, body, len, true, out, written, &written) == BAREWS_OK);
        }
        memcpy(scratch, out, written);
        barews_event chunk = {0}, piece;
        chunk.kind = BAREWS_EVENT_DATA;
        chunk.opcode = BAREWS_BINARY;
        chunk.rsv = BAREWS_RSV1;
        chunk.first = chunk.last = true;
        chunk.payload = scratch;
        chunk.len = written;
        barews_message message = {0};
        for (;;) {
            CHECK(barews_inflater_inflate(inflater, &chunk, &piece) == BAREWS_OK);
            if (piece.kind == BAREWS_EVENT_NONE) {
                break;
            }
            CHECK(barews_message_buffer_push(&messages, &piece, &message) == BAREWS_OK);
        }
        CHECK(message.is_complete && message.len == len && !memcmp(message.payload, body, len));
    }
    free(inflater);
    free(memory);
    free(window);
}

static void *run_hostile(void *seed) {
    hostile(seed, 50);
    return NULL;
}

int main(int argc, char **argv) {
    barews_server_settings settings;
    barews_str keep[] = {BAREWS_STR("cookie")}, subprotocols[] = {BAREWS_STR("chat")};
    uint64_t random = 88172645463325252u;
    barews_server_settings_init(&settings);
    settings.origin = BAREWS_ORIGIN_ANY;
    settings.keep = keep;
    settings.keep_len = 1;
    settings.subprotocols = subprotocols;
    settings.subprotocols_len = 1;
    CHECK(barews_server_config_init(&config, &settings) == BAREWS_OK);
    CHECK(barews_server_size() == sizeof(barews_server) && barews_client_size() == sizeof(barews_client));
    CHECK(barews_server_connection_size() == sizeof(barews_server_connection));
    CHECK(barews_client_connection_size() == sizeof(barews_client_connection));

    not_initialised();
    wrong_settings();
    wrong_memory();
    deflate_round_trip(&random);
    hostile(&random, argc > 1 ? atoi(argv[1]) : 2000);
    uint64_t seeds[] = {1, 2};
    pthread_t threads[2];
    for (int n = 0; n < 2; n++) {
        CHECK(!pthread_create(&threads[n], NULL, run_hostile, &seeds[n]));
    }
    for (int n = 0; n < 2; n++) {
        pthread_join(threads[n], NULL);
    }
    printf("misuse: all checks passed\n");
    return 0;
}
