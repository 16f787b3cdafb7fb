#include <string>
#include <string_view>

#include <zlib.h>

#include <boost/test/unit_test.hpp>

#include "labctl/stream/spdy_frame.h"

using namespace labctl::stream;

namespace {

std::string number32(std::uint32_t value) {
    std::string bytes;
    for (unsigned shift = 32; shift > 0; shift -= 8) {
        bytes += static_cast<char>(value >> (shift - 8) & 0xffU);
    }
    return bytes;
}

std::string
control_frame(unsigned type, const std::string& body, unsigned flags = 0, unsigned version = 3) {
    return number32((0x8000U | version) << 16U | type) +
           number32(flags << 24U | static_cast<unsigned>(body.size())) + body;
}

std::string syn_stream(std::uint32_t stream, const std::string& block, unsigned flags = 0) {
    return control_frame(1, number32(stream) + number32(0) + std::string(2, '\0') + block, flags);
}

/// A block as somebody else's zlib makes it, of any bytes at all.
std::string compressed(const std::string& text) {
    z_stream zlib{};
    BOOST_REQUIRE(::deflateInit(&zlib, Z_DEFAULT_COMPRESSION) == Z_OK);
    const auto& words = spdy_dictionary();
    ::deflateSetDictionary(
        &zlib, reinterpret_cast<const Bytef*>(words.data()), static_cast<uInt>(words.size()));
    std::string block(text.size() + 1024, '\0');
    zlib.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(text.data()));
    zlib.avail_in = static_cast<uInt>(text.size());
    zlib.next_out = reinterpret_cast<Bytef*>(block.data());
    zlib.avail_out = static_cast<uInt>(block.size());
    BOOST_REQUIRE(::deflate(&zlib, Z_SYNC_FLUSH) == Z_OK);
    block.resize(block.size() - zlib.avail_out);
    ::deflateEnd(&zlib);
    return block;
}

std::string pair_of(const std::string& name, const std::string& value) {
    return number32(static_cast<std::uint32_t>(name.size())) + name +
           number32(static_cast<std::uint32_t>(value.size())) + value;
}

/// One word for each frame; "!" is a failure.
std::string read_frames(const std::string& bytes, std::size_t piece) {
    SpdyReader reader;
    std::string text;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        reader.feed(std::string_view(bytes).substr(at, piece));
        while (auto frame = reader.next()) {
            if (frame->type == SpdyType::Data) {
                text += frame->bytes + (frame->fin ? "." : "");
                continue;
            }
            text += " " + std::to_string(static_cast<int>(frame->type)) + ":" +
                    std::to_string(frame->stream) + ":" + std::to_string(frame->value) +
                    (frame->fin ? "." : "");
            for (const auto& [name, value] : frame->headers) {
                text += "," + name + "=" + value;
            }
        }
    }
    return text + (reader.failed() ? "!" : "");
}

