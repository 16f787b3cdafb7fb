#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

/// BIRD's control socket: commands as birdc(8) sends them, answers as lines with a code
/// (nest/cli.c of BIRD 2: four digits, then a blank behind the last line of an answer, a minus
/// behind the others; a line that begins with a blank has the code of the one before).
namespace labctl::supervisor {

struct BirdLine {
    int code = 0;
    std::string text;
};

struct BirdQuestion {
    std::string directory;             // which holds bird.ctl; any length
    std::vector<std::string> commands; // "show protocols all"
};

struct BirdAnswer {
    std::vector<BirdLine> lines; // of all commands, without the greeting
    std::string error;           // what BIRD or the socket said; empty: none
};

/// Asks all of them at once and waits for the answers, one for each question, until the time is
/// over. What BIRD refuses (codes 8000 and above) is an error of that answer. Never throws.
std::vector<BirdAnswer>
ask_birds(const std::vector<BirdQuestion>& questions, std::chrono::milliseconds patience);

/// The same text with a question mark for each byte that is not plain: what a neighbour says when
/// it shuts a session down (RFC 9003) may be anything.
std::string printable(std::string_view text);

/// Takes an answer apart as it comes. For ask_birds, and its tests.
class BirdReader {
public:
    /// `answers`: how many there will be, the greeting included.
    explicit BirdReader(std::size_t answers) : left_(answers), greetings_(answers) {}
    void feed(std::string_view text);
    [[nodiscard]] bool complete() const { return left_ == 0; }
    [[nodiscard]] BirdAnswer take() { return std::move(answer_); }

private:
    void line(std::string_view text);

    std::size_t left_;
    std::size_t greetings_; // equals left_ until the greeting is over
    int code_ = 0;
    std::string rest_;
    BirdAnswer answer_;
};

} // namespace labctl::supervisor
