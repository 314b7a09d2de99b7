// bmc import-passwords: a file of old passwords becomes a sealed list in the vault. No BMC is contacted.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>

#include "cli/commands.hpp"
#include "cli/json.hpp"
#include "cli/password_list.hpp"
#include "cli/secret_input.hpp"

namespace bmcvault::cli {
namespace {

using vault::ListedPassword;
using vault::NewListedPassword;

// Which passwords were seen. It keeps hashes under a key of its own and compares those, so neither its memory nor the
// time that it takes tells anything of a password.
class SeenPasswords {
public:
    SeenPasswords() {
        key_.expose_mutable([](auto key) { crypto_generichash_keygen(key.data()); });
    }
    // False when it was there.
    bool insert(const Key20& password) {
        std::array<std::uint8_t, crypto_generichash_BYTES> hash{};
        key_.expose([&](auto key) {
            password.expose([&](auto bytes) {
                crypto_generichash(hash.data(), hash.size(), bytes.data(), bytes.size(), key.data(), key.size());
            });
        });
        return hashes_.insert(hash).second;
    }

private:
    Secret<crypto_generichash_KEYBYTES> key_;
    std::set<std::array<std::uint8_t, crypto_generichash_BYTES>> hashes_;
};

struct NewList {
    std::vector<NewListedPassword> passwords;
    std::vector<std::size_t> lines;  // of the file, for each of them
    std::size_t total = 0;           // passwords in the file
    std::size_t repeated = 0;        // ... of them in the file before
    std::size_t known = 0;           // ... of them in a list of the vault
};

Outcome<std::string> name_of_list(const BmcImportPasswordsCommand& command) {
    const bool given = !command.list_name.empty();
    if (!given && command.file == "-") return usage_error("standard input has no name: the list needs a --label NAME");
    std::string name = given ? command.list_name : std::filesystem::path(command.file).stem().string();
    if (vault::is_printable_name(name, vault::kMaxListNameSize)) return name;
    return usage_error(
        fmt::format("{} can't be the list's name: that is printable ASCII, at most {} characters, with no "
                    "space at either end",
                    given ? "--label" : "the file's name", vault::kMaxListNameSize),
        given ? "" : "the same command with --label NAME");
}

Outcome<SeenPasswords> passwords_in_lists(const vault::Store& store, const std::vector<ListedPassword>& listed) {
    SeenPasswords seen;
    for (const auto& password : listed) {
        const auto secret = store.unseal(password);
        if (!secret) return vault_error(fmt::format("bmc import-passwords: {}", password.label), secret.error());
        seen.insert(*secret);
    }
    return seen;
}

NewList without_repeated(std::vector<PasswordLine> rows, const std::string& name, SeenPasswords& in_vault) {
    NewList list;
    list.total = rows.size();
    SeenPasswords in_file;
    for (auto& row : rows) {
        if (!in_file.insert(row.password.bytes)) {
            ++list.repeated;
        } else if (!in_vault.insert(row.password.bytes)) {
            ++list.known;
        } else {
            list.lines.push_back(row.line);
            list.passwords.push_back({row.label.empty() ? fmt::format("{} #{}", name, row.line) : std::move(row.label),
                                      std::move(row.password.bytes), row.password.size, row.used_from, row.used_until});
        }
    }
    return list;
}

LineProblems clashing_labels(const NewList& list, const std::vector<ListedPassword>& listed) {
    std::map<std::string_view, std::size_t> lines;  // 0: in the vault
    for (const auto& password : listed) lines.emplace(password.label, 0);
    LineProblems problems;
    for (std::size_t i = 0; i < list.passwords.size(); ++i) {
        const auto [same, fresh] = lines.emplace(list.passwords[i].label, list.lines[i]);
        if (fresh) continue;
        problems.add({list.lines[i], "label",
                      same->second == 0 ? "a password of another list has this label"
                                        : fmt::format("the password of line {} has this label", same->second)});
    }
    return problems;
}

std::optional<Failure> no_room(const NewList& list, std::size_t listed) {
    if (listed + list.passwords.size() <= vault::kMaxListedPasswords) return std::nullopt;
    return usage_error(
               fmt::format("a vault holds at most {} listed passwords: {} are there and {} would come; nothing was "
                           "imported",
                           vault::kMaxListedPasswords, listed, list.passwords.size()))
        .error();
}

Result<void> add_list(vault::Transaction& transaction, const Context& context, const std::string& name,
                      const NewList& list) {
    if (auto added = transaction.add_password_list(name, list.passwords); !added) return std::unexpected(added.error());
    const auto& reason = context.options.reason;
    const auto& ticket = context.options.ticket;
    if (reason.empty() && ticket.empty()) return {};
    return transaction.audit("passwords.import-reason", std::nullopt,
                             json_body({{"name", name}, {"reason", reason}, {"ticket", ticket}}));
}

std::string skipped(const NewList& list) {
    std::vector<std::string> parts;
    if (list.repeated > 0) parts.push_back(fmt::format("{} repeated in the file", list.repeated));
    if (list.known > 0) parts.push_back(fmt::format("{} in a list already", list.known));
    return parts.empty() ? "" : fmt::format(" ({})", fmt::join(parts, ", "));
}

std::string sentence(const NewList& list, const std::string& name) {
    if (list.passwords.empty())
        return fmt::format("Nothing to import: each of the {} is in a list already.", counted(list.total, "password"));
    return fmt::format("Imported {} as list '{}'{}. Nothing was sent to any BMC. Next: bmcvault recover --failed",
                       counted(list.passwords.size(), "old password"), name, skipped(list));
}

void report(const Context& context, const NewList& list, const std::string& name) {
    const bool dry_run = context.options.dry_run;
    if (!context.options.json) {
        context.out(context.commands(sentence(list, name)) + (dry_run ? " (dry run, nothing was changed)\n" : "\n"));
        return;
    }
    OutcomeCounts outcomes;
    for (const auto& [word, count] :
         OutcomeCounts{{"imported", list.passwords.size()}, {"repeated", list.repeated}, {"known", list.known}})
        if (count > 0) outcomes.emplace_back(word, count);
    context.out(json_summary(PlainSummary{"bmc import-passwords", list.total, outcomes, std::nullopt, dry_run}));
}

}  // namespace

Exit perform(const Context& context, const BmcImportPasswordsCommand& command) {
    const auto name = name_of_list(command);
    if (!name) return std::unexpected(name.error());
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const std::string file = command.file == "-" ? "standard input" : printable(command.file);
    const auto text = read_whole(context, command.file, kMaxPasswordListSize);
    if (!text) return std::unexpected(text.error());
    auto rows = text->expose([](std::string_view bytes) { return parse_password_list(bytes); });
    if (!rows) return bad_file(file, rows.error());

    const auto listed = (*store)->listed_passwords();
    if (!listed) return vault_error("bmc import-passwords", listed.error());
    if (std::ranges::count(*listed, *name, &ListedPassword::list_name) > 0)
        return usage_error(fmt::format("there is a list of passwords named '{}' already; nothing was imported", *name),
                           "the same command with another --label NAME");
    auto in_vault = passwords_in_lists(**store, *listed);
    if (!in_vault) return std::unexpected(in_vault.error());
    const auto list = without_repeated(std::move(*rows), *name, *in_vault);
    if (const auto clashes = clashing_labels(list, *listed); clashes.total > 0) return bad_file(file, clashes);
    if (auto failure = no_room(list, listed->size())) return std::unexpected(*failure);
    if (!context.options.dry_run && !list.passwords.empty()) {
        auto done = (*store)->transact(actor(), now(), [&](vault::Transaction& transaction) {
            return add_list(transaction, context, *name, list);
        });
        if (!done) return vault_error("bmc import-passwords", done.error());
    }
    report(context, list, *name);
    return ExitCode::kAsAsked;
}

}  // namespace bmcvault::cli
