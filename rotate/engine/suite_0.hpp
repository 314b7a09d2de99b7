// Cipher suite 0 is a door without a lock: anybody gets in as any user (IPMI++ Security Best Practices §4.1).
#pragma once

#include <asio/awaitable.hpp>
#include <string>

#include "rotate/engine/bmc_contact.hpp"

namespace bmcvault::rotate {

struct Suite0End {
    bool closed = false;  // the BMC refuses it: tried, not read
    std::string detail;   // what was found or why not, for people
};

// LAN configuration parameters 23 and 24 (§23.1): the privilege of its entry becomes "unused", no other one is touched.
// Then it is tried again, because BMCs exist that offer it all the same. In the kept session.
[[nodiscard]] asio::awaitable<Suite0End> close_suite_0(BmcContact& contact);

}  // namespace bmcvault::rotate
