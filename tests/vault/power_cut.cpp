#include "tests/vault/power_cut.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "tests/vault/test_vault.hpp"
#include "vault/base/check.hpp"

namespace bmcvault::vault::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSector = 512;

using Node = std::size_t;  // a file, whatever its name is
struct Written {
    Node node;
    std::size_t offset;
    std::string bytes;
};
struct Truncated {
    Node node;
    std::size_t size;
};
struct Synced {
    Node node;
};
struct DirectorySynced {
    std::string path;
};
struct DirectoryMade {
    std::string path;
};
struct DirectoryRemoved {
    std::string path;
};
// Of one directory, all at once or not at all: a name and the file it has from now on.
struct Named {
    std::string directory;
    std::vector<std::pair<std::string, std::optional<Node>>> names;
};
using Operation = std::variant<Written, Truncated, Synced, DirectorySynced, DirectoryMade, DirectoryRemoved, Named>;

struct Recording {
    std::string root;
    std::map<std::string, std::string> content_at_start;  // by path
    std::vector<std::string> directories_at_start;
    std::map<std::string, Node> names;  // as they are now
    Node nodes = 0;
    std::map<int, Node> files;               // by descriptor
    std::map<int, std::string> directories;  // by descriptor
    std::vector<Operation> operations;
};
std::optional<Recording> g_recording;
bool g_running = false;

