// One thread, one socket, one heap of delayed datagrams.
#include "ipmi/virtual_bmc/fleet_server.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <queue>

#include "vault/base/check.hpp"

namespace bmcvault::virtual_bmc {

namespace {

constexpr std::size_t kPerSubnet = 250;  // 127.66.0.1 to 127.66.0.250, then 127.66.1.1
constexpr std::size_t kMostBmcs = kPerSubnet * 256;
constexpr std::size_t kBatch = 64;
constexpr std::size_t kDatagramSize = 1024;
constexpr int kSocketBuffer = 8 << 20;
constexpr milliseconds kLongestWait{100};

std::array<std::uint8_t, 4> address_of(std::size_t i) {
    return {127, 66, static_cast<std::uint8_t>(i / kPerSubnet), static_cast<std::uint8_t>(1 + i % kPerSubnet)};
}

// Network byte order in, BMC number out; past the end for addresses that nobody has.
std::size_t number_of(in_addr address) {
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &address.s_addr, bytes.size());
    if (bytes[0] != 127 || bytes[1] != 66 || bytes[3] < 1 || bytes[3] > kPerSubnet) return kMostBmcs;
    return bytes[2] * kPerSubnet + bytes[3] - 1;
}

std::string text_of(const sockaddr_in& peer) {
    std::array<char, INET_ADDRSTRLEN> text{};
    inet_ntop(AF_INET, &peer.sin_addr, text.data(), text.size());
    return fmt::format("{}:{}", text.data(), ntohs(peer.sin_port));
}

struct Socket {
    int fd = -1;
    Socket() = default;
    explicit Socket(int descriptor) : fd(descriptor) {}
    Socket(Socket&& other) noexcept : fd(std::exchange(other.fd, -1)) {}
    Socket& operator=(Socket&& other) noexcept {
        std::swap(fd, other.fd);
        return *this;
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket() {
        if (fd >= 0) close(fd);
    }
};

std::unexpected<Error> system_error(std::string_view what) {
    return fail(ErrorCode::kIo, fmt::format("practice fleet: {}: {}", what, std::strerror(errno)));
}

Result<Socket> open_socket(std::uint16_t port) {
    Socket opened(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (opened.fd < 0) return system_error("socket");
    constexpr std::string_view kLoopback = "lo";
    if (setsockopt(opened.fd, SOL_SOCKET, SO_BINDTODEVICE, kLoopback.data(), kLoopback.size()) != 0) {
        return fail(ErrorCode::kIo,
                    fmt::format("practice fleet: can't bind to the device lo ({}); without that it would answer other "
                                "machines, so it does not start (Linux 5.7 or newer, or CAP_NET_RAW, is needed)",
                                std::strerror(errno)));
    }
    constexpr int kOn = 1;
    if (setsockopt(opened.fd, IPPROTO_IP, IP_PKTINFO, &kOn, sizeof kOn) != 0) return system_error("IP_PKTINFO");
    // Best effort: without the privilege the kernel's limit holds, and a burst may lose datagrams as on any network.
    if (setsockopt(opened.fd, SOL_SOCKET, SO_RCVBUFFORCE, &kSocketBuffer, sizeof kSocketBuffer) != 0) {
        setsockopt(opened.fd, SOL_SOCKET, SO_RCVBUF, &kSocketBuffer, sizeof kSocketBuffer);
    }
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_port = htons(port);
    any.sin_addr.s_addr = htonl(INADDR_ANY);
    if (bind(opened.fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) {
        return system_error(fmt::format("bind to UDP port {}", port));
    }
    return opened;
}

struct Incoming {
    std::size_t bmc = kMostBmcs;
    in_addr asked{};
    sockaddr_in peer{};
    Bytes datagram;
};

// Receives up to kBatch datagrams at once; keeps only those for one of `count` BMCs that came over `device`.
class Receiver {
public:
    Receiver() {
        for (std::size_t i = 0; i < kBatch; ++i) {
            parts_[i] = {buffers_[i].data(), buffers_[i].size()};
            headers_[i].msg_hdr.msg_iov = &parts_[i];
            headers_[i].msg_hdr.msg_iovlen = 1;
        }
    }

    [[nodiscard]] std::vector<Incoming> receive(int fd, unsigned device, std::size_t count) {
        for (std::size_t i = 0; i < kBatch; ++i) {
            msghdr& header = headers_[i].msg_hdr;
            header.msg_name = &peers_[i];
            header.msg_namelen = sizeof peers_[i];
            header.msg_control = controls_[i].data();
            header.msg_controllen = controls_[i].size();
        }
        const int received = recvmmsg(fd, headers_.data(), kBatch, MSG_DONTWAIT, nullptr);
        std::vector<Incoming> out;
        for (std::size_t i = 0; received > 0 && i < static_cast<std::size_t>(received); ++i) {
            const in_pktinfo* info = packet_info(headers_[i].msg_hdr);
            if (info == nullptr || static_cast<unsigned>(info->ipi_ifindex) != device) continue;
            const std::size_t bmc = number_of(info->ipi_addr);
            if (bmc >= count) continue;
            const auto size = std::min<std::size_t>(headers_[i].msg_len, kDatagramSize);
            out.push_back({bmc, info->ipi_addr, peers_[i], Bytes(buffers_[i].begin(), buffers_[i].begin() + size)});
        }
        return out;
    }

private:
    static const in_pktinfo* packet_info(msghdr& header) {
        for (cmsghdr* each = CMSG_FIRSTHDR(&header); each != nullptr; each = CMSG_NXTHDR(&header, each)) {
            if (each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_PKTINFO) {
                return reinterpret_cast<const in_pktinfo*>(CMSG_DATA(each));
            }
        }
        return nullptr;
    }

    struct alignas(cmsghdr) Control : std::array<std::uint8_t, CMSG_SPACE(sizeof(in_pktinfo))> {};

    std::array<mmsghdr, kBatch> headers_{};
    std::array<iovec, kBatch> parts_{};
    std::array<sockaddr_in, kBatch> peers_{};
    std::array<Control, kBatch> controls_{};
    std::array<std::array<std::uint8_t, kDatagramSize>, kBatch> buffers_{};
};

void send_from(int fd, in_addr from, sockaddr_in peer, Bytes& datagram) {
    iovec part{datagram.data(), datagram.size()};
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(in_pktinfo))> control{};
    msghdr header{};
    header.msg_name = &peer;
    header.msg_namelen = sizeof peer;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* info = CMSG_FIRSTHDR(&header);
    info->cmsg_level = IPPROTO_IP;
    info->cmsg_type = IP_PKTINFO;
    info->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
    in_pktinfo source{};
    source.ipi_spec_dst = from;
    std::memcpy(CMSG_DATA(info), &source, sizeof source);
    // A datagram that the kernel does not take is a lost datagram.
    [[maybe_unused]] const ssize_t sent = sendmsg(fd, &header, MSG_DONTWAIT);
}

// A datagram on its way, to a BMC or from it.
struct Travelling {
    TimePoint due;
    std::uint64_t order = 0;  // keeps what is due together in order
    bool to_bmc = false;
    Incoming what;
    bool operator>(const Travelling& other) const { return due != other.due ? due > other.due : order > other.order; }
};

}  // namespace

struct FleetServer::State {
    struct Node {
        VirtualBmc bmc;
        FaultyLink to_bmc;
        FaultyLink from_bmc;
    };

