// A disk whose power is cut. All that a process does to the files below one directory is recorded: by SQLite and by
// everybody else, for the calls of the C library themselves are taken over. Afterwards the directory can be made as it
// might stand after a power cut at any moment: what was synced is there; of all else each sector of 512 bytes is kept,
// lost or garbled, and each name made, given or removed in a directory is as before or as after, by a seeded choice.
// Directories themselves come and go at once.
#pragma once

#include <cstdint>
#include <filesystem>

namespace bmcvault::vault::test {

enum class Syncs : std::uint8_t { kKept, kLies };

class RecordedDisk {
public:
    explicit RecordedDisk(const std::filesystem::path& root);  // what is there now is durable; one disk at a time
    ~RecordedDisk();
    RecordedDisk(const RecordedDisk&) = delete;
    RecordedDisk& operator=(const RecordedDisk&) = delete;

    void stop();
    // Syncs of this file are lost from the recording, as if nobody had asked for them. Once it has stopped.
    void forget_syncs_of(const std::filesystem::path& file);
    [[nodiscard]] std::size_t operations() const;
    // `to` is made anew. Seed 0: all that was not synced is lost; seed 1: all is kept, as after a kill.
    void after_power_cut(std::size_t operations, std::uint32_t seed, Syncs, const std::filesystem::path& to) const;

private:
    std::filesystem::path root_;
};

}  // namespace bmcvault::vault::test
