// A real BMC server as a child process with a directory of its own; ready when its UDP port is bound.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ipmi/io/network.hpp"

namespace bmcvault::ipmi::test {

class ServerProcess {
public:
    // Debian's ipmi_sim with two accounts, ADMIN/ADMIN and rotator/rotpass0, and `user6` disabled.
    // `k_g`: up to 19 characters, empty: none.
    [[nodiscard]] static std::unique_ptr<ServerProcess> ipmi_sim(std::string_view k_g = {});
    // python3-pyghmi's BMC: suite 3, ADMIN with `password`.
    [[nodiscard]] static std::unique_ptr<ServerProcess> pyghmi(std::string_view password, std::string_view k_g);
    ~ServerProcess();  // ends the child, removes its directory
    ServerProcess(const ServerProcess&) = delete;
    ServerProcess& operator=(const ServerProcess&) = delete;

    [[nodiscard]] Peer peer() const;
    [[nodiscard]] bool running() const;

private:
    ServerProcess();
    void write(std::string_view name, std::string_view text) const;
    void start(const std::vector<std::string>& arguments);
    void wait_until_bound() const;

    std::filesystem::path directory_;
    std::uint16_t port_;
    pid_t pid_ = -1;
};

}  // namespace bmcvault::ipmi::test
