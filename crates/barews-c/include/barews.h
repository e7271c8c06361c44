/* barews: WebSocket (RFC 6455) for C and C++, client and server, without heap, sockets, clock or threads.
 *
 * This file is generated: `BAREWS_BLESS=1 cargo test -p barews-c --test header` writes it.
 *
 * THE RULES, which hold for every function here
 *
 * 1. Memory. The caller provides all of it. An object (barews_server, barews_client, ...) is an opaque array of words. Its
 *    `_init` function makes it one; before that, and after a failed `_init`, every call with it is an error. An object must
 *    not be copied or moved. It needs no destructor: stop using it, and the memory is free. What an `_init` function takes as
 *    storage, window, memory or configuration belongs to the object until it is not used any more.
 * 2. Pointers. A pointer is null or points to memory of the stated size that is valid during the call. Null with length 0 is
 *    fine; null with another length is BAREWS_ERR_ARGUMENT, as is an object that was not initialised. Input and output must
 *    be apart from each other and from the object, or the call fails with BAREWS_ERR_OVERLAP. Output can be uninitialised.
 * 3. Failure. A function that fails with BAREWS_ERR_ARGUMENT, BAREWS_ERR_OVERLAP or BAREWS_ERR_BUFFER_TOO_SMALL has changed
 *    nothing. No function blocks, allocates, prints, throws or ends the program.
 * 4. Threads. There is no global state. Different objects can be used in different threads at once; one object by one thread
 *    at a time, and not from an interrupt while it is in use.
 * 5. Text is UTF-8 with a length, without a NUL. Time is a count of ticks that never runs backwards, of any unit; the default
 *    timeouts are milliseconds.
 * 6. Structures to be filled (barews_config, ...) have an `_init` function that sets the defaults. Call it first: a later
 *    version can add fields. barews_accept and barews_client_request begin as all zeros.
 *
 * THE LIFE OF A SESSION: barews_server_init or barews_client_init; then in a loop barews_..._poll_transmit until it returns 0,
 * barews_..._transport, barews_..._receive until there is no event, and waiting until barews_..._poll_timeout; until
 * BAREWS_EVENT_OVER. GUIDE.md has the details.
 */

#ifndef BAREWS_H
#define BAREWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if UINTPTR_MAX > 0xFFFFFFFFu
#define BAREWS_64
#else
#define BAREWS_32
#endif

/* A barews_str of a string literal. */
#ifdef __cplusplus
#define BAREWS_STR(literal) (barews_str{"" literal "", sizeof(literal) - 1})
#else
#define BAREWS_STR(literal) ((barews_str){"" literal "", sizeof(literal) - 1})
#endif

/**
 * No time: a timeout that is switched off, a deadline that is not set, a round trip that is not known.
 */
#define BAREWS_NEVER 18446744073709551615ull

/**
 * The most bytes of a frame's header.
 */
#define BAREWS_MAX_HEADER 14

/**
 * The most bytes of a control frame: an output of this size holds each.
 */
#define BAREWS_MAX_CONTROL_FRAME 131

/**
 * The most bytes of payload in a control frame.
 */
#define BAREWS_MAX_CONTROL_PAYLOAD 125

#if defined(BAREWS_64)
/**
 * The size of `barews_server_config` in words of 8 bytes.
 */
#define BAREWS_SERVER_CONFIG_WORDS 10
#endif

#if defined(BAREWS_32)
/**
 * The size of `barews_server_config` in words of 8 bytes.
 */
#define BAREWS_SERVER_CONFIG_WORDS 6
#endif

#if defined(BAREWS_64)
/**
 * The size of `barews_client_config` in words of 8 bytes.
 */
#define BAREWS_CLIENT_CONFIG_WORDS 9
#endif

#if defined(BAREWS_32)
/**
 * The size of `barews_client_config` in words of 8 bytes.
 */
#define BAREWS_CLIENT_CONFIG_WORDS 5
#endif

#if defined(BAREWS_64)
/**
 * The size of `barews_server` in words of 8 bytes.
 */
#define BAREWS_SERVER_WORDS 68
#endif

#if defined(BAREWS_32)
/**
 * The size of `barews_server` in words of 8 bytes.
 */
#define BAREWS_SERVER_WORDS 58
#endif

#if defined(BAREWS_64)
/**
 * The size of `barews_server_connection` in words of 8 bytes.
 */
#define BAREWS_SERVER_CONNECTION_WORDS 30
#endif

#if defined(BAREWS_32)
/**
 * The size of `barews_server_connection` in words of 8 bytes.
 */
#define BAREWS_SERVER_CONNECTION_WORDS 30
#endif

#if defined(BAREWS_64)
/**
 * The size of `barews_client` in words of 8 bytes.
 */
#define BAREWS_CLIENT_WORDS 68
#endif

#if defined(BAREWS_32)
/**
 * The size of `barews_client` in words of 8 bytes.
 */
#define BAREWS_CLIENT_WORDS 58
#endif

#if defined(BAREWS_64)
/**
 * The size of `barews_client_connection` in words of 8 bytes.
 */
#define BAREWS_CLIENT_CONNECTION_WORDS 32
#endif

#if defined(BAREWS_32)
/**
 * The size of `barews_client_connection` in words of 8 bytes.
 */
#define BAREWS_CLIENT_CONNECTION_WORDS 30
#endif

#if defined(BAREWS_64)
/**
 * The size of `barews_message_buffer` in words of 8 bytes.
 */
#define BAREWS_MESSAGE_BUFFER_WORDS 4
#endif

#if defined(BAREWS_32)
/**
 * The size of `barews_message_buffer` in words of 8 bytes.
 */
#define BAREWS_MESSAGE_BUFFER_WORDS 3
#endif

#if defined(BAREWS_64)
/**
 * The size of `barews_receive_buffer` in words of 8 bytes.
 */
#define BAREWS_RECEIVE_BUFFER_WORDS 10
#endif

#if defined(BAREWS_32)
/**
 * The size of `barews_receive_buffer` in words of 8 bytes.
 */
#define BAREWS_RECEIVE_BUFFER_WORDS 6
#endif

/**
 * The size of `barews_deadlines` in words of 8 bytes.
 */
#define BAREWS_DEADLINES_WORDS 13

/**
 * The size of `barews_reconnect` in words of 8 bytes.
 */
#define BAREWS_RECONNECT_WORDS 7

/**
 * The size of `barews_ticks` in words of 8 bytes.
 */
#define BAREWS_TICKS_WORDS 2

#if defined(BAREWS_64)
/**
 * The size of `barews_tunnel` in words of 8 bytes.
 */
#define BAREWS_TUNNEL_WORDS 14
#endif

#if defined(BAREWS_32)
/**
 * The size of `barews_tunnel` in words of 8 bytes.
 */
#define BAREWS_TUNNEL_WORDS 9
#endif

/**
 * The reserved bit of compressed messages, for `barews_config.extension_rsv`, `barews_event.rsv` and
 * `barews_server_begin_frame`.
 */
#define BAREWS_RSV1 4

/**
 * The most bytes that `barews_server_accept_deflate` writes.
 */
#define BAREWS_MAX_DEFLATE_RESPONSE 128

/**
 * The most offers of a client.
 */
#define BAREWS_MAX_DEFLATE_OFFERS 4

#if defined(BAREWS_64)
/**
 * The size of `barews_inflater` in words of 8 bytes.
 */
#define BAREWS_INFLATER_WORDS 312
#endif

#if defined(BAREWS_32)
/**
 * The size of `barews_inflater` in words of 8 bytes.
 */
#define BAREWS_INFLATER_WORDS 214
#endif

#if defined(BAREWS_64)
/**
 * The size of `barews_deflater` in words of 8 bytes.
 */
#define BAREWS_DEFLATER_WORDS 8
#endif

#if defined(BAREWS_32)
/**
 * The size of `barews_deflater` in words of 8 bytes.
 */
#define BAREWS_DEFLATER_WORDS 6
#endif

/**
 * `BAREWS_OK`, or what is wrong: one of `BAREWS_ERR_...`. A later version can add some.
 */
typedef uint16_t barews_error;

/**
 * Whose fault an error is: one of `BAREWS_FAULT_...`.
 */
typedef uint8_t barews_fault;

/**
 * What a host sets for a connection. Where a function takes it, null means the defaults.
 */
typedef struct barews_config {
    /**
     * The longest payload of a received data frame, in bytes; above it the connection fails with 1009. Default 16 MiB.
     */
    uint64_t max_frame_size;
    /**
     * The longest received message, in bytes over all its fragments; above it the connection fails with 1009. Default
     * 64 MiB. No message is stored here: a host that handles chunks as they come can set `UINT64_MAX`.
     */
    uint64_t max_message_size;
    /**
     * The most frames in a received message; above it the connection fails with 1008. Default 2^20.
     */
    uint32_t max_fragments;
    /**
     * The reserved opcodes that a negotiated extension defines: bit n for opcode n. Default none.
     */
    uint16_t extension_opcodes;
    /**
     * The reserved bits that a negotiated extension defines for data frames: 4 for RSV1, 2 for RSV2, 1 for RSV3. Default
     * none. Text whose first frame has one of them set is not checked for UTF-8.
     */
    uint8_t extension_rsv;
} barews_config;

/**
 * How long the host waits for what, in ticks of its clock: milliseconds, if it takes the defaults. `BAREWS_NEVER`
 * switches one off. Where a function takes it, null means the defaults.
 */
typedef struct barews_timeouts {
    /**
     * For the opening handshake, from the start of the transport. Default 10 s.
     */
    uint64_t handshake;
    /**
     * For a data message from either side. Default `BAREWS_NEVER`.
     */
    uint64_t idle;
    /**
     * For bytes from the peer. Then a Ping is due. 0 counts as 1. Default 20 s.
     */
    uint64_t ping;
    /**
     * For the Pong or any other bytes after that Ping. 0 counts as 1. Default 20 s.
     */
    uint64_t pong;
    /**
     * For the peer's Close frame, and for the end of the transport. Default 5 s.
     */
    uint64_t closing;
} barews_timeouts;

/**
 * A string: pointer and length, without a NUL at its end. Text that the caller passes must be UTF-8.
 *
 * In a list, `data` must not be null, also if `len` is 0. `BAREWS_STR("literal")` makes one.
 */
typedef struct barews_str {
    /**
     * The first byte.
     */
    const char *data;
    /**
     * The number of bytes.
     */
    size_t len;
} barews_str;

/**
 * Which web pages may connect: one of `BAREWS_ORIGIN_...`. Browsers let any page open a WebSocket to any host, with the
 * user's cookies. A program that is no browser can send any origin, or none; a request without one is accepted.
 */
typedef uint8_t barews_origin_policy;

/**
 * What a server sets for its handshakes. The lists and what they point to must stay as long as the configuration that is
 * made of them.
 */
typedef struct barews_server_settings {
    /**
     * The origins for `BAREWS_ORIGIN_LIST` and `BAREWS_ORIGIN_SAME_OR_LIST`.
     */
    const struct barews_str *origins;
    /**
     * The number of origins.
     */
    size_t origins_len;
    /**
     * The subprotocols that the server supports, most preferred first.
     */
    const struct barews_str *subprotocols;
    /**
     * The number of subprotocols.
     */
    size_t subprotocols_len;
    /**
     * The names, in any case, of fields to keep for the host, such as `cookie` or `authorization`.
     */
    const struct barews_str *keep;
    /**
     * The number of names.
     */
    size_t keep_len;
    /**
     * The most bytes of a head, all of them counted. Default 16 KiB.
     */
    size_t max_head_size;
    /**
     * The most fields of a head, whether they matter or not. Default 100.
     */
    size_t max_fields;
    /**
     * Which web pages may connect. Default `BAREWS_ORIGIN_UNSET`: choose one.
     */
    barews_origin_policy origin;
} barews_server_settings;

/**
 * The configuration of a server's handshakes, which many sessions can share, also in several threads. It must outlive
 * them, and must not move.
 */
