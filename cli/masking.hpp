// Takes secrets out of what another program prints, also where they come in pieces. Pure: bytes in, bytes out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/secret_text.hpp"
#include "vault/base/secret.hpp"

namespace bmcvault::cli {

// A secret as programs print it: its bytes, also as JSON spells them, and hexadecimal in both cases, with and without
// spaces.
class MaskedForms {
public:
    void add(const Key20& secret);
    // How many bytes at the beginning of `text` are a form; 0: none.
    [[nodiscard]] std::size_t length_at(std::string_view text) const;
    // Could more bytes behind `text` make it a form?
    [[nodiscard]] bool may_become_one(std::string_view text) const;

private:
    std::vector<SecretText> forms_;
};

// One stream. What may be the beginning of a secret is held back until more has come.
class Masking {
public:
    explicit Masking(const MaskedForms& forms) : forms_(forms) {}
    [[nodiscard]] std::string feed(std::string_view bytes) { return take(bytes, false); }
    [[nodiscard]] std::string finish() { return take({}, true); }

private:
    std::string take(std::string_view bytes, bool last);

    const MaskedForms& forms_;
    SecretText held_;
};

}  // namespace bmcvault::cli
