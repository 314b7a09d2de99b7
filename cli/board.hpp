// The live board of long work: one block at the bottom of the terminal, redrawn five times a second by its own thread:
// done / running / waiting / failed, rate, time left, who is slow. Off a terminal it only passes lines through.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cli/context.hpp"

namespace bmcvault::cli {

// What the board shows; a value, so that its text can be tested.
struct Progress {
    struct Running {
        std::string name;
        std::string step;
        std::chrono::milliseconds elapsed{0};
    };

    std::string command;
    std::size_t total = 0;
    std::size_t done = 0;
    std::size_t failed = 0;  // of those done
    std::vector<Running> running;
    std::map<std::string, std::size_t> failures;  // outcome, count
    std::chrono::milliseconds elapsed{0};
    bool stopping = false;
};
// Lines without colours, none wider than `width`.
[[nodiscard]] std::vector<std::string> board_lines(const Progress& progress, std::size_t width);

class Board {
public:
    // Draws on standard error when that is a terminal and neither --json's consumer nor -q forbids it.
    Board(const Context& context, std::string command, std::size_t total);
    ~Board();
    Board(const Board&) = delete;
    Board& operator=(const Board&) = delete;

    void started(const std::string& name);
    void step(const std::string& name, std::string_view what);
    // `line` goes to standard output above the board; may be empty.
    void finished(const std::string& name, const std::string& outcome, bool good, std::string_view line);
    // Erases the board. Nothing is drawn any more.
    void close();

private:
    struct Work {
        std::chrono::steady_clock::time_point since;
        std::string step;
    };

    void loop();
    void tell_interrupts();  // with mutex_ held
    void draw();
    void erase();
    [[nodiscard]] Progress progress() const;

    const Context& context_;
    std::string command_;
    std::size_t total_;
    bool live_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();

    std::mutex mutex_;
    std::condition_variable wake_;
    bool closing_ = false;
    std::size_t done_ = 0;
    std::size_t failed_ = 0;
    std::map<std::string, Work> running_;
    std::map<std::string, std::size_t> failures_;
    std::size_t drawn_lines_ = 0;
    int told_interrupts_ = 0;
    std::thread thread_;
};

}  // namespace bmcvault::cli
