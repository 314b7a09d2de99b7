// The part of a transaction that adds a list of old passwords.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "vault/store/schema.hpp"
#include "vault/store/transaction.hpp"

namespace bmcvault::vault {
namespace {

Result<void> check_listed(const NewListedPassword& password, std::size_t entry) {
    const auto wrong = [&](std::string_view what) {
        return fail(ErrorCode::kInvalidArgument, fmt::format("entry {}: {}", entry, what));
    };
    if (!is_printable_name(password.label, kMaxLabelSize))
        return wrong(fmt::format("the label is not 1 to {} printable characters", kMaxLabelSize));
    if (password.password.expose([](auto bytes) { return bytes.front() == 0; })) return wrong("the password is empty");
    if (password.used_from && password.used_until && *password.used_until < *password.used_from)
        return wrong("its use ends before it begins");
    return {};
}

Result<void> check_list(const std::string& name, std::span<const NewListedPassword> passwords) {
    if (!is_printable_name(name, kMaxListNameSize))
        return fail(ErrorCode::kInvalidArgument,
                    fmt::format("the list's name is not 1 to {} printable characters", kMaxListNameSize));
    if (passwords.empty()) return fail(ErrorCode::kInvalidArgument, "a list without passwords");
    for (std::size_t i = 0; i < passwords.size(); ++i)
        if (auto checked = check_listed(passwords[i], i + 1); !checked) return checked;
    return {};
}

}  // namespace

Result<std::int64_t> StoreTransaction::number(std::string_view sql, const Database::Values& values) {
    std::int64_t found = 0;
    auto done = database_.query(sql, values, [&](const Row& row) {
        found = row.integer(0);
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    return found;
}

Result<void> StoreTransaction::refuse_taken_list(const std::string& name) {
    const auto taken = number("SELECT count(*) FROM password_list WHERE name=?", {name});
    if (!taken) return std::unexpected(taken.error());
    if (*taken == 0) return {};
    return fail(ErrorCode::kAlreadyExists, fmt::format("there is a list of passwords named \"{}\" already", name));
}

Result<void> StoreTransaction::refuse_too_many(std::size_t more) {
    const auto there = number("SELECT count(*) FROM listed_password");
    if (!there) return std::unexpected(there.error());
    if (static_cast<std::size_t>(*there) + more <= kMaxListedPasswords) return {};
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a vault holds at most {} listed passwords: {} are there, {} would come",
                            kMaxListedPasswords, *there, more));
}

Result<std::uint32_t> StoreTransaction::insert_list(const std::string& name) {
    const auto next = number("SELECT coalesce(max(id),0)+1 FROM password_list");
    if (!next) return std::unexpected(next.error());
    auto done = database_.run("INSERT INTO password_list(id,name,compartment_id,created_at) VALUES(?,?,?,?)",
                              {*next, name, kDefaultCompartment, now_});
    if (!done) return std::unexpected(done.error());
    return static_cast<std::uint32_t>(*next);
}

Result<void> StoreTransaction::insert_listed(std::uint32_t list, std::uint32_t entry,
                                             const NewListedPassword& password) {
    const auto taken = number("SELECT count(*) FROM listed_password WHERE label=?", {password.label});
    if (!taken) return std::unexpected(taken.error());
    if (*taken != 0)
        return fail(ErrorCode::kAlreadyExists,
                    fmt::format("there is a listed password labelled \"{}\" already", password.label));
    const auto epoch = keyring_.active_epoch(kDefaultCompartment);
    const auto* key = keyring_.data_key(kDefaultCompartment, epoch);
    if (key == nullptr) return fail(ErrorCode::kNotPermitted, "your slot does not open the compartment of the lists");
    const ListSealContext context{keyring_.header().vault_id, list, entry, epoch};
    return database_.run(
        "INSERT INTO listed_password(list_id,entry,label,stored_size,used_from,used_until,epoch,sealed) "
        "VALUES(?,?,?,?,?,?,?,?)",
        {list, entry, password.label, static_cast<int>(password.size), password.used_from, password.used_until, epoch,
         seal(password.password, context, *key, random_nonce())});
}

Result<std::uint32_t> StoreTransaction::add_password_list(const std::string& name,
                                                          std::span<const NewListedPassword> passwords) {
    if (auto checked = check_list(name, passwords); !checked) return std::unexpected(checked.error());
    if (auto free = refuse_taken_list(name); !free) return std::unexpected(free.error());
    if (auto few = refuse_too_many(passwords.size()); !few) return std::unexpected(few.error());
    const auto list = insert_list(name);
    if (!list) return list;
    std::uint32_t entry = 0;
    for (const auto& password : passwords)
        if (auto done = insert_listed(*list, ++entry, password); !done) return std::unexpected(done.error());
    const nlohmann::json body{{"count", passwords.size()}, {"list", *list}, {"name", name}};
    if (auto done = audit("passwords.imported", std::nullopt, body.dump()); !done) return std::unexpected(done.error());
    return list;
}

}  // namespace bmcvault::vault