    Socket socket;
    std::uint16_t port = 0;
    unsigned loopback = 0;
    std::mutex mutex;  // over everything below
    std::vector<Node> nodes;
    std::priority_queue<Travelling, std::vector<Travelling>, std::greater<>> heap;
    std::uint64_t order = 0;
    Receiver receiver;

    void put_on_link(FaultyLink& link, bool to_bmc, Incoming what, TimePoint at) {
        const Bytes datagram = std::exchange(what.datagram, {});
        for (Delivery& delivery : link.carry(datagram)) {
            Travelling travelling{at + delivery.delay, order++, to_bmc, what};
            travelling.what.datagram = std::move(delivery.datagram);
            heap.push(std::move(travelling));
        }
    }

    void deliver(Travelling travelling, TimePoint now) {
        Incoming& what = travelling.what;
        if (!travelling.to_bmc) {
            send_from(socket.fd, what.asked, what.peer, what.datagram);
            return;
        }
        Node& node = nodes[what.bmc];
        for (Reply& reply : node.bmc.handle(what.datagram, text_of(what.peer), now)) {
            put_on_link(node.from_bmc, false, {what.bmc, what.asked, what.peer, std::move(reply.datagram)},
                        now + reply.delay);
        }
    }

    // Everything that has come or is due; says how long there is nothing to do.
    milliseconds work() {
        const std::scoped_lock lock(mutex);
        std::vector<Incoming> batch = receiver.receive(socket.fd, loopback, nodes.size());
        const TimePoint now = std::chrono::steady_clock::now();
        for (Incoming& incoming : batch) {
            FaultyLink& link = nodes[incoming.bmc].to_bmc;
            put_on_link(link, true, std::move(incoming), now);
        }
        while (!heap.empty() && heap.top().due <= now) {
            Travelling next = heap.top();
            heap.pop();
            deliver(std::move(next), now);
        }
        if (heap.empty()) return kLongestWait;
        const auto left = std::chrono::ceil<milliseconds>(heap.top().due - now);
        return std::clamp(left, milliseconds{0}, kLongestWait);
    }
};

FleetServer::FleetServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
FleetServer::~FleetServer() = default;

Result<std::unique_ptr<FleetServer>> FleetServer::start(std::vector<Config> bmcs, std::uint16_t port, LinkFaults faults,
                                                        std::uint64_t seed) {
    if (bmcs.size() > kMostBmcs) {
        return fail(ErrorCode::kInvalidArgument,
                    fmt::format("practice fleet: {} BMCs, the most is {}", bmcs.size(), kMostBmcs));
    }
    auto state = std::make_unique<State>();
    Result<Socket> opened = open_socket(port);
    if (!opened) return std::unexpected(opened.error());
    state->socket = std::move(*opened);
    state->loopback = if_nametoindex("lo");
    if (state->loopback == 0) return system_error("device lo");
    sockaddr_in bound{};
    socklen_t size = sizeof bound;
    if (getsockname(state->socket.fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
        return system_error("getsockname");
    }
    state->port = ntohs(bound.sin_port);
    std::mt19937_64 seeds(seed);
    state->nodes.reserve(bmcs.size());
    for (std::size_t i = 0; i < bmcs.size(); ++i) {
        bmcs[i].address = address_of(i);
        const std::uint64_t there = seeds();
        const std::uint64_t back = seeds();
        state->nodes.push_back({VirtualBmc(std::move(bmcs[i])), FaultyLink(faults, there), FaultyLink(faults, back)});
    }
    return std::unique_ptr<FleetServer>(new FleetServer(std::move(state)));
}

std::uint16_t FleetServer::port() const {
    return state_->port;
}

std::string FleetServer::address(std::size_t i) const {
    BMCVAULT_CHECK(i < kMostBmcs && state_ != nullptr);
    const auto bytes = address_of(i);
    return fmt::format("{}.{}.{}.{}", bytes[0], bytes[1], bytes[2], bytes[3]);
}

void FleetServer::serve(const std::atomic<bool>& stop) {
    while (!stop.load()) {
        const milliseconds wait = state_->work();
        pollfd waiting{state_->socket.fd, POLLIN, 0};
        poll(&waiting, 1, static_cast<int>(wait.count()));
    }
}

void FleetServer::inspect(std::size_t i, const std::function<void(VirtualBmc&)>& look) {
    const std::scoped_lock lock(state_->mutex);
    BMCVAULT_CHECK(i < state_->nodes.size());
    look(state_->nodes[i].bmc);
}

}  // namespace bmcvault::virtual_bmc
