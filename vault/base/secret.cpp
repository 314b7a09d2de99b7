#include "vault/base/secret.hpp"

#include <sodium.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <mutex>

namespace bmcvault {
namespace {

constexpr std::size_t kSlotSize = 32;
constexpr std::size_t kChunkSlots = 2048;  // 64 KiB: what the smallest usual RLIMIT_MEMLOCK still locks once
constexpr std::size_t kChunkSize = kSlotSize * kChunkSlots;

std::size_t slots_for(std::size_t size) {
    return (size + kSlotSize - 1) / kSlotSize;
}

class Chunk {
public:
    Chunk() : base_(static_cast<std::uint8_t*>(sodium_malloc(kChunkSize))) {
        if (base_ == nullptr) return;
        locked_ = sodium_mlock(base_, kChunkSize) == 0;
        sodium_memzero(base_, kChunkSize);
    }
    ~Chunk() { sodium_free(base_); }
    Chunk(const Chunk&) = delete;
    Chunk& operator=(const Chunk&) = delete;

    [[nodiscard]] bool valid() const { return base_ != nullptr; }
    [[nodiscard]] bool locked() const { return locked_; }
    [[nodiscard]] bool owns(const std::uint8_t* pointer) const {
        return pointer >= base_ && pointer < base_ + kChunkSize;
    }

    [[nodiscard]] std::uint8_t* take(std::size_t slots) {
        if (free_ < slots) return nullptr;  // without a search: lists fill many chunks
        std::size_t run = 0;
        for (std::size_t step = 0; step < kChunkSlots + slots; ++step) {
            const std::size_t slot = (next_ + step) % kChunkSlots;
            if (slot == 0) run = 0;  // a run must not wrap around
            run = used_[slot] ? 0 : run + 1;
            if (run == slots) return mark(slot + 1 - slots, slots);
        }
        return nullptr;
    }
    void give_back(std::uint8_t* pointer, std::size_t slots) {
        const auto first = static_cast<std::size_t>(pointer - base_) / kSlotSize;
        BMCVAULT_CHECK(first + slots <= kChunkSlots);
        sodium_memzero(pointer, slots * kSlotSize);
        for (std::size_t i = 0; i < slots; ++i) used_[first + i] = false;
        free_ += slots;
    }

private:
    std::uint8_t* mark(std::size_t first, std::size_t slots) {
        for (std::size_t i = 0; i < slots; ++i) used_[first + i] = true;
        free_ -= slots;
        next_ = (first + slots) % kChunkSlots;
        return base_ + first * kSlotSize;
    }

    std::uint8_t* base_;
    bool locked_ = false;
    std::size_t next_ = 0;
    std::size_t free_ = kChunkSlots;
    std::array<bool, kChunkSlots> used_{};
};

struct Arena {
    std::mutex mutex;
    std::vector<std::unique_ptr<Chunk>> chunks;
    std::size_t live = 0;
    bool locked = true;

    bool grow() {
        auto chunk = std::make_unique<Chunk>();
        if (!chunk->valid()) return false;
        locked = locked && chunk->locked();
        chunks.push_back(std::move(chunk));
        return true;
    }
};

// Never destroyed: a Secret with static storage may outlive any destructor order.
Arena& arena() {
    static auto* instance = new Arena;
    return *instance;
}

void forbid_core_dumps() {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

}  // namespace

namespace secret_arena {

Result<void> initialize() {
    if (sodium_init() < 0) return fail(ErrorCode::kNoMemory, "libsodium did not start");
    forbid_core_dumps();
    auto& self = arena();
    const std::lock_guard lock(self.mutex);
    if (self.chunks.empty() && !self.grow()) return fail(ErrorCode::kNoMemory, "no guarded memory for secrets");
    return {};
}

bool is_locked() {
    auto& self = arena();
    const std::lock_guard lock(self.mutex);
    return self.locked;
}

std::size_t live_count() {
    auto& self = arena();
    const std::lock_guard lock(self.mutex);
    return self.live;
}

std::uint8_t* allocate(std::size_t size) {
    BMCVAULT_CHECK(size > 0 && slots_for(size) <= kChunkSlots);
    auto& self = arena();
    const std::lock_guard lock(self.mutex);
    BMCVAULT_CHECK(!self.chunks.empty());  // initialize() comes first
    ++self.live;
    for (auto& chunk : self.chunks) {
        if (auto* pointer = chunk->take(slots_for(size))) return pointer;
    }
    BMCVAULT_CHECK(self.grow());
    auto* pointer = self.chunks.back()->take(slots_for(size));
    BMCVAULT_CHECK(pointer != nullptr);
    return pointer;
}

void release(std::uint8_t* pointer, std::size_t size) {
    auto& self = arena();
    const std::lock_guard lock(self.mutex);
    for (auto& chunk : self.chunks) {
        if (!chunk->owns(pointer)) continue;
        chunk->give_back(pointer, slots_for(size));
        --self.live;
        return;
    }
    BMCVAULT_CHECK(false && "pointer is not from the arena");
}

bool equal(const std::uint8_t* a, const std::uint8_t* b, std::size_t size) {
    return sodium_memcmp(a, b, size) == 0;
}

}  // namespace secret_arena

Result<Passphrase> Passphrase::from(ByteView bytes) {
    if (bytes.empty()) return fail(ErrorCode::kInvalidArgument, "the passphrase is empty");
    if (bytes.size() > kMaxSize) return fail(ErrorCode::kInvalidArgument, "the passphrase is longer than 1024 bytes");
    Passphrase passphrase;
    passphrase.bytes_.expose_mutable([&](auto target) { std::ranges::copy(bytes, target.begin()); });
    passphrase.size_ = bytes.size();
    return passphrase;
}

}  // namespace bmcvault
