// The virtual BMC under arbitrary datagrams: it is a server too, and `bmcvault practice` puts it on a socket.
#include "ipmi/virtual_bmc/virtual_bmc.hpp"

#include "tests/fuzz/fuzz_input.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace bmcvault;
    fuzz::Input input(data, size);
    virtual_bmc::VirtualBmc bmc(virtual_bmc::plain_config(0, 1));
    virtual_bmc::TimePoint now{};
    for (int datagrams = 0; !input.empty() && datagrams < 64; ++datagrams) {
        const std::size_t length = input.take_byte();
        now += std::chrono::milliseconds(input.take_byte() * 16);
        for (const auto& reply : bmc.handle(input.take(length), "127.0.0.1:50000", now)) {
            BMCVAULT_CHECK(reply.datagram.size() >= 4 && reply.datagram.size() <= 1024);
        }
    }
    // Nobody logs in, or changes anything, by chance.
    BMCVAULT_CHECK(bmc.counters().sessions_opened == 0);
    BMCVAULT_CHECK(bmc.counters().passwords_set == 0 && bmc.counters().k_gs_set == 0);
    return 0;
}