typedef struct barews_server_config {
    uint64_t words[BAREWS_SERVER_CONFIG_WORDS];
} barews_server_config;

/**
 * What a client sets for its handshakes and tunnels. The lists and strings must stay as long as the configuration that
 * is made of them.
 */
typedef struct barews_client_settings {
    /**
     * The subprotocols that the client supports, most preferred first, each once.
     */
    const struct barews_str *subprotocols;
    /**
     * The number of subprotocols.
     */
    size_t subprotocols_len;
    /**
     * The names, in any case, of response fields to keep for the host, such as `set-cookie`. Location,
     * WWW-Authenticate, Retry-After and Sec-WebSocket-Version are always kept.
     */
    const struct barews_str *keep;
    /**
     * The number of names.
     */
    size_t keep_len;
    /**
     * The value of Sec-WebSocket-Extensions, empty for none: the extensions that the client offers. See
     * `barews_deflate_offer`.
     */
    struct barews_str extensions;
    /**
     * The most bytes of a head, including interim responses before it. Default 16 KiB.
     */
    size_t max_head_size;
    /**
     * The most fields of a head, including interim responses before it. Default 100.
     */
    size_t max_fields;
} barews_client_settings;

/**
 * The configuration of a client's handshakes, which many sessions can share, also in several threads. It must outlive
 * them, and must not move.
 */
typedef struct barews_client_config {
    uint64_t words[BAREWS_CLIENT_CONFIG_WORDS];
} barews_client_config;

/**
 * A server's session: one WebSocket, from the first byte of the opening handshake to the end of the transport. The caller
 * provides the memory. It must not move after `barews_server_init`, and needs no destructor.
 */
typedef struct barews_server {
    uint64_t words[BAREWS_SERVER_WORDS];
} barews_server;

/**
 * A server's connection alone, for a host whose handshake is done elsewhere, and which keeps its own time. The caller
 * provides the memory.
 */
typedef struct barews_server_connection {
    uint64_t words[BAREWS_SERVER_CONNECTION_WORDS];
} barews_server_connection;

/**
 * A request. The strings are in the storage of the session: copy what you need when it is answered.
 */
typedef struct barews_request {
    /**
     * `GET` or `HEAD`.
     */
    struct barews_str method;
    /**
     * The path and the query, `/room?user=7` for example.
     */
    struct barews_str target;
    /**
     * The host, and the port if the client sent one.
     */
    struct barews_str host;
    /**
     * The origin of the page that connects; null if there is none.
     */
    struct barews_str origin;
    /**
     * The subprotocol that accepting chooses; null if there is none.
     */
    struct barews_str subprotocol;
    /**
     * Whether it asks for a WebSocket. If not, it asks for a page.
     */
    bool is_upgrade;
    /**
     * Whether `origin` is the same host and port as `host`.
     */
    bool is_same_origin;
} barews_request;

/**
 * A header field of HTTP.
 */
typedef struct barews_field {
    /**
     * The name.
     */
    struct barews_str name;
    /**
     * The value.
     */
    struct barews_str value;
} barews_field;

/**
 * Which subprotocol a server chooses: one of `BAREWS_SUBPROTOCOL_...`.
 */
typedef uint8_t barews_subprotocol;

/**
 * What a server adds to the response that accepts. All zeros are the default.
 */
typedef struct barews_accept {
    /**
     * The name for `BAREWS_SUBPROTOCOL_NAMED`.
     */
    struct barews_str subprotocol;
    /**
     * The value of Sec-WebSocket-Extensions, empty for none. See `barews_server_accept_deflate`.
     */
    struct barews_str extensions;
    /**
     * Fields to add.
     */
    const struct barews_field *fields;
    /**
     * The number of fields.
     */
    size_t fields_len;
    /**
     * Which subprotocol.
     */
    barews_subprotocol choice;
} barews_accept;

/**
 * What was received: one of `BAREWS_EVENT_...`. Ignore a kind that the program does not know.
 */
typedef uint8_t barews_event_kind;

/**
 * The kind of a message, which is the opcode of its first frame: `BAREWS_TEXT`, `BAREWS_BINARY`, or 3 to 7 for one of a
 * negotiated extension.
 */
typedef uint8_t barews_opcode;

/**
 * An event: what was received, or what happened.
 */
typedef struct barews_event {
    /**
     * Of data: in the buffer that was passed, where it was unmasked. Otherwise in the session or the connection: read it
     * before the next call, and do not change it.
     */
    uint8_t *payload;
    /**
     * The number of bytes at `payload`.
     */
    size_t len;
    /**
     * Of a Pong: the ticks since its Ping, or `BAREWS_NEVER`.
     */
    uint64_t round_trip;
    /**
     * Of `BAREWS_EVENT_FAILED` and `BAREWS_EVENT_OVER`; otherwise `BAREWS_OK`.
     */
    barews_error error;
    /**
     * Of a Close: its status code, or 0 if it has none.
     */
    uint16_t close_code;
    /**
     * What it is.
     */
    barews_event_kind kind;
    /**
     * Of data: the kind of the message.
     */
    barews_opcode opcode;
    /**
     * Of data: the reserved bits of the message's first frame, if this is its first chunk.
     */
    uint8_t rsv;
    /**
     * Of data: whether this chunk is the first of its message.
     */
    bool first;
    /**
     * Of data: whether it is the last. A chunk can be both, and it can be empty.
     */
    bool last;
    /**
     * Of `BAREWS_EVENT_PING`, `BAREWS_EVENT_PONG` and `BAREWS_EVENT_EXTENSION_CONTROL`: whether `payload` has only the
     * beginning of the payload.
     */
    bool cut;
    /**
     * Something is due: call `..._poll_transmit` before waiting for anything. False for data, which makes nothing due.
     */
    bool is_due;
} barews_event;

/**
 * A buffer into which the host reads, and which makes whole messages there. One for each connection.
 */
typedef struct barews_receive_buffer {
    uint64_t words[BAREWS_RECEIVE_BUFFER_WORDS];
} barews_receive_buffer;

/**
 * What to do with the transport once `..._poll_transmit` has returned 0 and its output is written: one of
 * `BAREWS_TRANSPORT_...`.
 */
typedef uint8_t barews_transport;

/**
 * The state of a connection: one of `BAREWS_STATE_...`.
 */
typedef uint8_t barews_state;

/**
 * A client's session: one WebSocket, from the first byte of the opening handshake to the end of the transport. The caller
 * provides the memory. It must not move after `barews_client_init`, and needs no destructor.
 */
typedef struct barews_client {
    uint64_t words[BAREWS_CLIENT_WORDS];
} barews_client;

/**
 * What a client requests.
 */
typedef struct barews_client_request {
    /**
     * The URI, `wss://example.com/room` for example. The host opens the transport, with TLS for `wss` and `https`: see
     * `barews_uri_parse`.
     */
    struct barews_str uri;
    /**
     * The value of Origin; null for none. Only browsers have to send it.
     */
    struct barews_str origin;
    /**
     * Fields to add, such as Authorization or Cookie.
     */
    const struct barews_field *fields;
    /**
     * The number of fields.
     */
    size_t fields_len;
} barews_client_request;

/**
 * Where a client's random bytes come from: a cryptographically secure generator that has a new seed at each start. An
 * attacker who can predict them can choose the bytes on the wire (RFC 6455 section 10.3).
 */
typedef struct barews_key_source {
    /**
     * Fills `len` bytes at `bytes`: 16 for a handshake, 4 for each frame. It cannot fail, and must not call a function of
     * the same session.
     */
    void (*fill)(void *context, uint8_t *bytes, size_t len);
    /**
     * Passed to each call, unchanged. It must stay as long as the session.
     */
    void *context;
} barews_key_source;

/**
 * A client's connection alone, for a host whose handshake is done elsewhere, and which keeps its own time. The caller
 * provides the memory.
 */
typedef struct barews_client_connection {
    uint64_t words[BAREWS_CLIENT_CONNECTION_WORDS];
} barews_client_connection;

/**
 * A response. The strings are in the storage of the session.
 */
typedef struct barews_response {
    /**
     * The subprotocol that the server chose; null if there is none.
     */
    struct barews_str subprotocol;
    /**
     * The seconds after which to try again, from Retry-After; 0 if the server did not say so in this form.
     */
    uint32_t retry_after;
    /**
     * The status, 101 for example.
     */
    uint16_t status;
    /**
     * Whether the server accepted: then call `barews_client_connect`.
     */
    bool is_accepted;
} barews_response;

/**
 * Joins the chunks of a message in memory of its own. Many connections can share the buffer into which the host reads.
 */
typedef struct barews_message_buffer {
    uint64_t words[BAREWS_MESSAGE_BUFFER_WORDS];
} barews_message_buffer;

/**
 * A whole message.
 */
typedef struct barews_message {
    /**
     * The payload, or null while the message is not complete.
     */
    uint8_t *payload;
    /**
     * The number of bytes at `payload`.
     */
    size_t len;
    /**
     * The kind of the message.
     */
    barews_opcode opcode;
    /**
     * Whether the message is complete. A message can be complete and empty.
     */
    bool is_complete;
} barews_message;

/**
 * The parts of a URI. The strings are in the text that was parsed.
 */
typedef struct barews_uri {
    /**
     * The host. An IPv6 address is in brackets: remove them to connect.
     */
    struct barews_str host;
    /**
     * The path; can be empty.
     */
    struct barews_str path;
    /**
     * The query without its `?`; null if there is none.
     */
    struct barews_str query;
    /**
     * The port: 80 or 443 if the text has none.
     */
    uint16_t port;
    /**
     * Whether the transport needs TLS: `wss` and `https`.
     */
    bool is_secure;
} barews_uri;

/**
 * The settings of a proxy. The host is in the text that was parsed.
 */
typedef struct barews_proxy {
    /**
     * The host. An IPv6 address is in brackets: remove them to connect.
     */
    struct barews_str host;
    /**
     * The port.
     */
    uint16_t port;
} barews_proxy;

/**
 * The deadlines of a bare connection. A session has its own.
 */
typedef struct barews_deadlines {
    uint64_t words[BAREWS_DEADLINES_WORDS];
} barews_deadlines;

/**
 * A deadline that has passed: one of `BAREWS_TIMEOUT_...`.
 */
typedef uint8_t barews_timeout;

/**
 * How long a client waits before it connects again, in ticks. Where a function takes it, null means the defaults.
 */
typedef struct barews_backoff {
    /**
     * The longest delay that a server can ask for with Retry-After. Default 1 hour.
     */
    uint64_t max_retry_after;
    /**
     * A connection that was open for this long was a success: the next delay is at most `first` again. Default 30 s.
     */
    uint64_t success;
    /**
     * The longest delay after the first failure. It doubles with each further failure. Default 1 s.
     */
    uint32_t first;
    /**
     * The longest delay after any failure. Default 60 s.
     */
    uint32_t max;
} barews_backoff;

/**
 * When a client connects again.
 */
typedef struct barews_reconnect {
    uint64_t words[BAREWS_RECONNECT_WORDS];
} barews_reconnect;

/**
 * The time of a 32-bit timer that wraps, as 64 bits.
 */
typedef struct barews_ticks {
    uint64_t words[BAREWS_TICKS_WORDS];
} barews_ticks;

/**
 * A tunnel through an HTTP proxy (CONNECT). The host opens the transport to the proxy; a client's session follows over the
 * same transport.
 */
typedef struct barews_tunnel {
    uint64_t words[BAREWS_TUNNEL_WORDS];
} barews_tunnel;

/**
 * How messages are compressed in one direction.
 */
typedef struct barews_deflate_direction {
    /**
     * The base-2 logarithm of the window's size in bytes, 8 to 15. Default 15. Values outside this range count as the
     * nearest of these.
     */
    uint8_t window_bits;
    /**
     * 1 if every message begins with an empty window, otherwise 0.
     */
    uint8_t no_context_takeover;
} barews_deflate_direction;

