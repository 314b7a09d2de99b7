// How secrets come in: a descriptor, a file, systemd's credentials directory, the terminal. Never an argument, never a
// variable. Bytes go from read(2) straight into guarded memory.
#pragma once

#include <optional>
#include <string>

#include "cli/context.hpp"
#include "cli/fields.hpp"
#include "cli/secret_text.hpp"
#include "vault/base/secret.hpp"

namespace bmcvault::cli {

// The first that is there: --passphrase-fd, --passphrase-file, $CREDENTIALS_DIRECTORY/bmcvault, a prompt.
[[nodiscard]] Outcome<Passphrase> read_passphrase(const Context& context, const std::string& prompt);
// Without it nobody but a person on the terminal, or an unlock agent, can open the vault.
[[nodiscard]] bool passphrase_is_given(const Context& context);
// The same for a new vault: the prompt asks twice.
[[nodiscard]] Outcome<Passphrase> read_new_passphrase(const Context& context);

// Content of the file of --identity, which has to be closed to others; nullopt without it.
[[nodiscard]] Outcome<std::optional<std::string>> read_identity(const Context& context);

// A share of the break-glass key: a file of this user, closed to others, or typed on the terminal for "-", where each
// line is asked for again until its check fits. `which`: begins the prompt.
[[nodiscard]] Outcome<SecretText> read_share(const std::string& file, const std::string& which);

struct Credential {
    std::optional<PasswordField> password;  // nullopt: unknown
    std::optional<Key20> k_g;
};
// Prompts only with `ask`, or when `prompt_by_default` and there is a terminal.
[[nodiscard]] Outcome<Credential> read_credential(const CredentialInput& input, bool prompt_by_default,
                                                  const std::string& bmc_name);

// A whole file, or standard input for "-". `what` names it in messages.
[[nodiscard]] Outcome<SecretText> read_whole(const Context& context, const std::string& file, std::size_t max_size);

}  // namespace bmcvault::cli
