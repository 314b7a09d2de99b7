// Errors as values: what went wrong, in words without a secret, with the codes of the wire where there are any.
// Input from a BMC, a file or a user that is wrong is an Error; our own bug is a CHECK (check.hpp).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <utility>

namespace bmcvault {

enum class ErrorCode {
    kInvalidArgument,  // bad input: names what and where
    kNotFound,
    kAlreadyExists,
    kConflict,       // a rule of the vault forbids it (illegal state change, second pending version)
    kIo,             // the operating system refused; detail holds strerror text
    kNoSpace,        // disk full: nothing was stored
    kNoEscrow,       // the escrow log can't be written as it is: nothing was stored
    kUnsafeFile,     // owner, mode or file system not acceptable
    kWrongKey,       // passphrase or key does not open it
    kNotPermitted,   // opened, or no member at all: the passphrase is not what is missing
    kDamaged,        // MAC, seal, hash chain or database page does not verify
    kRolledBack,     // older than what this host has seen
    kBusy,           // someone else holds the lock; try again
    kUnsupported,    // newer format, or the BMC has no such command
    kWrongLibrary,   // plain SQLite where SQLCipher must be
    kNoMemory,       // memory for the key derivation or locked memory is missing
    kCommitUnknown,  // COMMIT did not say OK: re-read before going on (I5)
    kNoAnswer,       // time-out: the effect is unknown, not none
    kProtocol,       // bytes that are not IPMI 2.0
    kRefused,        // the BMC answered with completion_code
    kCancelled,
};

struct Error {
    ErrorCode code;
    std::string detail;  // never holds a secret
    std::optional<std::uint8_t> completion_code{};
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string detail) {
    return std::unexpected<Error>(Error{code, std::move(detail), std::nullopt});
}

}  // namespace bmcvault
