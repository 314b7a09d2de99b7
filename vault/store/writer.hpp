// The one thread that writes: group commit off the network thread (one fsync for up to 32 rotations).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "vault/store/store.hpp"

namespace bmcvault::vault {

class Writer {
public:
    using Clock = std::function<UnixTime()>;
    using Done = std::function<void(Result<void>)>;

    // Owns the store. `actor` goes into every audit record it writes.
    Writer(std::unique_ptr<Store> store, std::string actor, Clock clock);
    ~Writer();  // finishes what was submitted
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    // `work` runs on the writer thread inside a savepoint; `done` is called there after COMMIT said OK or the reason
    // it did not. Submitted works are committed in order, up to 32 in one transaction.
    void submit(Store::Work work, Done done);

    // `read` runs on the writer thread in the order of submission: sees every earlier work. Reads in a row, up to 32,
    // see the vault as of one moment.
    void submit_read(std::function<void(const Store&)> read);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace bmcvault::vault