/**
 * The parameters of permessage-deflate: the limits of a host, which depend on its memory, or what was agreed. A server
 * inflates the direction `client` and deflates the direction `server`; a client does the reverse.
 */
typedef struct barews_deflate_parameters {
    /**
     * How the server compresses.
     */
    struct barews_deflate_direction server;
    /**
     * How the client compresses.
     */
    struct barews_deflate_direction client;
} barews_deflate_parameters;

/**
 * Inflates the messages of a connection.
 */
typedef struct barews_inflater {
    uint64_t words[BAREWS_INFLATER_WORDS];
} barews_inflater;

/**
 * How much memory a deflater uses, and how well it compresses: one of `BAREWS_LEVEL_...`.
 */
typedef uint8_t barews_level;

/**
 * Deflates the messages of a connection.
 *
 * If a secret and text chosen by an attacker are compressed together, in one message or (with context takeover) in several,
 * the attacker can recover the secret from the lengths of messages (CRIME, BREACH).
 */
typedef struct barews_deflater {
    uint64_t words[BAREWS_DEFLATER_WORDS];
} barews_deflater;

/**
 * Nothing is wrong.
 */
#define BAREWS_OK 0

/**
 * An argument is wrong: null without a length of 0, not aligned, text that is not UTF-8, a number that is no constant of
 * its type, or an object that was not initialised. Nothing is changed.
 */
#define BAREWS_ERR_ARGUMENT 1

/**
 * Two arguments that must be apart have memory in common. Nothing is changed.
 */
#define BAREWS_ERR_OVERLAP 2

/**
 * The output buffer is too small. Nothing is changed. Where the function returns a length, it is the one that is needed.
 */
#define BAREWS_ERR_BUFFER_TOO_SMALL 3

/**
 * An error that this version of the header does not know.
 */
#define BAREWS_ERR_UNKNOWN 4

/**
 * The opening handshake of a session is not done, or not all of it was written.
 */
#define BAREWS_ERR_SEND_NOT_OPEN 257

/**
 * The connection is closing or closed: a Close frame was sent or received, or the connection failed (RFC 6455
 * section 6.1).
 */
#define BAREWS_ERR_SEND_CLOSING 258

/**
 * Inside a frame whose payload is not yet complete.
 */
#define BAREWS_ERR_SEND_FRAME_IN_PROGRESS 259

/**
 * Inside a fragmented message, where only its own fragments may be sent (RFC 6455 section 5.4).
 */
#define BAREWS_ERR_SEND_MESSAGE_IN_PROGRESS 260

/**
 * More payload than the frame header announced, or more than 125 bytes in a control frame (RFC 6455 section 5.5).
 */
#define BAREWS_ERR_SEND_PAYLOAD_TOO_LONG 261

/**
 * A status code that must not be sent (RFC 6455 section 7.4).
 */
#define BAREWS_ERR_SEND_CLOSE_CODE 262

/**
 * A reserved bit or opcode that the configuration does not allow (RFC 6455 section 5.2).
 */
#define BAREWS_ERR_SEND_RESERVED 263

/**
 * This cannot be sent at this point of the handshake: the request is not complete, is not an upgrade, was refused
 * by the engine, or has been answered already.
 */
#define BAREWS_ERR_BUILD_NOT_NOW 513

/**
 * A status that cannot be sent here: a 1xx, or not three digits.
 */
#define BAREWS_ERR_BUILD_STATUS 514

/**
 * A field name that is not a token, or that is reserved for the engine.
 */
#define BAREWS_ERR_BUILD_FIELD_NAME 515

/**
 * A field value with CR, LF, NUL or another control character.
 */
#define BAREWS_ERR_BUILD_FIELD_VALUE 516

/**
 * A subprotocol that is not a token, is repeated, or was not offered by the client (RFC 6455 sections 4.1 and
 * 4.2.2).
 */
#define BAREWS_ERR_BUILD_SUBPROTOCOL 517

/**
 * Extensions that are malformed, or were not offered by the client (RFC 6455 sections 4.2.2 and 9.1).
 */
#define BAREWS_ERR_BUILD_EXTENSIONS 518

/**
 * A user-id with a colon, a user-id or password with a control character (RFC 7617 section 2), or a token that is
 * not a token68 (RFC 9110 section 11.2).
 */
#define BAREWS_ERR_BUILD_CREDENTIALS 519

/**
 * A reserved bit is set that no negotiated extension defines (section 5.2).
 */
#define BAREWS_ERR_RESERVED_BITS 769

/**
 * A reserved opcode that no negotiated extension defines (section 5.2).
 */
#define BAREWS_ERR_RESERVED_OPCODE 770

/**
 * A control frame without FIN (section 5.5).
 */
#define BAREWS_ERR_FRAGMENTED_CONTROL 771

/**
 * A control frame with more than 125 bytes of payload (section 5.5).
 */
#define BAREWS_ERR_CONTROL_TOO_LONG 772

/**
 * A payload length that is not in its shortest form (section 5.2).
 */
#define BAREWS_ERR_LENGTH_NOT_MINIMAL 773

/**
 * A 64-bit payload length with its most significant bit set (section 5.2).
 */
#define BAREWS_ERR_LENGTH_TOO_LARGE 774

/**
 * A server received a frame that is not masked (section 5.1).
 */
#define BAREWS_ERR_NOT_MASKED 775

/**
 * A client received a masked frame (section 5.1).
 */
#define BAREWS_ERR_MASKED 776

/**
 * A continuation frame, but no message to continue (section 5.4).
 */
#define BAREWS_ERR_UNEXPECTED_CONTINUATION 777

/**
 * A new message began inside a fragmented one (section 5.4).
 */
#define BAREWS_ERR_EXPECTED_CONTINUATION 778

/**
 * A text message, or the reason in a Close frame, is not valid UTF-8 (section 8.1).
 */
#define BAREWS_ERR_INVALID_UTF8 779

/**
 * A Close frame whose payload is a single byte (section 5.5.1).
 */
#define BAREWS_ERR_INVALID_CLOSE_PAYLOAD 780

/**
 * A Close frame with a status code that must not be sent (section 7.4).
 */
#define BAREWS_ERR_INVALID_CLOSE_CODE 781

/**
 * A frame longer than `max_frame_size`.
 */
#define BAREWS_ERR_FRAME_TOO_BIG 782

/**
 * A message longer than `max_message_size`, or than the storage of a `barews_message_buffer`.
 */
#define BAREWS_ERR_MESSAGE_TOO_BIG 783

/**
 * The storage of the host's `barews_message_buffer` has length 0, such as an empty vector. The host's fault.
 */
#define BAREWS_ERR_NO_STORAGE 784

/**
 * More frames in a message than `max_fragments`.
 */
#define BAREWS_ERR_TOO_MANY_FRAGMENTS 785

/**
 * The transport ended before the peer sent a Close frame (section 7.1.5). No Close can be sent.
 */
#define BAREWS_ERR_UNEXPECTED_EOF 786

/**
 * In a compressed message, a block of the reserved type (RFC 1951 section 3.2.3).
 */
#define BAREWS_ERR_DEFLATE_BLOCK_TYPE 787

/**
 * In a compressed message, a stored block whose length does not match its complement (RFC 1951 section 3.2.4).
 */
#define BAREWS_ERR_DEFLATE_STORED_LENGTH 788

/**
 * In a compressed message, an invalid Huffman code, or a symbol that the code does not have (RFC 1951 section
 * 3.2.7).
 */
#define BAREWS_ERR_DEFLATE_CODE 789

/**
 * In a compressed message, a reference to before the window (RFC 7692 section 7.2.1).
 */
#define BAREWS_ERR_DEFLATE_DISTANCE 790

/**
 * A compressed message that ends inside a block (RFC 7692 section 7.2.1).
 */
#define BAREWS_ERR_DEFLATE_TRUNCATED 791

/**
 * The request line or the status line is malformed (RFC 9112 sections 3 and 4).
 */
#define BAREWS_ERR_HANDSHAKE_START_LINE 1025

/**
 * A method other than GET or HEAD, or other than GET on an upgrade (RFC 6455 section 4.1).
 */
#define BAREWS_ERR_HANDSHAKE_METHOD 1026

/**
 * The request target has a fragment, or is neither an absolute path nor an absolute `http` or `https` URI (RFC
 * 6455 section 4.2.1).
 */
#define BAREWS_ERR_HANDSHAKE_TARGET 1027

/**
 * An HTTP version without upgrades: below 1.1, or 2 and above (RFC 6455 section 4.2.1).
 */
#define BAREWS_ERR_HANDSHAKE_HTTP_VERSION 1028

/**
 * A line that does not end with CR LF, or a CR elsewhere (RFC 9112 section 2.2).
 */
#define BAREWS_ERR_HANDSHAKE_LINE_ENDING 1029

/**
 * A field name that is empty or not a token, or white space before the colon (RFC 9112 section 5).
 */
#define BAREWS_ERR_HANDSHAKE_FIELD_NAME 1030

/**
 * A control character in a field value (RFC 9110 section 5.5).
 */
#define BAREWS_ERR_HANDSHAKE_FIELD_VALUE 1031

/**
 * A field continued on the next line (RFC 9112 section 5.2).
 */
#define BAREWS_ERR_HANDSHAKE_OBSOLETE_FOLDING 1032

/**
 * The start line alone exceeds the limit of the head or the storage (RFC 9112 section 3).
 */
#define BAREWS_ERR_HANDSHAKE_START_LINE_TOO_LONG 1033

/**
 * The head is longer than the limit.
 */
#define BAREWS_ERR_HANDSHAKE_HEAD_TOO_LARGE 1034

/**
 * The head has more fields than the limit.
 */
#define BAREWS_ERR_HANDSHAKE_TOO_MANY_FIELDS 1035

/**
 * The fields that matter do not fit the storage that the host lent: it is too small, or the peer sends too much.
 */
#define BAREWS_ERR_HANDSHAKE_STORAGE_FULL 1036

/**
 * The host lent storage of length 0, such as an empty vector. The host's fault.
 */
#define BAREWS_ERR_HANDSHAKE_NO_STORAGE 1037

/**
 * Host is missing, empty, repeated or malformed (RFC 6455 section 4.2.1).
 */
#define BAREWS_ERR_HANDSHAKE_HOST 1038

/**
 * Upgrade is missing, or is not `websocket` or does not include it (RFC 6455 sections 4.1 and 4.2.1).
 */
#define BAREWS_ERR_HANDSHAKE_UPGRADE 1039

/**
 * Connection is missing or does not include `Upgrade` (RFC 6455 sections 4.1 and 4.2.1). Over HTTP/2 and HTTP/3:
 * Connection, Upgrade or another hop-by-hop field is present, which is forbidden there (RFC 8441 section 5).
 */
#define BAREWS_ERR_HANDSHAKE_CONNECTION 1040

/**
 * Sec-WebSocket-Key is missing, repeated or not 16 bytes in base64 (RFC 6455 section 4.2.1).
 */
#define BAREWS_ERR_HANDSHAKE_KEY 1041

/**
 * Sec-WebSocket-Version is missing, repeated or not 13 (RFC 6455 section 4.2.1).
 */
#define BAREWS_ERR_HANDSHAKE_VERSION 1042

/**
 * Sec-WebSocket-Accept is missing, repeated or wrong (RFC 6455 section 4.1).
 */
#define BAREWS_ERR_HANDSHAKE_ACCEPT 1043

/**
 * Sec-WebSocket-Protocol is malformed; in a response also: repeated, or not requested (RFC 6455 section 4.1).
 */
#define BAREWS_ERR_HANDSHAKE_SUBPROTOCOL 1044

/**
 * Sec-WebSocket-Extensions is malformed; in a response also: not offered (RFC 6455 sections 4.1 and 9.1).
 */
#define BAREWS_ERR_HANDSHAKE_EXTENSIONS 1045

/**
 * The origin policy does not allow this Origin, or Origin is repeated (RFC 6455 sections 4.2.2 and 10.2).
 */
#define BAREWS_ERR_HANDSHAKE_ORIGIN 1046

