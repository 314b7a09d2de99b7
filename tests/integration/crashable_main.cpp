// bmcvault, but it kills itself where a test says: BMCVAULT_TEST_KILL_AT=12 at the twelfth step boundary of the engine,
// =before-apply at the first of that name, as if the power had failed there. BMCVAULT_TEST_STEP_LOG=FILE gets the name
// of every boundary that was reached.
#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cli/run.hpp"
#include "vault/base/check.hpp"

namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

// Several processes may share one log; a line is one write.
class StepLog {
public:
    explicit StepLog(const std::string& path) {
        if (path.empty()) return;
        fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        BMCVAULT_CHECK(fd_ >= 0);
    }
    void add(std::string_view step) const {
        if (fd_ < 0) return;
        const std::string line = std::string(step) + '\n';
        BMCVAULT_CHECK(write(fd_, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
    }

private:
    int fd_ = -1;
};

class KillPoint {
public:
    explicit KillPoint(const std::string& wanted) : name_(wanted) {
        const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number_);
        if (error != std::errc{} || end != wanted.data() + wanted.size()) number_ = 0;
    }
    void pass(std::string_view step) {
        ++passed_;
        if (passed_ == number_ || step == name_) (void)raise(SIGKILL);
    }

private:
    std::string name_;
    int number_ = 0;  // 0: by name
    int passed_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    const StepLog log(environment("BMCVAULT_TEST_STEP_LOG"));
    KillPoint kill_point(environment("BMCVAULT_TEST_KILL_AT"));
    bmcvault::cli::Hooks hooks;
    hooks.step = [&](std::string_view step) {
        log.add(step);
        kill_point.pass(step);
    };
    return bmcvault::cli::run(argc, argv, {}, hooks);
}
