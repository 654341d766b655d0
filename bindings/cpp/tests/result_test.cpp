// Results, errors, payloads and times, without a kernel.
#include "support.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <memory>

using namespace support;

namespace {

neo::result<int> half(int of)
{
    if (of % 2 != 0) {
        return neo::failure(neo::error(neo::errc::invalid, "it is odd"));
    }
    return of / 2;
}

TEST(result, holds_a_value_or_an_error)
{
    neo::result<int> good = half(4), bad = half(3);
    ASSERT_TRUE(good.has_value() && good);
    EXPECT_EQ(*good, 2);
    EXPECT_EQ(good.value(), 2);
    ASSERT_FALSE(bad.has_value() || bad);
    EXPECT_EQ(bad.error().code(), neo::errc::invalid);
    EXPECT_EQ(bad.error().message(), "it is odd");
    EXPECT_EQ(half(3).value_or(7), 7);
    EXPECT_EQ(half(6).value_or(7), 3);
}

TEST(result, value_throws_where_there_is_none_and_says_why)
{
    try {
        static_cast<void>(half(3).value());
        FAIL() << "it did not throw";
    } catch (const neo::bad_result &thrown) {
        EXPECT_EQ(thrown.error().code(), neo::errc::invalid);
    }
    neo::result<void> done, failed = neo::fail("no");
    EXPECT_NO_THROW(done.value());
    EXPECT_THROW(failed.value(), neo::bad_result);
}

TEST(result, moves_what_cannot_be_copied)
{
    neo::result<std::unique_ptr<int>> held = std::make_unique<int>(5);
    ASSERT_TRUE(held);
    EXPECT_EQ(**held, 5);
    std::unique_ptr<int> out = std::move(held).value();
    EXPECT_EQ(*out, 5);
    neo::result<std::string> text = std::string("abc");
    EXPECT_EQ(text->size(), 3U);
    text = neo::fail("gone");
    EXPECT_EQ(text.error().code(), neo::errc::service);
}

std::string message_of(const neo::error &error) { return std::string(error.message()); }

TEST(error, names_its_code_and_cuts_a_long_text_at_the_end_of_a_character)
{
    neo::error closed(neo::errc::closed);
    EXPECT_STREQ(closed.name(), "NEO_E_CLOSED");
    EXPECT_FALSE(closed.message().empty());
    EXPECT_TRUE(closed == neo::errc::closed && closed != neo::errc::full);
    EXPECT_TRUE(bool(closed));
    EXPECT_FALSE(bool(neo::error()));
    EXPECT_EQ(message_of({neo::errc::ok, ""}), "");
    std::string text(238, 'a');
    neo::error cut(neo::errc::service, text + "\u20AC\u20AC");
    EXPECT_EQ(cut.message(), text);
    EXPECT_EQ(message_of({neo::errc::service, std::string(239, 'b')}).size(), 239U);
    EXPECT_EQ(message_of({neo::errc::service, std::string(1000, 'b')}).size(), 239U);
}

TEST(error, codes_are_error_codes_of_the_standard_library)
{
    std::error_code code = neo::errc::timeout;
    EXPECT_STREQ(code.category().name(), "neo");
    EXPECT_EQ(code, std::errc::timed_out);
    EXPECT_NE(code, std::errc::invalid_argument);
    EXPECT_EQ(std::error_code(neo::errc::invalid), std::errc::invalid_argument);
    EXPECT_FALSE(std::error_code(neo::errc::closed).message().empty());
    EXPECT_FALSE(std::error_code(neo::errc::ok));
}

std::string shown(neo::payload payload)
{
    return {reinterpret_cast<const char *>(payload.data()), payload.size()};
}

TEST(payload, is_made_of_text_containers_and_values)
{
    EXPECT_EQ(shown("abc"), "abc");
    EXPECT_EQ(shown(std::string("a\0b", 3)), std::string("a\0b", 3));
    EXPECT_EQ(shown(std::string_view("xyz").substr(1)), "yz");
    EXPECT_EQ(shown(std::vector<char>{'o', 'k'}), "ok");
    EXPECT_EQ(shown({"abcd", 2}), "ab");
    EXPECT_EQ(shown({}), "");
    std::array<std::uint16_t, 3> numbers{1, 2, 3};
    EXPECT_EQ(neo::payload(numbers).size(), 6U);
    std::uint8_t raw[4] = {1, 0, 3, 4};
    EXPECT_EQ(neo::payload(raw).size(), 4U);
    double value = 0.5;
    EXPECT_EQ(neo::payload::of(value).size(), sizeof value);
    std::vector<std::byte> bytes(5);
    neo::bytes view(bytes.data(), bytes.size());
    EXPECT_EQ(neo::payload(view).size(), 5U);
    static_assert(!std::is_constructible_v<neo::payload, std::vector<std::string>>);
    static_assert(!std::is_constructible_v<neo::payload, std::vector<const char *>>);
    static_assert(!std::is_constructible_v<neo::payload, int>);
}

TEST(timeout, never_overflows_and_never_waits_for_ever_unasked)
{
    EXPECT_EQ(neo::timeout(1500us).ns(), 1500000);
    EXPECT_EQ(neo::timeout(std::chrono::duration<double>(0.25)).ns(), 250000000);
    EXPECT_EQ(neo::timeout(0s).ns(), 0);
    EXPECT_EQ(neo::timeout(-1ns).ns(), 0);
    EXPECT_EQ(neo::timeout(std::chrono::hours::min()).ns(), 0);
    EXPECT_EQ(neo::timeout(std::chrono::duration<double>(std::nan(""))).ns(), 0);
    EXPECT_EQ(neo::timeout(std::chrono::duration<float>(-INFINITY)).ns(), 0);
    constexpr std::int64_t longest = std::numeric_limits<std::int64_t>::max();
    EXPECT_EQ(neo::timeout(std::chrono::hours::max()).ns(), longest);
    EXPECT_EQ(neo::timeout(std::chrono::nanoseconds::max()).ns(), longest);
    EXPECT_EQ(neo::timeout(std::chrono::duration<float>(INFINITY)).ns(), longest);
    EXPECT_LT(neo::timeout(neo::forever).ns(), 0);
    static_assert(neo::timeout(std::chrono::duration<int, std::pico>(5000)).ns() == 5);
}

} // namespace