/**
 * The request has a body: Content-Length above 0, or Transfer-Encoding.
 */
#define BAREWS_ERR_HANDSHAKE_BODY 1047

/**
 * The `:protocol` of an extended CONNECT is not `websocket` (RFC 8441 section 5, RFC 9220 section 3).
 */
#define BAREWS_ERR_HANDSHAKE_PROTOCOL 1048

/**
 * The transport ended before the handshake did (RFC 6455 section 7.2.1).
 */
#define BAREWS_ERR_HANDSHAKE_UNEXPECTED_EOF 1049

/**
 * The text does not begin with `ws://`, `wss://`, `http://` or `https://`.
 */
#define BAREWS_ERR_URI_SCHEME 1537

/**
 * The URI has a user name or password, which a WebSocket URI must not have. Parse it without them, and send them
 * in Authorization: `barews_basic_credentials`.
 */
#define BAREWS_ERR_URI_USER_INFO 1538

/**
 * The host is empty, begins with `[` but is not an IPv6 literal, or has a character that must be escaped.
 */
#define BAREWS_ERR_URI_HOST 1539

/**
 * The port is not a number from 1 to 65,535.
 */
#define BAREWS_ERR_URI_PORT 1540

/**
 * The path has a character that must be escaped: white space, a control character, or one that is not ASCII.
 */
#define BAREWS_ERR_URI_PATH 1541

/**
 * The same in the query.
 */
#define BAREWS_ERR_URI_QUERY 1542

/**
 * The URI has a fragment. A literal `#` must be written as `%23`.
 */
#define BAREWS_ERR_URI_FRAGMENT 1543

/**
 * A reference leads from `wss` to `ws`.
 */
#define BAREWS_ERR_URI_DOWNGRADE 1544

/**
 * The scheme is unknown: none of `http`, `https` and `socks`.
 */
#define BAREWS_ERR_PROXY_SCHEME 1793

/**
 * `https:`, a proxy over TLS, is not supported.
 */
#define BAREWS_ERR_PROXY_TLS 1794

/**
 * `socks:`, `socks4:`, `socks5:` and the like are not supported.
 */
#define BAREWS_ERR_PROXY_SOCKS 1795

/**
 * The user name or the password has a character that must be escaped, a `%` without two hexadecimal digits, or an
 * escaped control character; or the user name has an escaped colon (RFC 7617 section 2).
 */
#define BAREWS_ERR_PROXY_USER_INFO 1796

/**
 * The host is empty, begins with `[` but is not an IPv6 literal, or has a character that must be escaped.
 */
#define BAREWS_ERR_PROXY_HOST 1797

/**
 * The port is missing, or is not a number from 1 to 65,535.
 */
#define BAREWS_ERR_PROXY_PORT 1798

/**
 * There is a path or a query after the port.
 */
#define BAREWS_ERR_PROXY_PATH 1799

/**
 * The opening handshake took longer than `barews_timeouts.handshake`.
 */
#define BAREWS_ERR_TIMEOUT_HANDSHAKE 1281

/**
 * The peer did not answer a Ping within `barews_timeouts.pong`.
 */
#define BAREWS_ERR_TIMEOUT_PONG 1282

/**
 * The peer did not end the connection within `barews_timeouts.closing`.
 */
#define BAREWS_ERR_TIMEOUT_CLOSING 1283

/**
 * The host did not answer the request or the response within `barews_timeouts.handshake`.
 */
#define BAREWS_ERR_UNANSWERED 1284

/**
 * Nobody's: there is no error.
 */
#define BAREWS_FAULT_NONE 0

/**
 * The peer broke a rule or a limit.
 */
#define BAREWS_FAULT_PEER 1

/**
 * The peer is silent, or the transport has ended: the network, or a peer that is gone.
 */
#define BAREWS_FAULT_NETWORK 2

/**
 * The host: a wrong argument, a call at the wrong time, too little memory, or no answer in time.
 */
#define BAREWS_FAULT_HOST 3

/**
 * More bytes are needed, or the host has not answered `BAREWS_EVENT_REQUEST` or an accepted `BAREWS_EVENT_RESPONSE`.
 */
#define BAREWS_EVENT_NONE 0

/**
 * A chunk of a data message: `payload`, `len`, `opcode`, `first`, `last`, `rsv`.
 */
#define BAREWS_EVENT_DATA 1

/**
 * A Ping; its Pong is due. `payload`, `len`.
 */
#define BAREWS_EVENT_PING 2

/**
 * A Pong. `payload`, `len`; `round_trip` if it answers the newest Ping of the keepalive.
 */
#define BAREWS_EVENT_PONG 3

/**
 * The peer's Close frame: `close_code`, and the reason in `payload`, `len`. The answer is due, unless this one answers
 * ours.
 */
#define BAREWS_EVENT_CLOSE 4

/**
 * A control frame with an `opcode` of a negotiated extension. `payload`, `len`.
 */
#define BAREWS_EVENT_EXTENSION_CONTROL 5

/**
 * A server's session received a request that is valid. Answer it now: accept, respond or refuse.
 */
#define BAREWS_EVENT_REQUEST 6

/**
 * A client's session received a response. If it is accepted, call `barews_client_connect`. Otherwise the next event is
 * `BAREWS_EVENT_OVER`.
 */
#define BAREWS_EVENT_RESPONSE 7

/**
 * The peer was silent for `barews_timeouts.ping`; a Ping is due.
 */
#define BAREWS_EVENT_KEEP_ALIVE 8

/**
 * There was no message for `barews_timeouts.idle`; a Close with 1001 is due.
 */
#define BAREWS_EVENT_IDLE 9

/**
 * Failed, with `error`: report it. A refusal or a Close frame is due if the peer can still read it. Of a session only
 * `BAREWS_EVENT_OVER` follows; a connection returns this event at each call.
 */
#define BAREWS_EVENT_FAILED 10

/**
 * The last event of a session: close the transport. `error` is the one that the session failed with, if any. With
 * `BAREWS_ERR_ARGUMENT` or `BAREWS_ERR_OVERLAP`, the call itself was wrong, and the session is unchanged.
 */
#define BAREWS_EVENT_OVER 11

/**
 * Text, in UTF-8.
 */
#define BAREWS_TEXT 1

/**
 * Bytes.
 */
#define BAREWS_BINARY 2

/**
 * Go on reading and writing.
 */
#define BAREWS_TRANSPORT_KEEP 0

/**
 * Shut down the writing side, then read and discard until the end of the stream or the closing timeout, then close.
 * Unread bytes would cause a reset, which can destroy the Close frame.
 */
#define BAREWS_TRANSPORT_HALF_CLOSE 1

/**
 * Read and discard until the peer ends the stream or the closing timeout, then close: the server closes first.
 */
#define BAREWS_TRANSPORT_AWAIT_EOF 2

/**
 * Close now.
 */
#define BAREWS_TRANSPORT_CLOSE 3

/**
 * The opening handshake is not done. Only of a session.
 */
#define BAREWS_STATE_CONNECTING 0

/**
 * Messages can be sent both ways.
 */
#define BAREWS_STATE_OPEN 1

/**
 * A Close frame was sent or received, or the connection failed.
 */
#define BAREWS_STATE_CLOSING 2

/**
 * Nothing can be sent or received any more.
 */
#define BAREWS_STATE_CLOSED 3

/**
 * None was chosen, which is an error: a server must decide.
 */
#define BAREWS_ORIGIN_UNSET 0

/**
 * Pages of the same host and port.
 */
#define BAREWS_ORIGIN_SAME 1

/**
 * Pages of the origins in the list, `https://example.com` for example.
 */
#define BAREWS_ORIGIN_LIST 2

/**
 * Pages of the same host and port, and of the origins in the list.
 */
#define BAREWS_ORIGIN_SAME_OR_LIST 3

/**
 * All pages: only for a server that gives everyone the same.
 */
#define BAREWS_ORIGIN_ANY 4

/**
 * The first of `barews_server_settings.subprotocols` that the client requests; none if there is no such.
 */
#define BAREWS_SUBPROTOCOL_PREFERRED 0

/**
 * The one that `barews_accept.subprotocol` names.
 */
#define BAREWS_SUBPROTOCOL_NAMED 1

/**
 * None.
 */
#define BAREWS_SUBPROTOCOL_NONE 2

/**
 * None.
 */
#define BAREWS_TIMEOUT_NONE 0

/**
 * The handshake took too long: close the transport.
 */
#define BAREWS_TIMEOUT_HANDSHAKE 1

/**
 * There was no message: close with 1001 or 1008.
 */
#define BAREWS_TIMEOUT_IDLE 2

/**
 * The peer was silent: send a Ping with the payload that was stored.
 */
#define BAREWS_TIMEOUT_PING 3

/**
 * No Pong came: close the transport.
 */
#define BAREWS_TIMEOUT_PONG 4

/**
 * The peer does not end the connection: close the transport.
 */
#define BAREWS_TIMEOUT_CLOSING 5

/**
 * 1.5 times the window.
 */
#define BAREWS_LEVEL_SMALL 0

/**
 * 6.5 times the window, and 7.5 KiB of stack.
 */
#define BAREWS_LEVEL_LARGE 1

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Returns the name of an error as it is in this header, with a NUL at its end. Never null.
 */
const char *barews_error_name(barews_error error);

/**
 * Returns whose fault an error is.
 */
barews_fault barews_error_fault(barews_error error);

/**
 * Returns the status code of the Close frame that reports an error of a connection to the peer, 1002 for example; 0 for
 * other errors. The session or the connection sends it by itself.
 */
uint16_t barews_error_close_code(barews_error error);

/**
 * Returns the HTTP status of the response that reports an error of the opening handshake to the peer, 400 for example; 0
 * for other errors. A server's session sends it by itself.
 */
uint16_t barews_error_http_status(barews_error error);

/**
 * Sets the defaults.
 */
void barews_config_init(struct barews_config *config);

/**
 * Sets the defaults, in milliseconds.
 */
void barews_timeouts_init(struct barews_timeouts *timeouts);

/**
 * Sets the defaults: no lists, and no origin policy.
 */
void barews_server_settings_init(struct barews_server_settings *settings);

/**
 * Makes a configuration. Fails with `BAREWS_ERR_ARGUMENT` if no origin policy was chosen.
 */
barews_error barews_server_config_init(struct barews_server_config *config,
                                       const struct barews_server_settings *settings);

/**
 * Sets the defaults: no lists, no extensions.
 */
void barews_client_settings_init(struct barews_client_settings *settings);

/**
 * Makes a configuration; with null for `settings` the default one.
 */
barews_error barews_client_config_init(struct barews_client_config *config,
                                       const struct barews_client_settings *settings);

/**
 * Begins a session when a transport was accepted. `storage` holds the head of the request, as much of it as matters, and
 * then the response: 512 bytes are enough for most. `config` and `storage` must stay until the end of the session, or
 * `barews_server_take_storage`.
 */
barews_error barews_server_init(struct barews_server *server,
                                const struct barews_server_config *config,
                                uint8_t *storage,
                                size_t storage_len,
                                const struct barews_timeouts *timeouts,
                                uint64_t now);

/**
 * Begins a connection whose handshake was done elsewhere.
 */
barews_error barews_server_connection_init(struct barews_server_connection *connection,
                                           const struct barews_config *config);

/**
 * Returns the size of a connection in bytes, to compare with `sizeof (barews_server_connection)`.
 */
size_t barews_server_connection_size(void);

/**
 * Returns the request after `BAREWS_EVENT_REQUEST`, until it is answered. Returns false at other times.
 */
bool barews_server_request(const struct barews_server *server, struct barews_request *to);

/**
 * Returns the value of field `name`, the n-th from 0 on if there are several: one that
 * `barews_server_settings.keep` names, or that the engine keeps. The value can have bytes that are not UTF-8. Returns
 * false if there is none.
 */
bool barews_server_request_field(const struct barews_server *server,
                                 struct barews_str name,
                                 size_t n,
                                 struct barews_str *value);

