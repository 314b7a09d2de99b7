#include "cli/masking.hpp"

#include <algorithm>
#include <span>

namespace bmcvault::cli {
namespace {

SecretText hexadecimal(ByteView bytes, std::string_view digits, std::string_view between) {
    SecretText out;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i > 0) out.append(between);
        out.append(digits.substr(bytes[i] >> 4, 1));
        out.append(digits.substr(bytes[i] & 15, 1));
    }
    return out;
}

SecretText in_json(const SecretText& plain) {
    SecretText out;
    plain.expose([&](std::string_view bytes) {
        for (const char& c : bytes) {
            if (c == '"' || c == '\\') out.append("\\");
            out.append({&c, 1});
        }
    });
    return out;
}

}  // namespace

void MaskedForms::add(const Key20& secret) {
    secret.expose([&](std::span<const std::uint8_t, kKeySize> all) {
        const auto bytes = as_bytes(without_padding(all));
        if (bytes.empty()) return;
        SecretText plain;
        plain.append({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
        auto spelled = in_json(plain);
        if (spelled.size() != plain.size()) forms_.push_back(std::move(spelled));
        forms_.push_back(std::move(plain));
        for (const std::string_view digits : {"0123456789abcdef", "0123456789ABCDEF"}) {
            for (const std::string_view between : {"", " "}) {
                forms_.push_back(hexadecimal(bytes, digits, between));
            }
        }
    });
}

std::size_t MaskedForms::length_at(std::string_view text) const {
    std::size_t longest = 0;
    for (const auto& form : forms_) {
        const bool here = form.expose([&](std::string_view bytes) { return text.starts_with(bytes); });
        if (here) longest = std::max(longest, form.size());
    }
    return longest;
}

bool MaskedForms::may_become_one(std::string_view text) const {
    return std::ranges::any_of(forms_, [&](const SecretText& form) {
        return form.expose(
            [&](std::string_view bytes) { return bytes.size() > text.size() && bytes.starts_with(text); });
    });
}

std::string Masking::take(std::string_view bytes, bool last) {
    SecretText all = std::move(held_);
    held_ = SecretText();
    all.append(bytes);
    return all.expose([&](std::string_view text) {
        std::string out;
        while (!text.empty()) {
            if (!last && forms_.may_become_one(text)) {
                held_.append(text);
                break;
            }
            const std::size_t length = forms_.length_at(text);
            if (length > 0) {
                out += "********";
            } else {
                out += text.front();
            }
            text.remove_prefix(std::max<std::size_t>(length, 1));
        }
        return out;
    });
}

}  // namespace bmcvault::cli