std::string parent_of(const std::string& path) {
    return path.substr(0, path.rfind('/'));
}
std::string name_of(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

// The path, if it is one that is recorded.
std::optional<std::string> recorded(const char* path) {
    if (!g_running) return std::nullopt;
    auto absolute = fs::absolute(path).lexically_normal().string();
    if (!absolute.starts_with(g_recording->root)) return std::nullopt;
    return absolute;
}

template <class Function>
Function real(const char* name) {
    return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

void add(Operation operation) {
    g_recording->operations.push_back(std::move(operation));
}

Node new_node(const std::string& path) {
    const auto node = g_recording->nodes++;
    g_recording->names[path] = node;
    return node;
}

void opened(int fd, const std::string& path, bool existed, int flags) {
    struct stat info{};
    BMCVAULT_CHECK(fstat(fd, &info) == 0);
    if (S_ISDIR(info.st_mode)) {
        g_recording->directories[fd] = path;
        return;
    }
    if (!existed) add(Named{parent_of(path), {{name_of(path), new_node(path)}}});
    const auto node = g_recording->names.at(path);
    g_recording->files[fd] = node;
    if (existed && (flags & O_TRUNC) != 0) add(Truncated{node, 0});
}

int open_recorded(const char* function, const char* path, int flags, mode_t mode) {
    const auto place = recorded(path);
    const bool existed = place && access(path, F_OK) == 0;
    const int fd = real<int (*)(const char*, int, ...)>(function)(path, flags, mode);
    if (place && fd >= 0) opened(fd, *place, existed, flags);
    return fd;
}

// One that was opened before the recording would be missed.
std::optional<Node> file_of(int fd) {
    if (!g_running) return std::nullopt;
    if (const auto file = g_recording->files.find(fd); file != g_recording->files.end()) return file->second;
    std::error_code error;
    const auto path = fs::read_symlink(fmt::format("/proc/self/fd/{}", fd), error);
    BMCVAULT_CHECK(!path.string().starts_with(g_recording->root) || fs::is_directory(path, error));
    return std::nullopt;
}

off_t place_of_next_write(int fd) {
    struct stat info{};
    if ((fcntl(fd, F_GETFL) & O_APPEND) != 0 && fstat(fd, &info) == 0) return info.st_size;
    return lseek(fd, 0, SEEK_CUR);
}

void written(int fd, const void* bytes, ssize_t size, off_t offset) {
    const auto node = size > 0 ? file_of(fd) : std::nullopt;
    if (node)
        add(Written{*node, static_cast<std::size_t>(offset),
                    std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(size))});
}

void truncated(int fd, off_t size) {
    if (const auto node = file_of(fd)) add(Truncated{*node, static_cast<std::size_t>(size)});
}

void synced(int fd) {
    if (const auto node = file_of(fd)) add(Synced{*node});
    if (!g_running) return;
    if (const auto directory = g_recording->directories.find(fd); directory != g_recording->directories.end())
        add(DirectorySynced{directory->second});
}

void removed(const std::string& path) {
    if (g_recording->names.erase(path) > 0)
        add(Named{parent_of(path), {{name_of(path), std::nullopt}}});
    else
        add(DirectoryRemoved{path});
}

void renamed(const std::string& from, const std::string& to) {
    BMCVAULT_CHECK(g_recording->names.contains(from) && parent_of(from) == parent_of(to));
    const auto node = g_recording->names.at(from);
    g_recording->names.erase(from);
    g_recording->names[to] = node;
    add(Named{parent_of(from), {{name_of(from), std::nullopt}, {name_of(to), node}}});
}

std::string path_below(int directory, const char* name) {
    if (directory == AT_FDCWD || name[0] == '/') return name;
    std::error_code error;
    return (fs::read_symlink(fmt::format("/proc/self/fd/{}", directory), error) / name).string();
}

// The disk as far as it is durable, and what is on its way there.
class Disk {
public:
    Disk(const Recording& recording, std::size_t operations, std::uint32_t seed, Syncs syncs)
        : random_(seed), keep_(seed == 0 ? 0 : 1), garble_(0), syncs_(syncs) {
        if (seed > 1) {
            keep_ = std::array{0.1, 0.5, 0.9}.at(seed % 3);
            garble_ = seed % 2 == 0 ? 0 : 0.5;
        }
        for (const auto& path : recording.directories_at_start) directories_[path];
        Node node = 0;
        for (const auto& [path, content] : recording.content_at_start) {
            directories_[parent_of(path)].durable[name_of(path)] = node;
            files_[node++].durable = content;
        }
        for (std::size_t i = 0; i < operations; ++i)
            std::visit([&](const auto& operation) { take(operation); }, recording.operations.at(i));
    }

    // Where `from` was, `to` is.
    void cut_power_into(const std::string& from, const fs::path& to) {
        for (const auto& [path, directory] : directories_) {
            const auto place = to / fs::path(path).lexically_relative(from);
            fs::create_directories(place);
            fs::permissions(place, fs::perms::owner_all);
            for (const auto& [name, node] : names_after(directory)) {
                write_file(place / name, content_after(files_.at(node)));
                fs::permissions(place / name, fs::perms::owner_read | fs::perms::owner_write);
            }
        }
    }

private:
    struct File {
        std::string durable;
        std::vector<std::variant<Written, Truncated>> pending;
    };
    struct Directory {
        std::map<std::string, Node> durable;
        std::vector<Named> pending;
    };

    void take(const Written& written) { files_[written.node].pending.emplace_back(written); }
    void take(const Truncated& truncated) { files_[truncated.node].pending.emplace_back(truncated); }
    void take(const Named& named) {
        for (const auto& [name, node] : named.names)
            if (node) files_[*node];
        directories_.at(named.directory).pending.push_back(named);
    }
    void take(const DirectoryMade& made) { directories_[made.path]; }
    void take(const DirectoryRemoved& removed) { directories_.erase(removed.path); }
    void take(const Synced& synced) {
        if (syncs_ == Syncs::kLies) return;
        auto& file = files_.at(synced.node);
        for (const auto& change : file.pending) {
            if (const auto* written = std::get_if<Written>(&change)) put(file.durable, written->offset, written->bytes);
            if (const auto* truncated = std::get_if<Truncated>(&change)) file.durable.resize(truncated->size);
        }
        file.pending.clear();
    }
    void take(const DirectorySynced& synced) {
        if (syncs_ == Syncs::kLies) return;
        auto& directory = directories_.at(synced.path);
        for (const auto& named : directory.pending) name(directory.durable, named);
        directory.pending.clear();
    }

    static void put(std::string& content, std::size_t offset, std::string_view bytes) {
        content.resize(std::max(content.size(), offset + bytes.size()));
        content.replace(offset, bytes.size(), bytes);
    }
    static void name(std::map<std::string, Node>& names, const Named& named) {
        for (const auto& [name, node] : named.names) {
            names.erase(name);
            if (node) names.emplace(name, *node);
        }
    }

    bool happens(double chance) { return std::uniform_real_distribution<>(0, 1)(random_) < chance; }

    std::map<std::string, Node> names_after(const Directory& directory) {
        auto names = directory.durable;
        for (const auto& named : directory.pending)
            if (happens(keep_)) name(names, named);
        return names;
    }

    std::string content_after(const File& file) {
        auto content = file.durable;
        for (const auto& change : file.pending) {
            if (const auto* written = std::get_if<Written>(&change)) write_sectors(content, *written);
            if (const auto* truncated = std::get_if<Truncated>(&change); truncated != nullptr && happens(keep_))
                content.resize(truncated->size);
        }
        return content;
    }

    void write_sectors(std::string& content, const Written& written) {
        for (std::size_t at = 0; at < written.bytes.size();) {
            const auto size = std::min(kSector - (written.offset + at) % kSector, written.bytes.size() - at);
            auto sector = written.bytes.substr(at, size);
            if (happens(keep_)) {
                put(content, written.offset + at, sector);
            } else if (happens(garble_)) {
                for (auto& byte : sector) byte = static_cast<char>(random_());
                put(content, written.offset + at, sector);
            }
            at += size;
        }
    }

    std::mt19937 random_;
    double keep_;
    double garble_;
    Syncs syncs_;
    std::map<Node, File> files_;
    std::map<std::string, Directory> directories_;
};

}  // namespace