/**
 * Returns the n-th subprotocol, from 0 on, that the client requests. Returns false if there is none.
 */
bool barews_server_request_subprotocol(const struct barews_server *server, size_t n, struct barews_str *name);

/**
 * Accepts the upgrade. The response is due; the connection can send after it. A request that asks for no upgrade is
 * refused with 426 instead: `barews_server_state` says which. `accept` and `config` can be null for the defaults.
 */
barews_error barews_server_accept(struct barews_server *server,
                                  const struct barews_accept *accept,
                                  const struct barews_config *config);

/**
 * Answers with a page, a redirect or a refusal, also before the request is complete. The storage holds the head of the
 * answer. `body` must stay until `barews_server_poll_transmit` has returned 0.
 */
barews_error barews_server_respond(struct barews_server *server,
                                   uint16_t status,
                                   const struct barews_field *list,
                                   size_t list_len,
                                   const uint8_t *body,
                                   size_t body_len);

/**
 * Like `barews_server_respond`, but the host writes the body, `content_length` bytes, by itself when
 * `barews_server_poll_transmit` has returned 0, and then does what `barews_server_transport` says.
 */
barews_error barews_server_respond_head(struct barews_server *server,
                                        uint16_t status,
                                        const struct barews_field *list,
                                        size_t list_len,
                                        size_t content_length);

/**
 * Refuses the request with the HTTP status of an error of the handshake, such as `BAREWS_ERR_HANDSHAKE_ORIGIN` for 403,
 * and with a readable body where a pointer has 64 bits.
 */
barews_error barews_server_refuse(struct barews_server *server,
                                  barews_error error);

/**
 * Counts the next piece of a frame's payload that is sent to other peers as well, and that must not change.
 */
barews_error barews_server_count_payload(struct barews_server *server,
                                         const uint8_t *part,
                                         size_t part_len,
                                         uint64_t now);

/**
 * As `barews_server_count_payload`.
 */
barews_error barews_server_connection_count_payload(struct barews_server_connection *connection,
                                                    const uint8_t *part,
                                                    size_t part_len);

/**
 * Writes the value of Sec-WebSocket-Accept for a value of Sec-WebSocket-Key to `out`, 28 bytes without a NUL: for a host
 * that does the handshake by itself. Returns false if the key is not valid.
 */
bool barews_accept_key(struct barews_str key,
                       uint8_t *out);

/**
 * Returns the size of a session in bytes, to compare with `sizeof (barews_server)`: do the header and the library belong
 * together?
 */
size_t barews_server_size(void);

/**
 * Makes a session of a connection whose handshake was done elsewhere. The connection moves into it, and must not be used
 * any more. `storage` can be null with length 0.
 */
barews_error barews_server_init_open(struct barews_server *server,
                                     struct barews_server_connection *connection,
                                     uint8_t *storage,
                                     size_t storage_len,
                                     const struct barews_timeouts *timeouts,
                                     uint64_t now);

/**
 * Reads the next event from bytes that the transport read, where they are: it changes them. Returns how many it has
 * consumed. Call it again with the rest until `event->kind` is `BAREWS_EVENT_NONE`, and then
 * `barews_server_poll_transmit`. `now` is the time in ticks: a deadline that has passed is an event after all others.
 *
 * Without bytes (null, 0) it looks at the deadlines, and after `barews_server_receive_eof` at the end.
 */
size_t barews_server_receive(struct barews_server *server,
                             uint8_t *bytes,
                             size_t len,
                             uint64_t now,
                             struct barews_event *event);

/**
 * Reads the next event from a buffer that makes whole messages: of `BAREWS_EVENT_DATA` both `first` and `last` are true.
 * Call it until the kind is `BAREWS_EVENT_NONE`. A message that does not fit the buffer fails the session.
 */
void barews_server_receive_into(struct barews_server *server,
                                struct barews_receive_buffer *buffer,
                                uint64_t now,
                                struct barews_event *event);

/**
 * Reports the end of the transport, once all bytes before it were passed to `barews_server_receive`, and all output was
 * written. Then call `barews_server_receive` without bytes.
 */
barews_error barews_server_receive_eof(struct barews_server *server,
                                       uint64_t now);

/**
 * Writes what is due: the head of the handshake, then a Pong, a Ping of the keepalive or a Close. Returns its length; 0
 * when nothing can be written now. Call it after each `barews_server_receive` until it returns 0, before waiting for
 * anything. `BAREWS_MAX_CONTROL_FRAME` bytes hold each frame.
 */
size_t barews_server_poll_transmit(struct barews_server *server,
                                   uint8_t *out,
                                   size_t len);

/**
 * Returns whether `barews_server_poll_transmit` has something to write.
 */
bool barews_server_is_due(const struct barews_server *server);

/**
 * Returns when to call `barews_server_receive` again, without bytes if there are none; `BAREWS_NEVER` after
 * `BAREWS_EVENT_OVER`, or if no timeout is set. It can be in the past: then call it at once.
 */
uint64_t barews_server_poll_timeout(const struct barews_server *server);

/**
 * Says what to do with the transport once `barews_server_poll_transmit` has returned 0 and its output is written.
 */
barews_transport barews_server_transport(const struct barews_server *server);

/**
 * Returns the state: `BAREWS_STATE_CONNECTING` until the handshake is done.
 */
barews_state barews_server_state(const struct barews_server *server);

/**
 * Reports that the transport has accepted bytes that were waiting because it had accepted none for a while.
 */
barews_error barews_server_on_written(struct barews_server *server, uint64_t now);

/**
 * Reports that the peer has sent bytes, for a host that keeps them before it passes them to `barews_server_receive`.
 */
barews_error barews_server_on_bytes(struct barews_server *server,
                                    uint64_t now);

/**
 * Changes the timeouts.
 */
barews_error barews_server_set_timeouts(struct barews_server *server,
                                        const struct barews_timeouts *timeouts,
                                        uint64_t now);

/**
 * Takes the storage of the handshake back once the connection is open, or a server has refused it, and the response is
 * written: one buffer can serve the handshakes of many sessions. Returns false before that.
 */
bool barews_server_take_storage(struct barews_server *server,
                                uint8_t **storage,
                                size_t *storage_len);

/**
 * Writes a message as one frame: `BAREWS_TEXT`, which must be UTF-8, or `BAREWS_BINARY`. `out` needs up to
 * `BAREWS_MAX_HEADER` bytes more than the payload, and must be apart from it. `*written` is the length to send; with
 * `BAREWS_ERR_BUFFER_TOO_SMALL` the length that `out` needs, and nothing has changed.
 */
barews_error barews_server_write_message(struct barews_server *server,
                                         barews_opcode opcode,
                                         const uint8_t *payload,
                                         size_t payload_len,
                                         uint64_t now,
                                         uint8_t *out,
                                         size_t out_len,
                                         size_t *written);

/**
 * Like `barews_server_write_message`, for text that is known to be UTF-8, such as text that was received, and for messages
 * of an extension.
 */
barews_error barews_server_write_unvalidated(struct barews_server *server,
                                             barews_opcode opcode,
                                             const uint8_t *payload,
                                             size_t payload_len,
                                             uint64_t now,
                                             uint8_t *out,
                                             size_t out_len,
                                             size_t *written);

/**
 * Writes the header of a data frame whose payload the host sends by itself: `payload_len` bytes, in pieces of any size,
 * each through `barews_server_mask_payload` or `barews_server_copy_payload`. `fin` is false if another frame continues the
 * message. `rsv` is 0 without an extension. `header` has `BAREWS_MAX_HEADER` bytes at least.
 */
barews_error barews_server_begin_frame(struct barews_server *server,
                                       barews_opcode opcode,
                                       bool fin,
                                       uint8_t rsv,
                                       uint64_t payload_len,
                                       uint64_t now,
                                       uint8_t *header,
                                       size_t header_len,
                                       size_t *written);

/**
 * Counts the next piece of the frame's payload, which the host then sends. A client masks it in place.
 */
barews_error barews_server_mask_payload(struct barews_server *server,
                                        uint8_t *part,
                                        size_t part_len,
                                        uint64_t now);

/**
 * Copies the next piece of the frame's payload to `out`, as much of it as fits. A client masks it. `*written` is the length
 * that was taken from `part`, and that is to be sent.
 */
barews_error barews_server_copy_payload(struct barews_server *server,
                                        const uint8_t *part,
                                        size_t part_len,
                                        uint64_t now,
                                        uint8_t *out,
                                        size_t out_len,
                                        size_t *written);

/**
 * Writes a Ping with up to 125 bytes of payload, which the peer's Pong repeats.
 */
barews_error barews_server_write_ping(struct barews_server *server,
                                      const uint8_t *payload,
                                      size_t payload_len,
                                      uint64_t now,
                                      uint8_t *out,
                                      size_t out_len,
                                      size_t *written);

/**
 * Writes a Pong that no Ping asked for. `barews_server_poll_transmit` answers Pings.
 */
barews_error barews_server_write_pong(struct barews_server *server,
                                      const uint8_t *payload,
                                      size_t payload_len,
                                      uint64_t now,
                                      uint8_t *out,
                                      size_t out_len,
                                      size_t *written);

/**
 * Writes a control frame with an opcode that a negotiated extension defines.
 */
barews_error barews_server_write_extension_control(struct barews_server *server,
                                                   barews_opcode opcode,
                                                   const uint8_t *payload,
                                                   size_t payload_len,
                                                   uint64_t now,
                                                   uint8_t *out,
                                                   size_t out_len,
                                                   size_t *written);

/**
 * Writes a Close frame: starts the closing handshake. Go on receiving until `BAREWS_EVENT_OVER`. With 0 for `code` it has
 * no status code. `reason` has up to 123 bytes.
 */
barews_error barews_server_write_close(struct barews_server *server,
                                       uint16_t code,
                                       struct barews_str reason,
                                       uint64_t now,
                                       uint8_t *out,
                                       size_t out_len,
                                       size_t *written);

/**
 * Fails the connection for a reason that the host found: an error of `barews_message_buffer_push` or
 * `barews_inflater_inflate` for example. A Close frame with its code is due.
 */
barews_error barews_server_fail(struct barews_server *server, barews_error error);

/**
 * Returns the first error of the session, or `BAREWS_OK`.
 */
barews_error barews_server_error(const struct barews_server *server);

/**
 * Returns how the connection closed: the code of the Close frame received, 1005 if it had none, 1006 if the connection
 * failed or ended without a Close frame; 0 before that.
 */
uint16_t barews_server_close_code(const struct barews_server *server);

/**
 * Returns the reason in the Close frame received, or the empty string. It is in the session.
 */
struct barews_str barews_server_close_reason(const struct barews_server *server);

/**
 * Returns whether Close frames were sent both ways.
 */
bool barews_server_is_clean(const struct barews_server *server);

/**
 * Returns how many payload bytes of the frame that is being received are still to come.
 */
uint64_t barews_server_unread_payload(const struct barews_server *server);

/**
 * Returns whether the data frame that is being received is the last of its message, for a relay that keeps frames.
 */
bool barews_server_is_last_frame(const struct barews_server *server);

/**
 * Returns how many bytes are still to be sent: the control frame that is due, and the rest of the current frame's payload.
 */
uint64_t barews_server_buffered_amount(const struct barews_server *server);

/**
 * Reads the next event from bytes that the transport read, where they are: it changes them. Returns how many it has
 * consumed. Call it again with the rest until `event->kind` is `BAREWS_EVENT_NONE`, and then
 * `barews_server_connection_poll_transmit`. After `BAREWS_EVENT_FAILED` nothing more is received.
 */
size_t barews_server_connection_receive(struct barews_server_connection *connection,
                                        uint8_t *bytes,
                                        size_t len,
                                        struct barews_event *event);

/**
 * Reads the next event from a buffer that makes whole messages: of `BAREWS_EVENT_DATA` both `first` and `last` are true.
 * Call it until the kind is `BAREWS_EVENT_NONE`. A message that does not fit the buffer fails the connection.
 */
