// The unlock agent: a process that holds the keys of one slot of one vault for a while, and gives them to commands of
// the same user over a Unix socket. (docs/cli.md)
//
// It is bound to the vault and to its generation: asked about another one it gives nothing, and ends. What it has given
// before is the identity of a member as a file has it, and good for later generations of which that is a member. What
// it holds is in the locked arena of a process of its own, which was started anew: memory locks do not survive a fork.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "cli/agent_life.hpp"
#include "vault/core/keys.hpp"

namespace bmcvault::cli {

struct AgentKeys {
    vault::VaultId vault_id{};
    std::uint64_t generation = 0;
    vault::IdentityKeys keys;
};

// In the directory of this user's running programs; one for each vault directory. kNotFound: there is no such
// directory, or others can write to it.
[[nodiscard]] Result<std::filesystem::path> agent_socket(const std::filesystem::path& vault_directory);

// kNotFound: no agent answers there, or it holds nothing for this vault in this generation. An agent of another user
// is none.
[[nodiscard]] Result<vault::IdentityKeys> keys_from_agent(const std::filesystem::path& socket,
                                                          const vault::VaultId& vault_id, std::uint64_t generation);
enum class Locked : std::uint8_t {
    kNobodyWasThere,
    kWiped,     // its keys
    kNoAnswer,  // within some seconds: it is there, and may hold its keys still
};
struct LockAnswer {
    Locked locked{};
    std::optional<pid_t> agent{};  // who was asked; nullopt: not known
};
[[nodiscard]] LockAnswer lock_agent(const std::filesystem::path& socket);

// Starts this program again as the agent, in a session of its own. On return it answers.
[[nodiscard]] Result<void> start_agent(const std::filesystem::path& socket, const AgentKeys& keys,
                                       const AgentLimits& limits);

// What the process is that start_agent() has started: the listening socket and the keys come as descriptors. Ends with
// the keys.
[[nodiscard]] int serve_as_agent(const AgentLimits& limits);

}  // namespace bmcvault::cli