RecordedDisk::RecordedDisk(const fs::path& root) : root_(root) {
    BMCVAULT_CHECK(!g_recording);
    g_recording.emplace();
    g_recording->root = root.string();
    g_recording->directories_at_start.push_back(root.string());
    for (const auto& [name, content] : snapshot(root)) {
        const auto path = root / name;
        if (fs::is_directory(path))
            g_recording->directories_at_start.push_back(path.string());
        else
            g_recording->content_at_start[path.string()] = content;
    }
    for (const auto& [path, content] : g_recording->content_at_start) new_node(path);
    g_running = true;
}

RecordedDisk::~RecordedDisk() {
    g_running = false;
    g_recording.reset();
}

void RecordedDisk::stop() {
    g_running = false;
}

void RecordedDisk::forget_syncs_of(const fs::path& file) {
    BMCVAULT_CHECK(!g_running);
    const auto node = g_recording->names.at(file.string());
    std::erase_if(g_recording->operations, [&](const Operation& operation) {
        const auto* synced = std::get_if<Synced>(&operation);
        return synced != nullptr && synced->node == node;
    });
}

std::size_t RecordedDisk::operations() const {
    return g_recording->operations.size();
}

void RecordedDisk::after_power_cut(std::size_t operations, std::uint32_t seed, Syncs syncs, const fs::path& to) const {
    BMCVAULT_CHECK(!g_running);
    fs::remove_all(to);
    Disk(*g_recording, operations, seed, syncs).cut_power_into(root_.string(), to);
}

}  // namespace bmcvault::vault::test

// The calls of the C library that SQLCipher, libstdc++ and the vault change files with.
using namespace bmcvault::vault::test;

extern "C" {

int open(const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const auto mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_recorded("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const auto mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_recorded("open64", path, flags, mode);
}

int mkostemp(char* path, int flags) {
    const int fd = real<int (*)(char*, int)>("mkostemp")(path, flags);
    if (const auto place = recorded(path); place && fd >= 0) opened(fd, *place, false, flags);
    return fd;
}

char* mkdtemp(char* path) noexcept {
    auto* made = real<char* (*)(char*)>("mkdtemp")(path);
    if (const auto place = recorded(path); place && made != nullptr) add(DirectoryMade{*place});
    return made;
}

int mkdir(const char* path, mode_t mode) noexcept {
    const int result = real<int (*)(const char*, mode_t)>("mkdir")(path, mode);
    if (const auto place = recorded(path); place && result == 0) add(DirectoryMade{*place});
    return result;
}

ssize_t write(int fd, const void* bytes, size_t size) {
    const auto offset = g_running && g_recording->files.contains(fd) ? place_of_next_write(fd) : 0;
    const auto result = real<ssize_t (*)(int, const void*, size_t)>("write")(fd, bytes, size);
    written(fd, bytes, result, offset);
    return result;
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
    const auto result = real<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64")(fd, bytes, size, offset);
    written(fd, bytes, result, offset);
    return result;
}

int ftruncate64(int fd, off64_t size) noexcept {
    const int result = real<int (*)(int, off64_t)>("ftruncate64")(fd, size);
    if (result == 0) truncated(fd, size);
    return result;
}

int fsync(int fd) {
    const int result = real<int (*)(int)>("fsync")(fd);
    if (result == 0) synced(fd);
    return result;
}

int fdatasync(int fd) {
    const int result = real<int (*)(int)>("fdatasync")(fd);
    if (result == 0) synced(fd);
    return result;
}

int close(int fd) {
    if (g_running) {
        g_recording->files.erase(fd);
        g_recording->directories.erase(fd);
    }
    return real<int (*)(int)>("close")(fd);
}

int rename(const char* from, const char* to) noexcept {
    const int result = real<int (*)(const char*, const char*)>("rename")(from, to);
    if (const auto place = recorded(from); place && result == 0) renamed(*place, *recorded(to));
    return result;
}

int renameat2(int from_directory, const char* from, int to_directory, const char* to, unsigned flags) noexcept {
    const int result = real<int (*)(int, const char*, int, const char*, unsigned)>("renameat2")(
        from_directory, from, to_directory, to, flags);
    if (const auto place = recorded(from); place && result == 0) renamed(*place, *recorded(to));
    return result;
}

int unlink(const char* path) noexcept {
    const int result = real<int (*)(const char*)>("unlink")(path);
    if (const auto place = recorded(path); place && result == 0) removed(*place);
    return result;
}

int remove(const char* path) noexcept {
    const int result = real<int (*)(const char*)>("remove")(path);
    if (const auto place = recorded(path); place && result == 0) removed(*place);
    return result;
}

int unlinkat(int directory, const char* name, int flags) noexcept {
    const auto path = g_running ? path_below(directory, name) : std::string();
    const int result = real<int (*)(int, const char*, int)>("unlinkat")(directory, name, flags);
    if (!g_running || result != 0) return result;
    if (const auto place = recorded(path.c_str())) removed(*place);
    return result;
}

}  // extern "C"
