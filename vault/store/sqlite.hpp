// SQLCipher behind a small RAII face: keyed open, cached statements, typed errors. Internal to vault/store.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "vault/base/bytes.hpp"
#include "vault/base/error.hpp"
#include "vault/core/keys.hpp"
#include "vault/core/state_root.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace bmcvault::vault {

// A value of a column. Never a plain secret: those are sealed before they come here.
class Value {
public:
    Value() = default;  // NULL
    Value(std::integral auto number) : data_(static_cast<std::int64_t>(number)) {}
    Value(std::string_view text) : data_(std::string(text)) {}
    Value(const std::string& text) : data_(text) {}
    Value(const char* text) : data_(std::string(text)) {}
    Value(ByteView bytes) : data_(Bytes(bytes.begin(), bytes.end())) {}
    Value(const Bytes& bytes) : data_(bytes) {}
    template <std::size_t N>
    Value(const std::array<std::uint8_t, N>& bytes) : Value(ByteView(bytes)) {}
    Value(UnixTime time) : Value(time.value) {}
    template <class T>
    Value(const std::optional<T>& maybe) {
        if (maybe) *this = Value(*maybe);
    }
    friend bool operator==(const Value&, const Value&) = default;

    using Data = std::variant<std::monostate, std::int64_t, std::string, Bytes>;
    [[nodiscard]] const Data& data() const { return data_; }

private:
    Data data_;
};

// What a connection needs of a vault generation.
struct DatabaseKeys {
    Secret<kSqlcipherKeySize> sqlcipher;
    Key32 state;  // of the functions root_with and root_without

    [[nodiscard]] static DatabaseKeys of(const Key32& master_key) {
        return {derive_sqlcipher_key(master_key), derive_state_key(master_key)};
    }
};

class Row {
public:
    explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
    [[nodiscard]] bool is_null(int column) const;
    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::string text(int column) const;
    [[nodiscard]] Bytes blob(int column) const;
    // All zero when the stored length is another: the schema's CHECKs forbid that.
    template <std::size_t N>
    [[nodiscard]] std::array<std::uint8_t, N> bytes(int column) const {
        std::array<std::uint8_t, N> out{};
        const auto all = blob(column);
        if (all.size() == N) std::copy(all.begin(), all.end(), out.begin());
        return out;
    }
    // All columns, as root_with() takes them in the triggers of the schema.
    [[nodiscard]] StateRow state_row(std::string_view table) const;
    [[nodiscard]] std::vector<Value> values() const;
    template <std::integral T>
    [[nodiscard]] std::optional<T> maybe(int column) const {
        if (is_null(column)) return std::nullopt;
        return static_cast<T>(integer(column));
    }
    [[nodiscard]] std::optional<UnixTime> maybe_time(int column) const {
        if (is_null(column)) return std::nullopt;
        return UnixTime{integer(column)};
    }

private:
    sqlite3_stmt* statement_;
};

class Database {
public:
    using Values = std::vector<Value>;
    using EachRow = std::function<Result<void>(const Row&)>;

    // An existing, perhaps empty, file; never creates one. On return every setting that durability and secrecy rest on
    // has been read back. kDamaged when the first page does not open under this key.
    [[nodiscard]] static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file,
                                                                const DatabaseKeys& keys);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    // For the schema only, before restrict().
    [[nodiscard]] Result<void> run_script(const char* sql);
    // From here on: no DDL, no DELETE but of rows of audit, no ATTACH, no PRAGMA but integrity_check, only the
    // functions of our own SQL.
    void restrict();

    // `sql` is a literal: statements are kept by its text.
    [[nodiscard]] Result<void> run(std::string_view sql, const Values& values = {});
    [[nodiscard]] Result<void> query(std::string_view sql, const Values& values, const EachRow& each);
    // All pages as of one moment, into a keyed empty file; writers wait meanwhile. Both sides are encrypted by
    // construction, under one key or two.
    [[nodiscard]] Result<void> copy_to(Database& destination);
    // What a row of this table adds to the root, as the triggers of the schema have it.
    [[nodiscard]] Digest hash_of(std::string_view table, const Row& row) const {
        return row.state_row(table).hash(state_key_);
    }
    // Of these rows, each of a table with this name.
    [[nodiscard]] Result<void> add_rows_to(Digest& root, std::string_view table, std::string_view select_all);
    [[nodiscard]] int changed_rows() const;
    [[nodiscard]] std::int64_t last_row_id() const;
    [[nodiscard]] bool in_transaction() const;
    // A page could not be read or written: use this connection no more.
    [[nodiscard]] bool broken() const { return broken_; }

private:
    Database(sqlite3* connection, Key32 state_key) : connection_(connection), state_key_(std::move(state_key)) {}
    [[nodiscard]] Result<void> configure(const Secret<kSqlcipherKeySize>& key);
    [[nodiscard]] Result<void> add_root_functions();
    [[nodiscard]] Result<sqlite3_stmt*> prepared(std::string_view sql);
    [[nodiscard]] std::unexpected<Error> failure(int code);

    sqlite3* connection_;
    Key32 state_key_;
    bool broken_ = false;
    std::unordered_map<std::string_view, sqlite3_stmt*> statements_;
};

// kWrongLibrary unless SQLCipher itself, of the version compiled against, answers to the sqlite3 names. With plain
// SQLite in its place the vault would be written in clear.
[[nodiscard]] Result<void> check_library();
[[nodiscard]] std::string sqlcipher_version();

// Several reads as of one moment, whatever others write meanwhile; they wait. Within a transaction it adds nothing.
class Moment {
public:
    explicit Moment(Database& database) : database_(database), is_ours_(!database.in_transaction()) {
        if (is_ours_) begun_ = database_.run("BEGIN");
    }
    ~Moment() {
        if (is_ours_ && database_.in_transaction() && !database_.run("COMMIT")) std::ignore = database_.run("ROLLBACK");
    }
    Moment(const Moment&) = delete;
    Moment& operator=(const Moment&) = delete;
    [[nodiscard]] const Result<void>& begun() const { return begun_; }

private:
    Database& database_;
    bool is_ours_;
    Result<void> begun_{};
};

}  // namespace bmcvault::vault