void barews_server_connection_receive_into(struct barews_server_connection *connection,
                                           struct barews_receive_buffer *buffer,
                                           struct barews_event *event);

/**
 * Notes the end of the transport. Returns `BAREWS_ERR_UNEXPECTED_EOF` if no Close frame came before it, or the error that
 * the connection failed with.
 */
barews_error barews_server_connection_receive_eof(struct barews_server_connection *connection);

/**
 * Writes the control frame that is due: a Pong or a Close. Returns its length; 0 when nothing is due, or while the payload
 * of a data frame is not complete. Call it after each `barews_server_connection_receive` until it returns 0, before waiting
 * for anything. `BAREWS_MAX_CONTROL_FRAME` bytes hold each frame.
 */
size_t barews_server_connection_poll_transmit(struct barews_server_connection *connection,
                                              uint8_t *out,
                                              size_t len);

/**
 * Says what to do with the transport once `barews_server_connection_poll_transmit` has returned 0 and its output is
 * written.
 */
barews_transport barews_server_connection_transport(const struct barews_server_connection *connection);

/**
 * Returns the state.
 */
barews_state barews_server_connection_state(const struct barews_server_connection *connection);

/**
 * As `barews_server_write_message`.
 */
barews_error barews_server_connection_write_message(struct barews_server_connection *connection,
                                                    barews_opcode opcode,
                                                    const uint8_t *payload,
                                                    size_t payload_len,
                                                    uint8_t *out,
                                                    size_t out_len,
                                                    size_t *written);

/**
 * As `barews_server_write_unvalidated`.
 */
barews_error barews_server_connection_write_unvalidated(struct barews_server_connection *connection,
                                                        barews_opcode opcode,
                                                        const uint8_t *payload,
                                                        size_t payload_len,
                                                        uint8_t *out,
                                                        size_t out_len,
                                                        size_t *written);

/**
 * As `barews_server_begin_frame`.
 */
barews_error barews_server_connection_begin_frame(struct barews_server_connection *connection,
                                                  barews_opcode opcode,
                                                  bool fin,
                                                  uint8_t rsv,
                                                  uint64_t payload_len,
                                                  uint8_t *header,
                                                  size_t header_len,
                                                  size_t *written);

/**
 * As `barews_server_mask_payload`.
 */
barews_error barews_server_connection_mask_payload(struct barews_server_connection *connection,
                                                   uint8_t *part,
                                                   size_t part_len);

/**
 * As `barews_server_copy_payload`.
 */
barews_error barews_server_connection_copy_payload(struct barews_server_connection *connection,
                                                   const uint8_t *part,
                                                   size_t part_len,
                                                   uint8_t *out,
                                                   size_t out_len,
                                                   size_t *written);

/**
 * As `barews_server_write_ping`.
 */
barews_error barews_server_connection_write_ping(struct barews_server_connection *connection,
                                                 const uint8_t *payload,
                                                 size_t payload_len,
                                                 uint8_t *out,
                                                 size_t out_len,
                                                 size_t *written);

/**
 * As `barews_server_write_pong`.
 */
barews_error barews_server_connection_write_pong(struct barews_server_connection *connection,
                                                 const uint8_t *payload,
                                                 size_t payload_len,
                                                 uint8_t *out,
                                                 size_t out_len,
                                                 size_t *written);

/**
 * As `barews_server_write_extension_control`.
 */
barews_error barews_server_connection_write_extension_control(struct barews_server_connection *connection,
                                                              barews_opcode opcode,
                                                              const uint8_t *payload,
                                                              size_t payload_len,
                                                              uint8_t *out,
                                                              size_t out_len,
                                                              size_t *written);

/**
 * As `barews_server_write_close`.
 */
barews_error barews_server_connection_write_close(struct barews_server_connection *connection,
                                                  uint16_t code,
                                                  struct barews_str reason,
                                                  uint8_t *out,
                                                  size_t out_len,
                                                  size_t *written);

/**
 * As `barews_server_fail`.
 */
barews_error barews_server_connection_fail(struct barews_server_connection *connection, barews_error error);

/**
 * Returns the error that the connection failed with, or `BAREWS_OK`.
 */
barews_error barews_server_connection_error(const struct barews_server_connection *connection);

/**
 * As `barews_server_close_code`.
 */
uint16_t barews_server_connection_close_code(const struct barews_server_connection *connection);

/**
 * As `barews_server_close_reason`.
 */
struct barews_str barews_server_connection_close_reason(const struct barews_server_connection *connection);

/**
 * As `barews_server_is_clean`.
 */
bool barews_server_connection_is_clean(const struct barews_server_connection *connection);

/**
 * As `barews_server_unread_payload`.
 */
uint64_t barews_server_connection_unread_payload(const struct barews_server_connection *connection);

/**
 * As `barews_server_is_last_frame`.
 */
bool barews_server_connection_is_last_frame(const struct barews_server_connection *connection);

/**
 * As `barews_server_buffered_amount`.
 */
uint64_t barews_server_connection_buffered_amount(const struct barews_server_connection *connection);

/**
 * Begins a session when its transport is open. The request is due: it is in `storage`, which then holds the head of the
 * response. `config` and `storage` must stay until the end of the session, or `barews_client_take_storage`; `request` need
 * not. Fails with an error of the URI or of a field; with `BAREWS_ERR_BUFFER_TOO_SMALL` if `storage` is too small.
 */
barews_error barews_client_init(struct barews_client *client,
                                const struct barews_client_config *config,
                                const struct barews_client_request *request,
                                const struct barews_key_source *keys,
                                uint8_t *storage,
                                size_t storage_len,
                                const struct barews_timeouts *timeouts,
                                uint64_t now);

/**
 * Begins a connection whose handshake was done elsewhere.
 */
barews_error barews_client_connection_init(struct barews_client_connection *connection,
                                           const struct barews_config *config,
                                           const struct barews_key_source *keys);

/**
 * Returns the size of a connection in bytes, to compare with `sizeof (barews_client_connection)`.
 */
size_t barews_client_connection_size(void);

/**
 * Returns the response after `BAREWS_EVENT_RESPONSE`, until `barews_client_connect`. Returns false at other times.
 */
bool barews_client_response(const struct barews_client *client,
                            struct barews_response *to);

/**
 * Returns the value of field `name`, the n-th from 0 on if there are several: one that `barews_client_settings.keep`
 * names, or that the engine keeps. The value can have bytes that are not UTF-8. Returns false if there is none.
 */
bool barews_client_response_field(const struct barews_client *client,
                                  struct barews_str name,
                                  size_t n,
                                  struct barews_str *value);

/**
 * Opens the connection after a response that is accepted. `keys` gives the masking keys. `config` can be null for the
 * defaults.
 */
barews_error barews_client_connect(struct barews_client *client,
                                   const struct barews_key_source *keys,
                                   const struct barews_config *config);

/**
 * Returns the size of a session in bytes, to compare with `sizeof (barews_client)`: do the header and the library belong
 * together?
 */
size_t barews_client_size(void);

/**
 * Makes a session of a connection whose handshake was done elsewhere. The connection moves into it, and must not be used
 * any more. `storage` can be null with length 0.
 */
barews_error barews_client_init_open(struct barews_client *server,
                                     struct barews_client_connection *connection,
                                     uint8_t *storage,
                                     size_t storage_len,
                                     const struct barews_timeouts *timeouts,
                                     uint64_t now);

/**
 * Reads the next event from bytes that the transport read, where they are: it changes them. Returns how many it has
 * consumed. Call it again with the rest until `event->kind` is `BAREWS_EVENT_NONE`, and then
 * `barews_client_poll_transmit`. `now` is the time in ticks: a deadline that has passed is an event after all others.
 *
 * Without bytes (null, 0) it looks at the deadlines, and after `barews_client_receive_eof` at the end.
 */
size_t barews_client_receive(struct barews_client *server,
                             uint8_t *bytes,
                             size_t len,
                             uint64_t now,
                             struct barews_event *event);

/**
 * Reads the next event from a buffer that makes whole messages: of `BAREWS_EVENT_DATA` both `first` and `last` are true.
 * Call it until the kind is `BAREWS_EVENT_NONE`. A message that does not fit the buffer fails the session.
 */
void barews_client_receive_into(struct barews_client *server,
                                struct barews_receive_buffer *buffer,
                                uint64_t now,
                                struct barews_event *event);

/**
 * Reports the end of the transport, once all bytes before it were passed to `barews_client_receive`, and all output was
 * written. Then call `barews_client_receive` without bytes.
 */
barews_error barews_client_receive_eof(struct barews_client *server,
                                       uint64_t now);

/**
 * Writes what is due: the head of the handshake, then a Pong, a Ping of the keepalive or a Close. Returns its length; 0
 * when nothing can be written now. Call it after each `barews_client_receive` until it returns 0, before waiting for
 * anything. `BAREWS_MAX_CONTROL_FRAME` bytes hold each frame.
 */
size_t barews_client_poll_transmit(struct barews_client *server,
                                   uint8_t *out,
                                   size_t len);

/**
 * Returns whether `barews_client_poll_transmit` has something to write.
 */
bool barews_client_is_due(const struct barews_client *server);

/**
 * Returns when to call `barews_client_receive` again, without bytes if there are none; `BAREWS_NEVER` after
 * `BAREWS_EVENT_OVER`, or if no timeout is set. It can be in the past: then call it at once.
 */
uint64_t barews_client_poll_timeout(const struct barews_client *server);

/**
 * Says what to do with the transport once `barews_client_poll_transmit` has returned 0 and its output is written.
 */
barews_transport barews_client_transport(const struct barews_client *server);

/**
 * Returns the state: `BAREWS_STATE_CONNECTING` until the handshake is done.
 */
barews_state barews_client_state(const struct barews_client *server);

/**
 * Reports that the transport has accepted bytes that were waiting because it had accepted none for a while.
 */
barews_error barews_client_on_written(struct barews_client *server, uint64_t now);

/**
 * Reports that the peer has sent bytes, for a host that keeps them before it passes them to `barews_client_receive`.
 */
barews_error barews_client_on_bytes(struct barews_client *server,
                                    uint64_t now);

/**
 * Changes the timeouts.
 */
barews_error barews_client_set_timeouts(struct barews_client *server,
                                        const struct barews_timeouts *timeouts,
                                        uint64_t now);

/**
 * Takes the storage of the handshake back once the connection is open, or a server has refused it, and the response is
 * written: one buffer can serve the handshakes of many sessions. Returns false before that.
 */
bool barews_client_take_storage(struct barews_client *server,
                                uint8_t **storage,
                                size_t *storage_len);

/**
 * Writes a message as one frame: `BAREWS_TEXT`, which must be UTF-8, or `BAREWS_BINARY`. `out` needs up to
 * `BAREWS_MAX_HEADER` bytes more than the payload, and must be apart from it. `*written` is the length to send; with
 * `BAREWS_ERR_BUFFER_TOO_SMALL` the length that `out` needs, and nothing has changed.
 */
barews_error barews_client_write_message(struct barews_client *server,
                                         barews_opcode opcode,
                                         const uint8_t *payload,
                                         size_t payload_len,
                                         uint64_t now,
                                         uint8_t *out,
                                         size_t out_len,
                                         size_t *written);

/**
 * Like `barews_client_write_message`, for text that is known to be UTF-8, such as text that was received, and for messages
 * of an extension.
 */
barews_error barews_client_write_unvalidated(struct barews_client *server,
                                             barews_opcode opcode,
                                             const uint8_t *payload,
                                             size_t payload_len,
                                             uint64_t now,
                                             uint8_t *out,
                                             size_t out_len,
                                             size_t *written);

/**
 * Writes the header of a data frame whose payload the host sends by itself: `payload_len` bytes, in pieces of any size,
 * each through `barews_client_mask_payload` or `barews_client_copy_payload`. `fin` is false if another frame continues the
 * message. `rsv` is 0 without an extension. `header` has `BAREWS_MAX_HEADER` bytes at least.
 */
