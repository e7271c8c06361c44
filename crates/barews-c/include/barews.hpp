// barews for C++17: types that own their place, spans, no exceptions, no allocation. Header only, on barews.h.
#ifndef BAREWS_HPP
#define BAREWS_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

#include "barews.h"

namespace barews {

// A pointer and a length, as std::span<std::uint8_t> of C++20, from which it is made as well.
struct bytes {
    std::uint8_t *data = nullptr;
    std::size_t size = 0;

    constexpr bytes() = default;
    constexpr bytes(std::uint8_t *begin, std::size_t length) : data(begin), size(length) {}
    template <std::size_t N> constexpr bytes(std::uint8_t (&array)[N]) : data(array), size(N) {}
    // Any container with data() and size(): std::array, std::vector, std::span.
    template <class C, class = std::enable_if_t<std::is_same_v<decltype(std::declval<C &>().data()), std::uint8_t *>>>
    constexpr bytes(C &container) : data(container.data()), size(container.size()) {}

    constexpr bytes from(std::size_t at) const { return {data + at, size - at}; }
};

inline barews_str str(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view view(barews_str text) { return {text.data, text.len}; }

enum class kind : std::uint8_t { text = BAREWS_TEXT, binary = BAREWS_BINARY };

// The outcome of a call that writes: the number of bytes, or why not.
struct written {
    barews_error error;
    std::size_t size;

    explicit operator bool() const { return error == BAREWS_OK; }
};

// What both roles have. `Api` names the functions of one of them.
template <class Api> class session {
  public:
    using state = typename Api::state;

    session() { clear(state_); }
    session(const session &) = delete;
    session &operator=(const session &) = delete;
    // Moving copies the bytes, to which the library keeps no pointer. A session that was moved from is one that was not begun.
    session(session &&other) noexcept { take(other); }
    session &operator=(session &&other) noexcept {
        if (this != &other)
            take(other);
        return *this;
    }
    ~session() = default; // there is nothing to release

    // Receives all of `input`: calls `on_event(const barews_event &)` for each event, and `write()` whenever something is due.
    // Returns the bytes that wait until the request or the response is answered.
    template <class OnEvent, class Write>
    bytes receive(bytes input, std::uint64_t now, OnEvent &&on_event, Write &&write) {
        barews_event event;
        do {
            const std::size_t used = Api::receive(&state_, input.data, input.size, now, &event);
            if (used > 0)
                input = input.from(used);
            if (event.kind != BAREWS_EVENT_NONE)
                on_event(static_cast<const barews_event &>(event));
            if (is_due())
                write();
        } while (event.kind != BAREWS_EVENT_NONE && event.kind != BAREWS_EVENT_OVER);
        return input;
    }

    void receive_eof(std::uint64_t now) { Api::receive_eof(&state_, now); }
    std::size_t poll_transmit(bytes out) { return Api::poll_transmit(&state_, out.data, out.size); }
    std::uint64_t poll_timeout() { return Api::poll_timeout(&state_); }
    barews_transport transport() { return Api::transport(&state_); }
    bool is_open() { return Api::get_state(&state_) == BAREWS_STATE_OPEN; }
    bool is_due() { return Api::is_due(&state_); }
    barews_error error() { return Api::error(&state_); }
    std::uint16_t close_code() { return Api::close_code(&state_); }
    std::string_view close_reason() { return view(Api::close_reason(&state_)); }
    barews_error fail(barews_error error) { return Api::fail(&state_, error); }
    void on_written(std::uint64_t now) { Api::on_written(&state_, now); }

    written write_message(kind which, const void *body, std::size_t size, std::uint64_t now, bytes out) {
        written result{};
        result.error = Api::write_message(&state_, static_cast<std::uint8_t>(which),
                                           static_cast<const std::uint8_t *>(body), size, now, out.data, out.size,
                                           &result.size);
        return result;
    }
    written write_text(std::string_view text, std::uint64_t now, bytes out) {
        return write_message(kind::text, text.data(), text.size(), now, out);
    }
    // Begins a frame with the payload, which a client masks in place: send the header in `out`, then the payload.
    written frame(std::uint8_t which, bool last, bytes payload, std::uint64_t now, bytes out, std::uint8_t rsv = 0) {
        written result{};
        result.error = Api::begin_frame(&state_, which, last, rsv, payload.size, now, out.data, out.size, &result.size);
        if (result)
            result.error = Api::mask_payload(&state_, payload.data, payload.size, now);
        return result;
    }
    written write_ping(std::string_view payload, std::uint64_t now, bytes out) {
        written result{};
        result.error = Api::write_ping(&state_, reinterpret_cast<const std::uint8_t *>(payload.data()), payload.size(),
                                        now, out.data, out.size, &result.size);
        return result;
    }
    written write_close(std::uint16_t code, std::string_view reason, std::uint64_t now, bytes out) {
        written result{};
        result.error = Api::write_close(&state_, code, str(reason), now, out.data, out.size, &result.size);
        return result;
    }

    // For the functions of barews.h.
    state *get() { return &state_; }

  protected:
    state state_;

  private:
    static void clear(state &place) { std::memset(&place, 0, sizeof place); }
    void take(session &other) {
        std::memcpy(&state_, &other.state_, sizeof state_);
        clear(other.state_);
    }
};

namespace detail {
#define BAREWS_API(role)                                                                                               \
    struct role##_api {                                                                                                \
        using state = barews_##role;                                                                                   \
        static constexpr auto receive = barews_##role##_receive;                                                       \
        static constexpr auto receive_eof = barews_##role##_receive_eof;                                               \
        static constexpr auto poll_transmit = barews_##role##_poll_transmit;                                           \
        static constexpr auto poll_timeout = barews_##role##_poll_timeout;                                             \
        static constexpr auto transport = barews_##role##_transport;                                                   \
        static constexpr auto get_state = barews_##role##_state;                                                       \
        static constexpr auto is_due = barews_##role##_is_due;                                                         \
        static constexpr auto error = barews_##role##_error;                                                           \
        static constexpr auto close_code = barews_##role##_close_code;                                                 \
        static constexpr auto close_reason = barews_##role##_close_reason;                                             \
        static constexpr auto fail = barews_##role##_fail;                                                             \
        static constexpr auto on_written = barews_##role##_on_written;                                                 \
        static constexpr auto write_message = barews_##role##_write_message;                                           \
        static constexpr auto begin_frame = barews_##role##_begin_frame;                                               \
        static constexpr auto mask_payload = barews_##role##_mask_payload;                                             \
        static constexpr auto write_ping = barews_##role##_write_ping;                                                 \
        static constexpr auto write_close = barews_##role##_write_close;                                               \
    }
BAREWS_API(server);
BAREWS_API(client);
#undef BAREWS_API
} // namespace detail

// A server's session.
class server : public session<detail::server_api> {
  public:
    // `config` and `storage` must outlive the session.
    barews_error begin(const barews_server_config &config, bytes storage, std::uint64_t now,
                        const barews_timeouts *timeouts = nullptr) {
        return barews_server_init(&state_, &config, storage.data, storage.size, timeouts, now);
    }
    bool request(barews_request &request) { return barews_server_request(&state_, &request); }
    barews_error accept(const barews_accept *accept = nullptr, const barews_config *config = nullptr) {
        return barews_server_accept(&state_, accept, config);
    }
    // `body` must outlive the session.
    barews_error respond(std::uint16_t status, std::string_view body = {}, const barews_field *fields = nullptr,
                          std::size_t count = 0) {
        return barews_server_respond(&state_, status, fields, count, reinterpret_cast<const std::uint8_t *>(body.data()),
                                     body.size());
    }
    barews_error refuse(barews_error error) { return barews_server_refuse(&state_, error); }
};

// A client's session.
class client : public session<detail::client_api> {
  public:
    // `config` and `storage` must outlive the session.
    barews_error begin(const barews_client_config &config, const barews_client_request &request,
                       const barews_key_source &keys, bytes storage, std::uint64_t now,
                       const barews_timeouts *timeouts = nullptr) {
        return barews_client_init(&state_, &config, &request, &keys, storage.data, storage.size, timeouts, now);
    }
    bool response(barews_response &response) { return barews_client_response(&state_, &response); }
    barews_error connect(const barews_key_source &keys, const barews_config *config = nullptr) {
        return barews_client_connect(&state_, &keys, config);
    }
};

} // namespace barews

#endif
