#include "cli/certificate_files.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/json.hpp"
#include "cli/plain_file.hpp"
#include "cli/signed_file.hpp"
#include "cli/signed_text.hpp"
#include "vault/store/vault_files.hpp"

namespace bmcvault::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxCertificateSize = 4u << 20;  // bytes
constexpr std::size_t kFingerprintDigits = 64;

std::string sha256_of(std::string_view text) {
    Bytes hash(crypto_hash_sha256_BYTES);
    crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
    return to_hex(hash);
}

// Of a certificate, its signature or its key.
std::optional<std::string> content_of(const std::string& file) {
    auto text = read_plain_file(file, kMaxCertificateSize);
    return text ? std::optional(std::move(*text)) : std::nullopt;
}

std::string text_at(const nlohmann::json& object, const char* key) {
    return object.is_object() && object.contains(key) && object[key].is_string() ? object[key].get<std::string>() : "";
}

// What stands there is of this BMC, or nothing does.
bool is_free_for(const std::string& file, const std::string& uuid) {
    const auto there = content_of(file);
    return !there || text_at(nlohmann::json::parse(*there, nullptr, false), "uuid") == uuid;
}

std::string base_of(const std::string& directory, const vault::Bmc& bmc) {
    const auto stem = (fs::path(directory) / file_stem(bmc.name)).string();
    const auto uuid = to_hex(bmc.id.uuid);
    auto base = stem + ".certificate";
    for (int number = 2; !is_free_for(base + ".json", uuid); ++number)
        base = fmt::format("{}-{}.certificate", stem, number);
    return base;
}

// What is certified of which board, in a few words. The signature was verified.
CertifiedFacts facts_of(const std::string& json) {
    const auto object = nlohmann::json::parse(json, nullptr, false);
    return {text_at(object, "bmc"), text_at(object, "serial"), text_at(object, "guid"), text_at(object, "result")};
}

Outcome<void> check_arguments(const DeprovisionCommand& command) {
    if (!command.names.empty())
        return usage_error("deprovision --verify takes one certificate, and no BMC", "one after the other");
    if (!command.signer) return {};
    const bool digits = command.signer->size() == kFingerprintDigits &&
                        command.signer->find_first_not_of("0123456789abcdef") == std::string::npos;
    if (digits) return {};
    return usage_error("--signer: a key is 64 hexadecimal digits, as `bmcvault vault info` shows it", "");
}

}  // namespace

std::string file_stem(std::string name) {
    std::ranges::replace_if(
        name, [](char c) { return c == '/' || c == '\\' || static_cast<unsigned char>(c) < ' '; }, '_');
    if (name.starts_with('.')) name.front() = '_';
    return name;
}

Outcome<void> prepare_directory(const std::string& directory) {
    const auto failed = [&](const Error& error) {
        return std::unexpected(Failure{ExitCode::kNotAsAsked, fmt::format("--output: {}", printable(error.detail)),
                                       "the same command with --output and a directory that you can write to",
                                       "Nothing was changed on any BMC."});
    };
    if (auto made = make_directories(directory); !made) return failed(made.error());
    auto tried = PlainFile::prepare(fs::path(directory) / "certificate", "");
    if (!tried) return failed(tried.error());
    return {};
}

Outcome<CertificateOf> write_certificate(vault::Store& store, const std::string& directory, Certificate certificate) {
    const auto base = base_of(directory, certificate.bmc);
    const auto json = certificate_json(certificate);
    auto files = with_signature(store, base, ".json", json);
    if (!files) return std::unexpected(files.error());
    files->push_back({base + ".html", certificate_html(certificate)});
    const auto written = write_files(*files);
    if (!written) return std::unexpected(written.error());
    return CertificateOf{std::move(certificate), base + ".json", sha256_of(json)};
}

Outcome<void> write_pallet(vault::Store& store, const std::string& directory, const std::vector<CertificateOf>& all) {
    const auto base = (fs::path(directory) / fmt::format("deprovisioned-{}", now().value)).string();
    auto files = with_signature(store, base, ".json", pallet_json(all));
    if (!files) return std::unexpected(files.error());
    files->push_back({base + ".html", pallet_html(all)});
    return write_files(*files);
}

Exit verify_certificate(const Context& context, const DeprovisionCommand& command) {
    if (const auto meant = check_arguments(command); !meant) return std::unexpected(meant.error());
    const auto base =
        command.verify.ends_with(".json") ? command.verify.substr(0, command.verify.size() - 5) : command.verify;
    const auto json = read_plain_file(command.verify, kMaxCertificateSize);
    if (!json) return usage_error(fmt::format("{}: {}", printable(command.verify), printable(json.error().detail)));
    const auto signature = content_of(base + ".sig");
    const auto pem = content_of(base + ".pem");
    if (!signature || !pem)
        return usage_error(fmt::format("{}: needs {}.sig and {}.pem beside it", printable(command.verify),
                                       printable(base), printable(base)));
    const auto key = signer_of(*json, *signature, *pem);
    if (!key)
        return std::unexpected(Failure{ExitCode::kNotAsAsked,
                                       fmt::format("{}: NOT as it was signed", printable(command.verify)),
                                       "ask for the certificate again, and trust nothing in this one", ""});
    const auto signer = to_hex(*key);
    if (command.signer && *command.signer != signer)
        return std::unexpected(Failure{
            ExitCode::kNotAsAsked,
            fmt::format("{}: signed by {}, not by {}", printable(command.verify), signer, printable(*command.signer)),
            "", ""});
    const auto facts = facts_of(*json);
    if (context.options.json) {
        context.out(json_verified(command.verify, signer, command.signer.has_value(), facts));
        return ExitCode::kAsAsked;
    }
    context.out(fmt::format("{}: as it was signed, by key {}{}\nIt says: {} (serial {}, GUID {}): {}\n",
                            printable(command.verify), signer,
                            command.signer ? "" : " (whose key that is was not checked: --signer KEY)",
                            printable(facts.bmc), facts.serial.empty() ? "not readable" : printable(facts.serial),
                            facts.guid.empty() ? "none" : printable(facts.guid), printable(facts.result)));
    return ExitCode::kAsAsked;
}

}  // namespace bmcvault::cli