barews_error barews_client_begin_frame(struct barews_client *server,
                                       barews_opcode opcode,
                                       bool fin,
                                       uint8_t rsv,
                                       uint64_t payload_len,
                                       uint64_t now,
                                       uint8_t *header,
                                       size_t header_len,
                                       size_t *written);

/**
 * Counts the next piece of the frame's payload, which the host then sends. A client masks it in place.
 */
barews_error barews_client_mask_payload(struct barews_client *server,
                                        uint8_t *part,
                                        size_t part_len,
                                        uint64_t now);

/**
 * Copies the next piece of the frame's payload to `out`, as much of it as fits. A client masks it. `*written` is the length
 * that was taken from `part`, and that is to be sent.
 */
barews_error barews_client_copy_payload(struct barews_client *server,
                                        const uint8_t *part,
                                        size_t part_len,
                                        uint64_t now,
                                        uint8_t *out,
                                        size_t out_len,
                                        size_t *written);

/**
 * Writes a Ping with up to 125 bytes of payload, which the peer's Pong repeats.
 */
barews_error barews_client_write_ping(struct barews_client *server,
                                      const uint8_t *payload,
                                      size_t payload_len,
                                      uint64_t now,
                                      uint8_t *out,
                                      size_t out_len,
                                      size_t *written);

/**
 * Writes a Pong that no Ping asked for. `barews_client_poll_transmit` answers Pings.
 */
barews_error barews_client_write_pong(struct barews_client *server,
                                      const uint8_t *payload,
                                      size_t payload_len,
                                      uint64_t now,
                                      uint8_t *out,
                                      size_t out_len,
                                      size_t *written);

/**
 * Writes a control frame with an opcode that a negotiated extension defines.
 */
barews_error barews_client_write_extension_control(struct barews_client *server,
                                                   barews_opcode opcode,
                                                   const uint8_t *payload,
                                                   size_t payload_len,
                                                   uint64_t now,
                                                   uint8_t *out,
                                                   size_t out_len,
                                                   size_t *written);

/**
 * Writes a Close frame: starts the closing handshake. Go on receiving until `BAREWS_EVENT_OVER`. With 0 for `code` it has
 * no status code. `reason` has up to 123 bytes.
 */
barews_error barews_client_write_close(struct barews_client *server,
                                       uint16_t code,
                                       struct barews_str reason,
                                       uint64_t now,
                                       uint8_t *out,
                                       size_t out_len,
                                       size_t *written);

/**
 * Fails the connection for a reason that the host found: an error of `barews_message_buffer_push` or
 * `barews_inflater_inflate` for example. A Close frame with its code is due.
 */
barews_error barews_client_fail(struct barews_client *server, barews_error error);

/**
 * Returns the first error of the session, or `BAREWS_OK`.
 */
barews_error barews_client_error(const struct barews_client *server);

/**
 * Returns how the connection closed: the code of the Close frame received, 1005 if it had none, 1006 if the connection
 * failed or ended without a Close frame; 0 before that.
 */
uint16_t barews_client_close_code(const struct barews_client *server);

/**
 * Returns the reason in the Close frame received, or the empty string. It is in the session.
 */
struct barews_str barews_client_close_reason(const struct barews_client *server);

/**
 * Returns whether Close frames were sent both ways.
 */
bool barews_client_is_clean(const struct barews_client *server);

/**
 * Returns how many payload bytes of the frame that is being received are still to come.
 */
uint64_t barews_client_unread_payload(const struct barews_client *server);

/**
 * Returns whether the data frame that is being received is the last of its message, for a relay that keeps frames.
 */
bool barews_client_is_last_frame(const struct barews_client *server);

/**
 * Returns how many bytes are still to be sent: the control frame that is due, and the rest of the current frame's payload.
 */
uint64_t barews_client_buffered_amount(const struct barews_client *server);

/**
 * Reads the next event from bytes that the transport read, where they are: it changes them. Returns how many it has
 * consumed. Call it again with the rest until `event->kind` is `BAREWS_EVENT_NONE`, and then
 * `barews_client_connection_poll_transmit`. After `BAREWS_EVENT_FAILED` nothing more is received.
 */
size_t barews_client_connection_receive(struct barews_client_connection *connection,
                                        uint8_t *bytes,
                                        size_t len,
                                        struct barews_event *event);

/**
 * Reads the next event from a buffer that makes whole messages: of `BAREWS_EVENT_DATA` both `first` and `last` are true.
 * Call it until the kind is `BAREWS_EVENT_NONE`. A message that does not fit the buffer fails the connection.
 */
void barews_client_connection_receive_into(struct barews_client_connection *connection,
                                           struct barews_receive_buffer *buffer,
                                           struct barews_event *event);

/**
 * Notes the end of the transport. Returns `BAREWS_ERR_UNEXPECTED_EOF` if no Close frame came before it, or the error that
 * the connection failed with.
 */
barews_error barews_client_connection_receive_eof(struct barews_client_connection *connection);

/**
 * Writes the control frame that is due: a Pong or a Close. Returns its length; 0 when nothing is due, or while the payload
 * of a data frame is not complete. Call it after each `barews_client_connection_receive` until it returns 0, before waiting
 * for anything. `BAREWS_MAX_CONTROL_FRAME` bytes hold each frame.
 */
size_t barews_client_connection_poll_transmit(struct barews_client_connection *connection,
                                              uint8_t *out,
                                              size_t len);

/**
 * Says what to do with the transport once `barews_client_connection_poll_transmit` has returned 0 and its output is
 * written.
 */
barews_transport barews_client_connection_transport(const struct barews_client_connection *connection);

/**
 * Returns the state.
 */
barews_state barews_client_connection_state(const struct barews_client_connection *connection);

/**
 * As `barews_client_write_message`.
 */
barews_error barews_client_connection_write_message(struct barews_client_connection *connection,
                                                    barews_opcode opcode,
                                                    const uint8_t *payload,
                                                    size_t payload_len,
                                                    uint8_t *out,
                                                    size_t out_len,
                                                    size_t *written);

/**
 * As `barews_client_write_unvalidated`.
 */
barews_error barews_client_connection_write_unvalidated(struct barews_client_connection *connection,
                                                        barews_opcode opcode,
                                                        const uint8_t *payload,
                                                        size_t payload_len,
                                                        uint8_t *out,
                                                        size_t out_len,
                                                        size_t *written);

/**
 * As `barews_client_begin_frame`.
 */
barews_error barews_client_connection_begin_frame(struct barews_client_connection *connection,
                                                  barews_opcode opcode,
                                                  bool fin,
                                                  uint8_t rsv,
                                                  uint64_t payload_len,
                                                  uint8_t *header,
                                                  size_t header_len,
                                                  size_t *written);

/**
 * As `barews_client_mask_payload`.
 */
barews_error barews_client_connection_mask_payload(struct barews_client_connection *connection,
                                                   uint8_t *part,
                                                   size_t part_len);

/**
 * As `barews_client_copy_payload`.
 */
barews_error barews_client_connection_copy_payload(struct barews_client_connection *connection,
                                                   const uint8_t *part,
                                                   size_t part_len,
                                                   uint8_t *out,
                                                   size_t out_len,
                                                   size_t *written);

/**
 * As `barews_client_write_ping`.
 */
barews_error barews_client_connection_write_ping(struct barews_client_connection *connection,
                                                 const uint8_t *payload,
                                                 size_t payload_len,
                                                 uint8_t *out,
                                                 size_t out_len,
                                                 size_t *written);

/**
 * As `barews_client_write_pong`.
 */
barews_error barews_client_connection_write_pong(struct barews_client_connection *connection,
                                                 const uint8_t *payload,
                                                 size_t payload_len,
                                                 uint8_t *out,
                                                 size_t out_len,
                                                 size_t *written);

/**
 * As `barews_client_write_extension_control`.
 */
barews_error barews_client_connection_write_extension_control(struct barews_client_connection *connection,
                                                              barews_opcode opcode,
                                                              const uint8_t *payload,
                                                              size_t payload_len,
                                                              uint8_t *out,
                                                              size_t out_len,
                                                              size_t *written);

/**
 * As `barews_client_write_close`.
 */
barews_error barews_client_connection_write_close(struct barews_client_connection *connection,
                                                  uint16_t code,
                                                  struct barews_str reason,
                                                  uint8_t *out,
                                                  size_t out_len,
                                                  size_t *written);

/**
 * As `barews_client_fail`.
 */
barews_error barews_client_connection_fail(struct barews_client_connection *connection, barews_error error);

/**
 * Returns the error that the connection failed with, or `BAREWS_OK`.
 */
barews_error barews_client_connection_error(const struct barews_client_connection *connection);

/**
 * As `barews_client_close_code`.
 */
uint16_t barews_client_connection_close_code(const struct barews_client_connection *connection);

/**
 * As `barews_client_close_reason`.
 */
struct barews_str barews_client_connection_close_reason(const struct barews_client_connection *connection);

/**
 * As `barews_client_is_clean`.
 */
bool barews_client_connection_is_clean(const struct barews_client_connection *connection);

/**
 * As `barews_client_unread_payload`.
 */
uint64_t barews_client_connection_unread_payload(const struct barews_client_connection *connection);

/**
 * As `barews_client_is_last_frame`.
 */
bool barews_client_connection_is_last_frame(const struct barews_client_connection *connection);

/**
 * As `barews_client_buffered_amount`.
 */
uint64_t barews_client_connection_buffered_amount(const struct barews_client_connection *connection);

/**
 * Makes a buffer. The longest message has `storage_len` bytes.
 */
barews_error barews_message_buffer_init(struct barews_message_buffer *buffer,
                                        uint8_t *storage,
                                        size_t storage_len);

/**
 * Adds a chunk: `BAREWS_EVENT_DATA`, or a piece of `barews_inflater_inflate`. `message->is_complete` says whether it was the
 * last of its message. A message that is one chunk stays where it is, so `message->payload` is in the buffer of the host or
 * in this one, until the next call. An error goes to `barews_server_fail` or the like.
 */
barews_error barews_message_buffer_push(struct barews_message_buffer *buffer,
                                        const struct barews_event *chunk,
                                        struct barews_message *message);

/**
 * Makes a buffer. The longest message is some bytes shorter than `storage_len`.
 */
barews_error barews_receive_buffer_init(struct barews_receive_buffer *buffer,
                                        uint8_t *storage,
                                        size_t storage_len);

/**
 * Returns where to read into, and stores in `len` how many bytes there are. A message that was returned is not valid any
 * more after this call. Returns null if `buffer` was not initialised.
 */
uint8_t *barews_receive_buffer_unfilled(struct barews_receive_buffer *buffer,
                                        size_t *len);

/**
 * Adds the first `len` bytes of `barews_receive_buffer_unfilled`, which the transport has filled.
 */
barews_error barews_receive_buffer_advance(struct barews_receive_buffer *buffer, size_t len);

/**
 * Parses a URI: `ws`, `wss`, `http` or `https`.
 */
barews_error barews_uri_parse(struct barews_str text, struct barews_uri *uri);

/**
 * Parses the settings of an HTTP proxy, `http://user:password@host:port` for example.
 */
barews_error barews_proxy_parse(struct barews_str text, struct barews_proxy *proxy);

/**
 * Writes the value of Proxy-Authorization for these settings: `*written` is 0 if they have no user name.
 */
barews_error barews_proxy_authorization(struct barews_str text,
                                        uint8_t *out,
                                        size_t out_len,
                                        size_t *written);

/**
 * Writes the value of Authorization or Proxy-Authorization for a user name and a password (RFC 7617).
 */
barews_error barews_basic_credentials(struct barews_str user,
                                      struct barews_str password,
                                      uint8_t *out,
                                      size_t out_len,
                                      size_t *written);

/**
 * Writes the value of Authorization for a bearer token (RFC 6750).
 */
barews_error barews_bearer_credentials(struct barews_str token,
                                       uint8_t *out,
                                       size_t out_len,
                                       size_t *written);

