#include "cli/signed_file.hpp"

#include <fmt/format.h>

#include "cli/plain_file.hpp"
#include "cli/signed_text.hpp"
#include "cli/text.hpp"

namespace bmcvault::cli {
namespace {

Result<void> write_all(std::span<const NamedText> files) {
    std::vector<PlainFile> prepared;
    for (const auto& each : files) {
        const auto directory = std::filesystem::path(each.file).parent_path();
        if (auto made = directory.empty() ? Result<void>{} : make_directories(directory); !made) return made;
        auto file = PlainFile::prepare(each.file, each.text);
        if (!file) return std::unexpected(file.error());
        prepared.push_back(std::move(*file));
    }
    for (auto& file : prepared) {
        if (auto placed = file.put_in_place(); !placed) return placed;
    }
    return {};
}

}  // namespace

Outcome<void> write_files(std::span<const NamedText> files) {
    const auto written = write_all(files);
    if (written) return {};
    return std::unexpected(Failure{ExitCode::kNotAsAsked, printable(written.error().detail),
                                   "see to room and rights there, then the same command again", ""});
}

Outcome<std::vector<NamedText>> with_signature(vault::Store& store, const std::string& base, std::string_view ending,
                                               std::string text) {
    const auto signature = store.team().sign_statement(text);
    if (!signature) return vault_error("signing", signature.error());
    const auto& bytes = signature->signature;
    std::vector<NamedText> files;
    files.push_back({base + std::string(ending), std::move(text)});
    files.push_back({base + ".sig", std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size())});
    files.push_back({base + ".pem", public_key_pem(signature->signer)});
    return files;
}

}  // namespace bmcvault::cli
