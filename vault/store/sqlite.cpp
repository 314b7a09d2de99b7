#include "vault/store/sqlite.hpp"

#include <fmt/format.h>
#include <openssl/rand.h>
#include <sodium.h>
#include <sqlcipher/sqlite3.h>

#include <algorithm>
#include <array>

#include "vault/base/check.hpp"

namespace bmcvault::vault {
namespace {

constexpr int kBusyTimeoutMs = 15'000;
constexpr int kMaxValueSize = 2 << 20;

// What each of these must answer once set. 3.x ignores the first two cipher statements of configure(), 4.x needs them.
struct Setting {
    const char* statement;
    const char* question;
    std::string_view answer;
};
constexpr std::array kSettings{
    Setting{"PRAGMA foreign_keys=ON", "PRAGMA foreign_keys", "1"},
    Setting{"PRAGMA journal_mode=DELETE", "PRAGMA journal_mode", "delete"},
    Setting{"PRAGMA synchronous=EXTRA", "PRAGMA synchronous", "3"},
    Setting{"PRAGMA secure_delete=ON", "PRAGMA secure_delete", "1"},
    Setting{"PRAGMA cell_size_check=ON", "PRAGMA cell_size_check", "1"},
    Setting{"PRAGMA mmap_size=0", "PRAGMA mmap_size", "0"},
    Setting{"PRAGMA locking_mode=NORMAL", "PRAGMA locking_mode", "normal"},
};

bool is_allowed_function(std::string_view name) {
    constexpr std::array<std::string_view, 9> kAllowed{"count",  "max",      "min",       "coalesce",    "length",
                                                       "typeof", "zeroblob", "root_with", "root_without"};
    return std::ranges::find(kAllowed, name) != kAllowed.end();
}

// A list of what our own SQL does; all else is refused, whoever asks.
int authorize(void*, int action, const char* first, const char* second, const char*, const char*) {
    switch (action) {
        case SQLITE_SELECT:
        case SQLITE_READ:
        case SQLITE_INSERT:
        case SQLITE_UPDATE:
        case SQLITE_TRANSACTION:
        case SQLITE_SAVEPOINT:
            return SQLITE_OK;
        case SQLITE_DELETE:  // of what a pack holds
            return first != nullptr && std::string_view(first) == "audit" ? SQLITE_OK : SQLITE_DENY;
        case SQLITE_FUNCTION:
            return second != nullptr && is_allowed_function(second) ? SQLITE_OK : SQLITE_DENY;
        case SQLITE_PRAGMA:
            return first != nullptr && std::string_view(first) == "integrity_check" && second == nullptr ? SQLITE_OK
                                                                                                         : SQLITE_DENY;
        default:
            return SQLITE_DENY;
    }
}

ErrorCode error_code(int code) {
    switch (code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return ErrorCode::kBusy;
        case SQLITE_FULL:
            return ErrorCode::kNoSpace;
        case SQLITE_CONSTRAINT:
            return ErrorCode::kConflict;
        case SQLITE_NOMEM:
            return ErrorCode::kNoMemory;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_ERROR:  // what SQLCipher 3 answers first when a page's HMAC does not fit; our SQL has no mistakes
            return ErrorCode::kDamaged;
        default:
            return code == SQLITE_IOERR_NOMEM ? ErrorCode::kNoMemory : ErrorCode::kIo;
    }
}

int bind(sqlite3_stmt* statement, int index, const Value::Data& data) {
    if (const auto* number = std::get_if<std::int64_t>(&data)) return sqlite3_bind_int64(statement, index, *number);
    if (const auto* text = std::get_if<std::string>(&data))
        return sqlite3_bind_text(statement, index, text->data(), static_cast<int>(text->size()), SQLITE_STATIC);
    if (const auto* bytes = std::get_if<Bytes>(&data); bytes != nullptr && bytes->empty())
        return sqlite3_bind_zeroblob(statement, index, 0);  // no pointer would be NULL
    if (const auto* bytes = std::get_if<Bytes>(&data))
        return sqlite3_bind_blob(statement, index, bytes->data(), static_cast<int>(bytes->size()), SQLITE_STATIC);
    return sqlite3_bind_null(statement, index);
}

// The text form that SQLCipher takes as raw key and salt without deriving anything: x'96 digits'.
int set_raw_key(sqlite3* connection, const Secret<kSqlcipherKeySize>& key) {
    constexpr std::size_t kDigits = 2 * kSqlcipherKeySize;
    Secret<kDigits + 4> text;  // one more for the zero that sodium_bin2hex writes
    return text.expose_mutable([&](auto out) {
        out[0] = 'x';
        out[1] = '\'';
        key.expose([&](auto bytes) {
            sodium_bin2hex(reinterpret_cast<char*>(out.data() + 2), kDigits + 1, bytes.data(), bytes.size());
        });
        out[2 + kDigits] = '\'';
        return sqlite3_key_v2(connection, "main", out.data(), static_cast<int>(kDigits + 3));
    });
}

std::string_view text_of(sqlite3_value* value) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
    return text == nullptr ? std::string_view()
                           : std::string_view(text, static_cast<std::size_t>(sqlite3_value_bytes(value)));
}

ByteView blob_of(sqlite3_value* value) {
    const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_value_blob(value));
    return {bytes, bytes == nullptr ? 0 : static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

// No column of ours holds a floating point number.
void add_value(StateRow& row, sqlite3_value* value) {
    switch (sqlite3_value_type(value)) {
        case SQLITE_NULL:
            return row.add_null();
        case SQLITE_TEXT:
            return row.add_text(text_of(value));
        case SQLITE_BLOB:
            return row.add_blob(blob_of(value));
        default:
            return row.add_integer(sqlite3_value_int64(value));
    }
}

// root_with(root, table, column, ...) and root_without: another root, of the row that the columns are.
template <Digest (*kChange)(const Digest&, const Digest&)>
void change_root(sqlite3_context* context, int count, sqlite3_value** values) {
    Digest root{};
    const auto before = count < 2 ? ByteView() : blob_of(values[0]);
    if (before.size() != root.size()) return sqlite3_result_error(context, "not a root", -1);
    std::ranges::copy(before, root.begin());
    StateRow row(text_of(values[1]));
    for (int i = 2; i < count; ++i) add_value(row, values[i]);
    const auto after = kChange(root, row.hash(*static_cast<const Key32*>(sqlite3_user_data(context))));
    sqlite3_result_blob(context, after.data(), static_cast<int>(after.size()), SQLITE_TRANSIENT);
}

}  // namespace

bool Row::is_null(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}
std::int64_t Row::integer(int column) const {
    return sqlite3_column_int64(statement_, column);
}
std::string Row::text(int column) const {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return text == nullptr ? std::string()
                           : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}
Bytes Row::blob(int column) const {
    const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return data == nullptr ? Bytes() : Bytes(data, data + size);
}

StateRow Row::state_row(std::string_view table) const {
    StateRow row(table);
    const int count = sqlite3_column_count(statement_);
    for (int column = 0; column < count; ++column) add_value(row, sqlite3_column_value(statement_, column));
    return row;
}

std::vector<Value> Row::values() const {
    std::vector<Value> all;
    const int count = sqlite3_column_count(statement_);
    all.reserve(static_cast<std::size_t>(count));
    for (int column = 0; column < count; ++column) switch (sqlite3_column_type(statement_, column)) {
            case SQLITE_NULL:
                all.emplace_back();
                break;
            case SQLITE_TEXT:
                all.emplace_back(text(column));
                break;
            case SQLITE_BLOB:
                all.emplace_back(blob(column));
                break;
            default:
                all.emplace_back(integer(column));
        }
    return all;
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file, const DatabaseKeys& keys) {
    sqlite3* connection = nullptr;
    const int code =
        sqlite3_open_v2(file.c_str(), &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_PRIVATECACHE, nullptr);
    if (connection == nullptr) return fail(ErrorCode::kNoMemory, "no memory for the database");
    std::unique_ptr<Database> database(new Database(connection, keys.state.clone()));
    if (code != SQLITE_OK) return database->failure(code);
    if (auto configured = database->configure(keys.sqlcipher); !configured)
        return fail(configured.error().code, fmt::format("{}: {}", file.string(), configured.error().detail));
    return database;
}

Result<void> Database::configure(const Secret<kSqlcipherKeySize>& key) {
    sqlite3_extended_result_codes(connection_, 1);
    if (auto added = add_root_functions(); !added) return added;
    sqlite3_busy_timeout(connection_, kBusyTimeoutMs);
    sqlite3_limit(connection_, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(connection_, SQLITE_LIMIT_LENGTH, kMaxValueSize);
    if (const int code = set_raw_key(connection_, key); code != SQLITE_OK) return failure(code);
    for (const char* statement :
         {"PRAGMA cipher_log_level=NONE", "PRAGMA cipher_compatibility=3", "PRAGMA cipher_page_size=4096"})
        if (auto done = run_script(statement); !done) return done;
    if (auto read = query("SELECT count(*) FROM sqlite_master", {}, [](const Row&) { return Result<void>(); }); !read)
        return read;
    for (const auto& setting : kSettings) {
        if (auto done = run_script(setting.statement); !done) return done;
        std::string answer;
        auto asked = query(setting.question, {}, [&](const Row& row) {
            answer = row.text(0);
            return Result<void>();
        });
        if (!asked) return asked;
        if (answer != setting.answer)
            return fail(ErrorCode::kWrongLibrary,
                        fmt::format(R"(SQLCipher does not obey "{}": it says "{}")", setting.statement, answer));
    }
    return {};
}

Result<void> Database::add_root_functions() {
    constexpr int kFlags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
    for (const auto& [name, function] :
         {std::pair{"root_with", &change_root<root_with>}, {"root_without", &change_root<root_without>}}) {
        const int code =
            sqlite3_create_function_v2(connection_, name, -1, kFlags, &state_key_, function, nullptr, nullptr, nullptr);
        if (code != SQLITE_OK) return failure(code);
    }
    return {};
}

Database::~Database() {
    for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
    sqlite3_close_v2(connection_);
}

Result<void> Database::run_script(const char* sql) {
    const int code = sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return failure(code);
    return {};
}

void Database::restrict() {
    sqlite3_set_authorizer(connection_, authorize, nullptr);
}

Result<sqlite3_stmt*> Database::prepared(std::string_view sql) {
    if (const auto found = statements_.find(sql); found != statements_.end()) return found->second;
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v2(connection_, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
    if (code != SQLITE_OK) return failure(code);
    statements_.emplace(sql, statement);
    return statement;
}

Result<void> Database::run(std::string_view sql, const Values& values) {
    return query(sql, values, [](const Row&) { return Result<void>(); });
}

Result<void> Database::query(std::string_view sql, const Values& values, const EachRow& each) {
    auto statement = prepared(sql);
    if (!statement) return std::unexpected(statement.error());
    struct Reset {
        sqlite3_stmt* statement;
        ~Reset() {
            sqlite3_reset(statement);
            sqlite3_clear_bindings(statement);
        }
    } const reset{*statement};
    int index = 0;
    for (const auto& value : values)
        if (const int code = bind(*statement, ++index, value.data()); code != SQLITE_OK) return failure(code);
    for (;;) {
        const int code = sqlite3_step(*statement);
        if (code == SQLITE_DONE) return {};
        if (code != SQLITE_ROW) return failure(code);
        if (auto taken = each(Row(*statement)); !taken) return taken;
    }
}

Result<void> Database::copy_to(Database& destination) {
    auto* backup = sqlite3_backup_init(destination.connection_, "main", connection_, "main");
    if (backup == nullptr) return destination.failure(sqlite3_errcode(destination.connection_));
    const int stepped = sqlite3_backup_step(backup, -1);
    const int finished = sqlite3_backup_finish(backup);
    if (stepped == SQLITE_DONE && finished == SQLITE_OK) return {};
    return destination.failure(finished != SQLITE_OK ? finished : stepped);
}

Result<void> Database::add_rows_to(Digest& root, std::string_view table, std::string_view select_all) {
    return query(select_all, {}, [&](const Row& row) {
        root = root_with(root, hash_of(table, row));
        return Result<void>();
    });
}

int Database::changed_rows() const {
    return sqlite3_changes(connection_);
}
std::int64_t Database::last_row_id() const {
    return sqlite3_last_insert_rowid(connection_);
}
bool Database::in_transaction() const {
    return sqlite3_get_autocommit(connection_) == 0;
}

std::unexpected<Error> Database::failure(int code) {
    const auto kind = error_code(code);
    if (kind != ErrorCode::kBusy && kind != ErrorCode::kConflict) broken_ = true;
    return fail(kind, fmt::format("database: {} ({})", sqlite3_errmsg(connection_), code));
}

Result<void> check_library() {
    if (sqlite3_compileoption_used("HAS_CODEC") == 0)
        return fail(ErrorCode::kWrongLibrary, "plain SQLite was loaded instead of SQLCipher");
    if (std::string_view(sqlite3_libversion()) != SQLITE_VERSION)
        return fail(ErrorCode::kWrongLibrary, fmt::format("SQLCipher built on SQLite {} expected, {} found",
                                                          SQLITE_VERSION, sqlite3_libversion()));
    if (sqlcipher_version().empty()) return fail(ErrorCode::kWrongLibrary, "SQLCipher does not tell its version");
    if (RAND_status() != 1) return fail(ErrorCode::kIo, "OpenSSL has no randomness");
    return {};
}

std::string sqlcipher_version() {
    sqlite3* connection = nullptr;
    std::string version;
    if (sqlite3_open_v2(":memory:", &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, nullptr) == SQLITE_OK)
        sqlite3_exec(
            connection, "PRAGMA cipher_version",
            [](void* out, int columns, char** texts, char**) {
                if (columns > 0 && texts[0] != nullptr) *static_cast<std::string*>(out) = texts[0];
                return 0;
            },
            &version, nullptr);
    sqlite3_close(connection);
    return version;
}

}  // namespace bmcvault::vault