/**
 * Resolves a reference against a URI: the Location of a redirect, which can be a whole URI, `//host/path`, `/path`, `path`
 * or `?query`. Writes the URI to `out`, always with its port. `scratch` needs the length of both texts
 * together; if it is shorter, the call fails with `BAREWS_ERR_ARGUMENT`.
 *
 * A client that follows redirects should limit their number, and send credentials only to the same origin:
 * `barews_uri_is_same_origin`. Fails with `BAREWS_ERR_URI_DOWNGRADE` if the reference leaves TLS.
 */
barews_error barews_uri_join(struct barews_str base,
                             struct barews_str reference,
                             uint8_t *scratch,
                             size_t scratch_len,
                             uint8_t *out,
                             size_t out_len,
                             size_t *written);

/**
 * Returns whether two URIs have the same scheme, host and port. False if one cannot be parsed.
 */
bool barews_uri_is_same_origin(struct barews_str one, struct barews_str other);

/**
 * Begins with the opening handshake.
 */
barews_error barews_deadlines_init(struct barews_deadlines *deadlines,
                                   const struct barews_timeouts *timeouts,
                                   uint64_t now);

/**
 * Changes the timeouts.
 */
barews_error barews_deadlines_set_timeouts(struct barews_deadlines *deadlines,
                                           const struct barews_timeouts *timeouts,
                                           uint64_t now);

/**
 * Reports that the handshake is done.
 */
barews_error barews_deadlines_on_open(struct barews_deadlines *deadlines, uint64_t now);

/**
 * Reports that the peer has sent bytes.
 */
barews_error barews_deadlines_on_bytes(struct barews_deadlines *deadlines, uint64_t now);

/**
 * Reports that the transport has accepted bytes that were waiting.
 */
barews_error barews_deadlines_on_written(struct barews_deadlines *deadlines, uint64_t now);

/**
 * Reports a message, from either side.
 */
barews_error barews_deadlines_on_message(struct barews_deadlines *deadlines, uint64_t now);

/**
 * Reports a Pong. Returns the ticks since its Ping, or `BAREWS_NEVER` if it does not answer the newest one.
 */
uint64_t barews_deadlines_on_pong(struct barews_deadlines *deadlines,
                                  const uint8_t *payload,
                                  size_t payload_len,
                                  uint64_t now);

/**
 * Reports the state of the connection, after each call that can change it.
 */
barews_error barews_deadlines_on_state(struct barews_deadlines *deadlines, barews_state state, uint64_t now);

/**
 * Returns when to call `barews_deadlines_handle_timeout`, or `BAREWS_NEVER`.
 */
uint64_t barews_deadlines_poll_timeout(const struct barews_deadlines *deadlines);

/**
 * Returns a deadline that has passed. For `BAREWS_TIMEOUT_PING` it stores the 4 bytes of the Ping's payload in `payload`.
 */
barews_timeout barews_deadlines_handle_timeout(struct barews_deadlines *deadlines,
                                               uint64_t now,
                                               uint8_t *payload);

/**
 * Sets the defaults, in milliseconds.
 */
void barews_backoff_init(struct barews_backoff *backoff);

/**
 * Begins without a failure.
 */
barews_error barews_reconnect_init(struct barews_reconnect *reconnect, const struct barews_backoff *backoff);

/**
 * Reports that the handshake is done.
 */
barews_error barews_reconnect_on_open(struct barews_reconnect *reconnect, uint64_t now);

/**
 * Reports the end of an attempt or of a connection. Returns when to connect again. `random` is a random number, from 0 to
 * `UINT32_MAX`, so that many clients do not come back at once. `retry_after` is what the server asked for, in ticks, or 0.
 */
uint64_t barews_reconnect_on_end(struct barews_reconnect *reconnect,
                                 uint64_t now,
                                 uint32_t random,
                                 uint64_t retry_after);

/**
 * Returns the number of failures in a row.
 */
uint8_t barews_reconnect_failures(const struct barews_reconnect *reconnect);

/**
 * Begins at the value of the timer.
 */
barews_error barews_ticks_init(struct barews_ticks *ticks, uint32_t counter);

/**
 * Returns the time for a value of the timer. Call it at least once in each 2^31 ticks.
 */
uint64_t barews_ticks_extend(struct barews_ticks *ticks, uint32_t counter);

/**
 * Begins a tunnel. `storage` holds the head of the proxy's response. It and `config` must stay as long as the tunnel.
 */
barews_error barews_tunnel_init(struct barews_tunnel *tunnel,
                                const struct barews_client_config *config,
                                uint8_t *storage,
                                size_t storage_len);

/**
 * Writes the request for a tunnel to the host of `uri`. `list` can have Proxy-Authorization: see
 * `barews_proxy_authorization`.
 */
barews_error barews_tunnel_request(const struct barews_tunnel *tunnel,
                                   struct barews_str uri,
                                   const struct barews_field *list,
                                   size_t list_len,
                                   uint8_t *out,
                                   size_t out_len,
                                   size_t *written);

/**
 * Reads the proxy's response. Stores in `consumed` how many bytes it took, and in `is_complete` whether the response is
 * complete: the rest is then of the server.
 */
barews_error barews_tunnel_receive(struct barews_tunnel *tunnel,
                                   uint8_t *bytes,
                                   size_t len,
                                   size_t *consumed,
                                   bool *is_complete);

/**
 * Notes the end of the transport. Returns `BAREWS_ERR_HANDSHAKE_UNEXPECTED_EOF` unless the response is complete.
 */
barews_error barews_tunnel_receive_eof(struct barews_tunnel *tunnel);

/**
 * Returns whether the proxy has opened the tunnel.
 */
bool barews_tunnel_is_open(const struct barews_tunnel *tunnel);

/**
 * Returns the status of the response, 407 for example; 0 before it is known.
 */
uint16_t barews_tunnel_status(const struct barews_tunnel *tunnel);

/**
 * Returns the seconds after which to try again, from Retry-After; 0 if there are none.
 */
uint32_t barews_tunnel_retry_after(const struct barews_tunnel *tunnel);

/**
 * Returns the value of field `name` of a complete response, the n-th from 0 on: Proxy-Authenticate, Location, Retry-After,
 * or one that `barews_client_settings.keep` names. Returns false if there is none.
 */
bool barews_tunnel_field(const struct barews_tunnel *tunnel,
                         struct barews_str name,
                         size_t n,
                         struct barews_str *value);

/**
 * Sets the defaults: two windows of 32 KiB that are kept from message to message.
 */
void barews_deflate_parameters_init(struct barews_deflate_parameters *parameters);

/**
 * Accepts the first of the client's offers that `limits` allow, after `BAREWS_EVENT_REQUEST`. Stores what was agreed in
 * `agreed`, and writes the value for `barews_accept.extensions` to `out`: `*written` is its length, 0 if there is no
 * compression. If there is, set `barews_config.extension_rsv` to `BAREWS_RSV1`.
 */
barews_error barews_server_accept_deflate(const struct barews_server *server,
                                          const struct barews_deflate_parameters *limits,
                                          struct barews_deflate_parameters *agreed,
                                          uint8_t *out,
                                          size_t out_len,
                                          size_t *written);

/**
 * Writes a client's offers, 1 to `BAREWS_MAX_DEFLATE_OFFERS`, most preferred first: the value for
 * `barews_client_settings.extensions`.
 */
barews_error barews_deflate_offer(const struct barews_deflate_parameters *list,
                                  size_t list_len,
                                  uint8_t *out,
                                  size_t out_len,
                                  size_t *written);

/**
 * Stores in `agreed` what the server has agreed to, and in `is_agreed` whether there is compression, after an accepted
 * `BAREWS_EVENT_RESPONSE`. If there is, set `barews_config.extension_rsv` to `BAREWS_RSV1`. Fails with
 * `BAREWS_ERR_HANDSHAKE_EXTENSIONS` if the server has agreed to what was not offered: then close the transport.
 */
barews_error barews_client_agree_deflate(const struct barews_client *client,
                                         const struct barews_deflate_parameters *list,
                                         size_t list_len,
                                         struct barews_deflate_parameters *agreed,
                                         bool *is_agreed);

/**
 * Returns the size of the window of a direction, in bytes.
 */
size_t barews_deflate_window_size(struct barews_deflate_direction direction);

/**
 * Makes an inflater for the agreed direction of the peer. `window` has `barews_deflate_window_size` bytes at least, for this
 * connection alone. Pieces of messages go to `out`, of any size but 0, which many inflaters can share: a piece is valid
 * until one of them is called. A message may have `max_message_size` bytes after it is inflated.
 */
barews_error barews_inflater_init(struct barews_inflater *inflater,
                                  struct barews_deflate_direction direction,
                                  uint8_t *window,
                                  size_t window_len,
                                  uint64_t max_message_size,
                                  uint8_t *out,
                                  size_t out_len);

/**
 * Stores in `piece` the next piece of `chunk`, a `BAREWS_EVENT_DATA`: inflated, or the chunk itself if its message is not
 * compressed. Call it with the same chunk, which it shortens, until `piece->kind` is `BAREWS_EVENT_NONE`. Pieces are like
 * chunks: `first` and `last` mark the ends of the message, and text is UTF-8. An error goes to `barews_server_fail` or the
 * like.
 */
barews_error barews_inflater_inflate(struct barews_inflater *inflater,
                                     struct barews_event *chunk,
                                     struct barews_event *piece);

/**
 * Returns the memory that a deflater needs, in bytes; 0 for an unknown level.
 */
size_t barews_deflater_memory(barews_level size, struct barews_deflate_direction direction);

/**
 * Makes a deflater for the agreed direction of the host. `memory` has `barews_deflater_memory` bytes at least, for this
 * connection alone. Messages shorter than `threshold` bytes are not compressed.
 */
barews_error barews_deflater_init(struct barews_deflater *deflater,
                                  barews_level size,
                                  struct barews_deflate_direction direction,
                                  uint8_t *memory,
                                  size_t memory_len,
                                  size_t threshold);

/**
 * Deflates a whole message to `out`. `*written` is the length to send, in one frame with `BAREWS_RSV1`; 0 if the message
 * does not become shorter, does not fit `out`, or is shorter than the threshold: then send the message itself, without it.
 */
barews_error barews_deflater_deflate_message(struct barews_deflater *deflater,
                                             const uint8_t *body,
                                             size_t body_len,
                                             uint8_t *out,
                                             size_t out_len,
                                             size_t *written);

/**
 * Deflates a part of a message, for one frame: `BAREWS_RSV1` is for the first frame of the message only. `last` ends the
 * message. Fails with `BAREWS_ERR_BUFFER_TOO_SMALL` if `out` could be too small, and then `*written` is the length that it
 * needs: some bytes more than the part.
 */
barews_error barews_deflater_deflate_part(struct barews_deflater *deflater,
                                          const uint8_t *part,
                                          size_t part_len,
                                          bool last,
                                          uint8_t *out,
                                          size_t out_len,
                                          size_t *written);

/**
 * Empties the window: the next message does not depend on earlier ones.
 */
barews_error barews_deflater_forget(struct barews_deflater *deflater);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* BAREWS_H */

#ifdef __cplusplus
#define BAREWS_CHECK(what) static_assert(what, #what)
#else
#define BAREWS_CHECK(what) _Static_assert(what, #what)
#endif
BAREWS_CHECK(sizeof(void *) == sizeof(size_t));
BAREWS_CHECK(sizeof(bool) == 1);
BAREWS_CHECK(sizeof(barews_server) == 8 * BAREWS_SERVER_WORDS);
BAREWS_CHECK(sizeof(barews_client) == 8 * BAREWS_CLIENT_WORDS);
BAREWS_CHECK(sizeof(barews_server_connection) == 8 * BAREWS_SERVER_CONNECTION_WORDS);
BAREWS_CHECK(sizeof(barews_client_connection) == 8 * BAREWS_CLIENT_CONNECTION_WORDS);
BAREWS_CHECK(offsetof(barews_event, kind) == 2 * sizeof(void *) + 12);
#undef BAREWS_CHECK
