#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "labctl/store/journal_file.h"
#include "netemu/base/error.h"
#include "tests/support/temporary.h"

using labctl::store::frame;
using labctl::store::JournalFile;
using netemu::test::TemporaryJournal;

namespace {

std::string slurp(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

void spill(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

std::vector<std::string> read(const std::string& path) {
    return JournalFile(path).read();
}

using Records = std::vector<std::string>;

} // namespace

BOOST_FIXTURE_TEST_CASE(records_come_back_in_order, TemporaryJournal) {
    {
        JournalFile journal(file());
        journal.append({"one", "two"});
        journal.append({"three"});
        journal.sync();
    }
    BOOST_TEST((read(file()) == Records{"one", "two", "three"}));
    JournalFile again(file());
    BOOST_TEST(again.read().size() == 3U);
    again.append({"four"});
    BOOST_TEST((read(file()) == Records{"one", "two", "three", "four"}));
    BOOST_TEST(again.size() == std::filesystem::file_size(file()));
}

BOOST_FIXTURE_TEST_CASE(only_the_owner_can_read_it, TemporaryJournal) {
    ::umask(0);
    JournalFile journal(file());
    journal.replace({"x"});
    struct stat info {};
    BOOST_TEST_REQUIRE(::stat(file().c_str(), &info) == 0);
    BOOST_TEST((info.st_mode & 0777U) == 0600U);
}

BOOST_FIXTURE_TEST_CASE(a_tail_torn_at_any_byte_is_ignored, TemporaryJournal) {
    {
        JournalFile journal(file());
        journal.append({"first record", "second", R"({"third":"{}"})"});
    }
    const auto whole = slurp(file());
    std::vector<std::size_t> ends; // where each record ends
    for (std::size_t i = whole.find('\n'); i != std::string::npos; i = whole.find('\n', i + 1)) {
        ends.push_back(i + 1);
    }
    BOOST_TEST_REQUIRE(ends.size() == 4U); // the header and three records
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        spill(file(), whole.substr(0, size));
        JournalFile journal(file());
        const auto records = journal.read();
        std::size_t expected = 0;
        for (std::size_t i = 1; i < ends.size(); ++i) {
            expected += ends[i] <= size ? 1 : 0;
        }
        BOOST_TEST(records.size() == expected, "cut at " << size);
        if (size >= ends[0]) {
            BOOST_TEST(journal.torn_bytes() == size - ends[expected]);
        }
        // What comes next follows the last whole record, whatever was behind it.
        journal.append({"next"});
        auto again = read(file());
        BOOST_TEST(again.size() == expected + 1);
        BOOST_TEST(again.back() == "next");
    }
}

BOOST_FIXTURE_TEST_CASE(a_flipped_bit_anywhere_ends_the_journal_there, TemporaryJournal) {
    {
        JournalFile journal(file());
        journal.append({"first record", "second", "third"});
    }
    const auto whole = slurp(file());
    const auto start = whole.find('\n') + 1;
    for (std::size_t i = start; i < whole.size(); ++i) {
        auto damaged = whole;
        damaged[i] = static_cast<char>(damaged[i] ^ 0x04);
        spill(file(), damaged);
        const auto records = read(file());
        BOOST_TEST(records.size() < 3U, "at byte " << i);
        const Records all{"first record", "second", "third"};
        BOOST_TEST(std::equal(records.begin(), records.end(), all.begin()));
    }
}

BOOST_FIXTURE_TEST_CASE(garbage_behind_the_end_is_overwritten, TemporaryJournal) {
    {
        JournalFile journal(file());
        journal.append({"one"});
    }
    spill(file(), slurp(file()) + "0000 torn garbage that is longer than the next record");
    {
        JournalFile journal(file());
        BOOST_TEST(journal.read().size() == 1U);
        journal.append({"two"});
    }
    BOOST_TEST((read(file()) == Records{"one", "two"}));
}

BOOST_FIXTURE_TEST_CASE(replace_leaves_just_the_new_records, TemporaryJournal) {
    JournalFile journal(file());
    journal.append({"one", "two"});
    journal.replace({"three"});
    journal.append({"four"});
    BOOST_TEST((read(file()) == Records{"three", "four"}));
    BOOST_TEST(!std::filesystem::exists(file() + ".new"));
}

BOOST_FIXTURE_TEST_CASE(a_newer_version_is_refused_with_both_numbers, TemporaryJournal) {
    spill(file(), "labctl-journal 7\n" + frame("x"));
    BOOST_CHECK_EXCEPTION(read(file()), netemu::UsageError, [](const netemu::Error& error) {
        const std::string text = error.what();
        return text.find("newer labctl: journal format 7, this one reads 1") != std::string::npos &&
               !error.hint().empty();
    });
    BOOST_TEST(slurp(file()).starts_with("labctl-journal 7\n")); // and untouched
}

BOOST_FIXTURE_TEST_CASE(another_file_is_refused_and_untouched, TemporaryJournal) {
    for (const std::string text :
         {"apiVersion: v1\nkind: Pod\n",
          "labctl-journal x\n",
          "no newline at all, longer than a header"}) {
        spill(file(), text);
        BOOST_CHECK_THROW(read(file()), netemu::Error);
        BOOST_TEST(slurp(file()) == text);
    }
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_said_in_words) {
    BOOST_CHECK_EXCEPTION(
        JournalFile("/dev/full"), netemu::SysError, [](const netemu::SysError& error) {
            return error.error_number() == ENOSPC &&
                   error.exit_code() == netemu::ExitCode::HostCannot &&
                   std::string(error.what()).find("/dev/full: No space left on device") !=
                       std::string::npos;
        });
}

BOOST_AUTO_TEST_CASE(a_directory_that_does_not_exist_is_said_in_words) {
    BOOST_CHECK_EXCEPTION(JournalFile("/nonexistent/x"), netemu::SysError, [](const auto& error) {
        return error.error_number() == ENOENT;
    });
}

/// The file cannot grow beyond a size: pwrite(2) comes back short, then with EFBIG, as on a disk
/// that becomes full in the middle of a record.
BOOST_FIXTURE_TEST_CASE(a_short_write_leaves_the_journal_as_it_was, TemporaryJournal) {
    std::signal(SIGXFSZ, SIG_IGN);
    JournalFile journal(file());
    journal.append({"one", "two"});
    const auto before = slurp(file());
    rlimit old{};
    ::getrlimit(RLIMIT_FSIZE, &old);
    for (std::size_t room = 0; room < 40; room += 3) {
        rlimit tight = old;
        tight.rlim_cur = before.size() + room;
        ::setrlimit(RLIMIT_FSIZE, &tight);
        BOOST_CHECK_THROW(journal.append({"three", std::string(100, 'x')}), netemu::SysError);
        BOOST_CHECK_THROW(journal.replace({std::string(1000, 'x')}), netemu::SysError);
        ::setrlimit(RLIMIT_FSIZE, &old);
        BOOST_TEST(slurp(file()) == before);
        BOOST_TEST(!std::filesystem::exists(file() + ".new"));
    }
    journal.append({"three"});
    BOOST_TEST((read(file()) == Records{"one", "two", "three"}));
}