std::string frames(const std::string& bytes) {
    auto text = read_frames(bytes, bytes.size());
    for (const std::size_t piece : {1U, 5U, 9U}) {
        BOOST_TEST(read_frames(bytes, piece) == text);
    }
    return text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(spdy)

/// The number by which zlib knows it: what every other SPDY/3 has (draft, section 2.6.10.1).
BOOST_AUTO_TEST_CASE(the_dictionary_is_everybodys) {
    const auto& words = spdy_dictionary();
    BOOST_TEST(words.size() == 1423U);
    const auto sum = ::adler32(
        ::adler32(0, nullptr, 0),
        reinterpret_cast<const Bytef*>(words.data()),
        static_cast<uInt>(words.size()));
    BOOST_TEST(sum == 0xe3c6a7c2UL);
}

BOOST_AUTO_TEST_CASE(headers_of_several_blocks_share_a_window) {
    SpdyHeaderWriter writer;
    SpdyHeaderReader reader;
    const SpdyHeaders headers{{"streamtype", "data"}, {"port", "8080"}, {"requestid", "0"}};
    const auto first = writer.write(headers);
    const auto second = writer.write(headers);
    BOOST_TEST(second.size() < first.size());
    BOOST_TEST((reader.read(first) == headers));
    BOOST_TEST((reader.read(second) == headers));
    BOOST_TEST((reader.read(writer.write({})) == SpdyHeaders{}));
    BOOST_TEST(header_value(headers, "port") == "8080");
    BOOST_TEST(header_value({{"a", std::string("x\0y", 3)}}, "a") == "x");
    BOOST_TEST(header_value(headers, "none").empty());
}

BOOST_AUTO_TEST_CASE(frames_of_each_kind) {
    const auto block = compressed(number32(1) + pair_of("a", "b"));
    BOOST_TEST(frames(syn_stream(1, block, 1)) == " 1:1:0.,a=b");
    BOOST_TEST(frames(control_frame(2, number32(7) + block)) == " 2:7:0,a=b");
    BOOST_TEST(frames(control_frame(8, number32(7) + block, 1)) == " 8:7:0.,a=b");
    BOOST_TEST(frames(control_frame(3, number32(5) + number32(1))) == " 3:5:1");
    BOOST_TEST(frames(control_frame(4, number32(0))) == " 4:0:0");
    BOOST_TEST(frames(spdy_ping(9)) == " 6:0:9");
    BOOST_TEST(frames(spdy_go_away(5, 1)) == " 7:0:1");
    BOOST_TEST(frames(control_frame(9, number32(1) + number32(100))) == " 9:1:100");
    BOOST_TEST(frames(spdy_rst_stream(3, SpdyStatus::Cancel)) == " 3:3:5");
    BOOST_TEST(frames(spdy_data(1, "hello", false) + spdy_data(1, "", true)) == "hello.");
    BOOST_TEST(spdy_data(3, "ab", true) == std::string("\0\0\0\3\1\0\0\2ab", 10));
    BOOST_TEST(spdy_ping(1) == std::string("\x80\3\0\6\0\0\0\4\0\0\0\1", 12));
    // Of an unknown type, and of one that SPDY/2 had: passed over.
    BOOST_TEST(
        frames(control_frame(11, "skipped") + control_frame(5, "") + spdy_ping(1)) == " 6:0:1");
}

BOOST_AUTO_TEST_CASE(hostile_frames) {
    const auto block = compressed(number32(1) + pair_of("a", "b"));
    BOOST_TEST(frames(control_frame(6, number32(1), 0, 2)) == "!"); // another version
    BOOST_TEST(frames(control_frame(6, "long one")) == "!");
    BOOST_TEST(frames(control_frame(3, "")) == "!");
    BOOST_TEST(frames(control_frame(1, "short")) == "!");
    BOOST_TEST(frames(number32(0x80030001U) + number32(0xffffffU)) == "!"); // 16 MiB of headers
    BOOST_TEST(frames(syn_stream(1, "no zlib at all")) == "!");
    BOOST_TEST(frames(syn_stream(1, block.substr(0, 8))) == "!");
    const auto block_of = [](const std::string& text) {
        return frames(syn_stream(1, compressed(text)));
    };
    BOOST_TEST(block_of(number32(2) + pair_of("a", "b")) == "!");                     // too few
    BOOST_TEST(block_of(number32(1) + pair_of("a", "b") + "x") == "!");               // too many
    BOOST_TEST(block_of(number32(1) + pair_of("A", "b")) == "!");                     // upper case
    BOOST_TEST(block_of(number32(1) + pair_of("", "b")) == "!");                      // no name
    BOOST_TEST(block_of(number32(2) + pair_of("a", "b") + pair_of("a", "c")) == "!"); // twice
    BOOST_TEST(block_of(number32(0xffffffffU)) == "!");
    BOOST_TEST(block_of(number32(1) + number32(0xffffffffU)) == "!");
    // A kilobyte that becomes a megabyte.
    BOOST_TEST(block_of(number32(1) + pair_of("a", std::string(1U << 20U, 'x'))) == "!");
}

BOOST_AUTO_TEST_SUITE_END()
