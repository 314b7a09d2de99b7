// A libfreeipmi object as a value: one message laid out by one of its templates.
#pragma once

#include <freeipmi/freeipmi.h>

#include <memory>

#include "vault/base/bytes.hpp"
#include "vault/base/check.hpp"

namespace bmcvault::ipmi {

class Fiid {
public:
    explicit Fiid(fiid_field_t* message_template) : object_(fiid_obj_create(message_template)) {
        BMCVAULT_CHECK(object_ != nullptr);
    }

    // For the fill_* functions, whose result is passed to filled().
    [[nodiscard]] fiid_obj_t get() const { return object_.get(); }

    // Everything that a fill_* function laid out. -1 from one of them means that we broke its rules.
    [[nodiscard]] Bytes filled(int result) const {
        BMCVAULT_CHECK(result == 0);
        std::uint8_t bytes[kMaxSize];
        const int size = fiid_obj_get_all(object_.get(), bytes, sizeof bytes);
        BMCVAULT_CHECK(size > 0);
        return {bytes, bytes + size};
    }

    // Lays received bytes out. Callers look only at fields that the size covers.
    void load(ByteView bytes) {
        BMCVAULT_CHECK(fiid_obj_set_all(object_.get(), bytes.data(), static_cast<unsigned>(bytes.size())) >= 0);
    }
    template <class Value>
    [[nodiscard]] Value field(const char* name) const {
        std::uint64_t value = 0;
        BMCVAULT_CHECK(fiid_obj_get(object_.get(), name, &value) == 1);
        return static_cast<Value>(value);
    }
    // Returns how many bytes were there.
    std::size_t data(const char* name, MutableByteView out) const {
        const int size = fiid_obj_get_data(object_.get(), name, out.data(), static_cast<unsigned>(out.size()));
        BMCVAULT_CHECK(size >= 0);
        return static_cast<std::size_t>(size);
    }

private:
    static constexpr std::size_t kMaxSize = 256;

    struct Destroy {
        void operator()(fiid_obj* object) const { fiid_obj_destroy(object); }
    };
    std::unique_ptr<fiid_obj, Destroy> object_;
};

}  // namespace bmcvault::ipmi
