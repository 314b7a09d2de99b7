#include "cli/board.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "cli/interrupts.hpp"

namespace bmcvault::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto kRedraw = milliseconds(200);
constexpr std::size_t kStragglers = 4;

std::string duration(milliseconds time) {
    const auto s = time.count() / 1000;
    if (s < 60) return fmt::format("{} s", s);
    if (s < 3600) return fmt::format("{}:{:02} min", s / 60, s % 60);
    return fmt::format("{}:{:02} h", s / 3600, s / 60 % 60);
}

std::size_t terminal_width(int fd) {
    winsize size{};
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
    return size.ws_col;
}

milliseconds since(Clock::time_point begin) {
    return std::chrono::duration_cast<milliseconds>(Clock::now() - begin);
}

}  // namespace

std::vector<std::string> board_lines(const Progress& p, std::size_t width) {
    std::vector<std::string> lines;
    const std::size_t waiting = p.total - std::min(p.total, p.done + p.running.size());
    std::string counts = fmt::format("{}: {} of {} done, {} running, {} waiting, {} failed", p.command, p.done, p.total,
                                     p.running.size(), waiting, p.failed);
    if (p.done > 0 && p.elapsed.count() > 0) {
        const double rate = static_cast<double>(p.done) * 1000 / static_cast<double>(p.elapsed.count());
        const auto left = milliseconds(static_cast<long>(static_cast<double>(p.total - p.done) / rate * 1000));
        counts += fmt::format(" | {:.1f}/s, {} left", rate, duration(left));
    }
    lines.push_back(counts);
    if (p.stopping) lines.emplace_back("stopping: the BMCs in flight are finished first");
    auto slowest = p.running;
    std::ranges::sort(slowest, std::greater{}, &Progress::Running::elapsed);
    for (std::size_t i = 0; i < std::min(slowest.size(), kStragglers); ++i) {
        lines.push_back(fmt::format("  {}  {}  {}", slowest[i].name, slowest[i].step, duration(slowest[i].elapsed)));
    }
    std::string causes;
    for (const auto& [outcome, count] : p.failures) {
        causes += fmt::format("{}{} {}", causes.empty() ? "  not as asked: " : ", ", count, outcome);
    }
    if (!causes.empty()) lines.push_back(causes);
    for (auto& line : lines) {
        if (line.size() > width) line.resize(width);
    }
    return lines;
}

Board::Board(const Context& context, std::string command, std::size_t total)
    : context_(context),
      command_(std::move(command)),
      total_(total),
      live_(isatty(fileno(context.streams.err)) != 0 && !context.options.quiet) {
    thread_ = std::thread([this] { loop(); });
}

Board::~Board() {
    close();
}

void Board::close() {
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
    tell_interrupts();
    erase();
}

void Board::started(const std::string& name) {
    const std::lock_guard lock(mutex_);
    running_[name] = {Clock::now(), "waiting for an answer"};
}

void Board::step(const std::string& name, std::string_view what) {
    const std::lock_guard lock(mutex_);
    if (const auto found = running_.find(name); found != running_.end()) found->second.step = printable(what);
    if (!context_.options.verbose) return;
    erase();
    fmt::print(context_.streams.err, "{}: {}\n", name, printable(what));
}

void Board::finished(const std::string& name, const std::string& outcome, bool good, std::string_view line) {
    const std::lock_guard lock(mutex_);
    running_.erase(name);
    ++done_;
    if (!good) {
        ++failed_;
        ++failures_[outcome];
    }
    if (line.empty()) return;
    erase();
    context_.out(line);
    std::fflush(context_.streams.out);
}

void Board::loop() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals interrupt the thread that works, not this one
    std::unique_lock lock(mutex_);
    while (!closing_) {
        tell_interrupts();
        if (live_) draw();
        wake_.wait_for(lock, kRedraw, [this] { return closing_; });
    }
}

void Board::tell_interrupts() {
    const int count = Interrupts::count();
    if (count == told_interrupts_) return;
    erase();
    context_.warn(told_interrupts_ == 0
                      ? "stopping: the BMCs in flight are finished first, no other is started; nothing will be lost"
                      : "still finishing the BMCs in flight; a BMC is never left in the middle");
    told_interrupts_ = count;
}

Progress Board::progress() const {
    Progress p{command_, total_, done_, failed_, {}, failures_, since(begin_), told_interrupts_ > 0};
    for (const auto& [name, work] : running_) p.running.push_back({name, work.step, since(work.since)});
    return p;
}

void Board::draw() {
    erase();
    std::string block;
    const auto lines = board_lines(progress(), terminal_width(fileno(context_.streams.err)) - 1);
    for (const auto& line : lines) block += context_.err_style.paint(Tone::kDim, line) + "\n";
    std::fputs(block.c_str(), context_.streams.err);
    std::fflush(context_.streams.err);
    drawn_lines_ = lines.size();
}

void Board::erase() {
    if (drawn_lines_ == 0) return;
    fmt::print(context_.streams.err, "\x1b[{}A\r\x1b[J", drawn_lines_);
    std::fflush(context_.streams.err);
    drawn_lines_ = 0;
}

}  // namespace bmcvault::cli
