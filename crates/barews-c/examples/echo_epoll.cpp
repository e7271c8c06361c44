// An echo server in C++17 on epoll (Linux): echo_epoll [PORT]
#include <barews.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <unordered_map>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

volatile std::sig_atomic_t stopping = 0;
barews_server_config config;

std::uint64_t now() {
    using namespace std::chrono;
    return static_cast<std::uint64_t>(duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count());
}

class connection {
  public:
    explicit connection(int fd) : fd_(fd) {}
    connection(const connection &) = delete;
    connection &operator=(const connection &) = delete;
    ~connection() { close(fd_); }

    bool begin() { return session_.begin(config, storage_, now()) == BAREWS_OK; }
    bool is_over() const { return is_over_; }
    bool is_waiting() const { return !queue_.empty(); }
    std::uint64_t deadline() { return session_.poll_timeout(); }

    void on_readable() {
        static std::array<std::uint8_t, 64 << 10> buffer;
        const ssize_t len = recv(fd_, buffer.data(), buffer.size(), 0);
        if (len < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (len <= 0)
            session_.receive_eof(now());
        handle({buffer.data(), len > 0 ? static_cast<std::size_t>(len) : 0});
    }

    // Receives bytes, and handles the deadlines.
    void handle(barews::bytes input) {
        session_.receive(
            input, now(), [this](const barews_event &event) { on_event(event); },
            [this] {
                std::uint8_t out[512];
                while (const std::size_t len = session_.poll_transmit(out))
                    queue_.insert(queue_.end(), out, out + len);
            });
        flush();
    }

    void flush() {
        while (!queue_.empty()) {
            const ssize_t len = send(fd_, queue_.data(), queue_.size(), MSG_NOSIGNAL);
            if (len < 0) {
                is_over_ |= errno != EAGAIN && errno != EINTR;
                return;
            }
            queue_.erase(queue_.begin(), queue_.begin() + len);
            session_.on_written(now());
        }
        if (session_.transport() == BAREWS_TRANSPORT_HALF_CLOSE)
            shutdown(fd_, SHUT_WR);
    }

    void stop() {
        std::uint8_t out[BAREWS_MAX_CONTROL_FRAME];
        if (const auto close_frame = session_.write_close(1001, "the server stops", now(), out))
            queue_.insert(queue_.end(), out, out + close_frame.size);
        else
            is_over_ = true; // the handshake is not done
        flush();
    }

  private:
    void on_event(const barews_event &event) {
        barews_request request;
        switch (event.kind) {
        case BAREWS_EVENT_REQUEST:
            if (session_.request(request))
                is_over_ |= (request.is_upgrade ? session_.accept() : session_.respond(404)) != BAREWS_OK;
            break;
        case BAREWS_EVENT_DATA: {
            std::uint8_t header[BAREWS_MAX_HEADER];
            const barews::bytes payload{event.payload, event.len};
            if (const auto frame = session_.frame(event.opcode, event.last, payload, now(), header)) {
                queue_.insert(queue_.end(), header, header + frame.size);
                queue_.insert(queue_.end(), payload.data, payload.data + payload.size);
            }
            break;
        }
        case BAREWS_EVENT_FAILED:
            std::fprintf(stderr, "connection %d: %s\n", fd_, barews_error_name(event.error));
            break;
        case BAREWS_EVENT_OVER:
            is_over_ = true;
            break;
        default:
            break;
        }
    }

    int fd_;
    bool is_over_ = false;
    barews::server session_;
    std::array<std::uint8_t, 512> storage_;
    std::vector<std::uint8_t> queue_;
};

using connections = std::unordered_map<int, std::unique_ptr<connection>>;

// Tells epoll what a connection waits for: nothing is read while it does not take its echo.
void watch(int poller, int fd, bool is_waiting, int how) {
    epoll_event event{};
    event.events = is_waiting ? EPOLLOUT : EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(poller, how, fd, &event);
}

void accept_all(int listener, int poller, connections &all) {
    int fd;
    while ((fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0) {
        const int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        auto it = std::make_unique<connection>(fd);
        if (it->begin()) {
            all[fd] = std::move(it);
            watch(poller, fd, false, EPOLL_CTL_ADD);
        }
    }
}

int listen_at(std::uint16_t port) {
    const int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    socklen_t size = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, reinterpret_cast<sockaddr *>(&address), size) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, reinterpret_cast<sockaddr *>(&address), &size) != 0)
        return -1;
    std::printf("ws://127.0.0.1:%d/\n", ntohs(address.sin_port));
    std::fflush(stdout);
    return fd;
}

} // namespace

int main(int argc, char **argv) {
    barews_server_settings settings;
    barews_server_settings_init(&settings);
    settings.origin = BAREWS_ORIGIN_ANY; // nothing here is secret
    const int listener = listen_at(static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 9001));
    const int poller = epoll_create1(0);
    if (barews_server_config_init(&config, &settings) != BAREWS_OK || listener < 0 || poller < 0) {
        std::perror("echo_epoll");
        return 1;
    }
    struct sigaction on_signal{};
    on_signal.sa_handler = [](int) { stopping = 1; };
    sigaction(SIGINT, &on_signal, nullptr);
    sigaction(SIGTERM, &on_signal, nullptr);
    watch(poller, listener, false, EPOLL_CTL_ADD);

    connections all;
    bool is_closing = false;
    while (!is_closing || !all.empty()) {
        std::array<epoll_event, 64> events;
        const int ready = epoll_wait(poller, events.data(), events.size(), 100);
        for (int i = 0; i < ready; i++) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd == listener) {
                accept_all(listener, poller, all);
                continue;
            }
            const auto found = all.find(fd);
            if (found == all.end())
                continue;
            if (found->second->is_waiting())
                found->second->flush();
            else
                found->second->on_readable();
        }
        if (stopping && !is_closing) {
            is_closing = true;
            close(listener);
            for (auto &entry : all)
                entry.second->stop();
        }
        for (auto entry = all.begin(); entry != all.end();) {
            connection &it = *entry->second;
            if (it.deadline() <= now())
                it.handle({});
            if (!it.is_over())
                watch(poller, entry->first, it.is_waiting(), EPOLL_CTL_MOD);
            entry = it.is_over() ? all.erase(entry) : std::next(entry);
        }
    }
    return 0;
}
