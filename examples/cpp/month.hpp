// The month of flights: the file, a flight in a message, and sums over flights. Nothing here knows
// Neo.
#ifndef MONTH_HPP
#define MONTH_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace month {

// A delay that the file does not know.
inline constexpr std::int16_t missing = std::numeric_limits<std::int16_t>::min();

using carrier = std::array<char, 2>;
using airport = std::array<char, 3>;
using route = std::pair<airport, airport>;

// A flight in a message: fixed places, little-endian.
using encoded = std::array<std::uint8_t, 18>;

struct flight {
    std::uint32_t scheduled = 0;   // departure, in minutes since the month began
    std::int16_t departure_delay = missing, arrival_delay = missing;
    std::uint16_t number = 0;
    month::carrier carrier{};
    airport origin{}, destination{};

    // Throws for bytes that are no flight.
    static flight decode(const void *bytes, std::size_t size);
    encoded encode() const;
    std::string topic() const;
};

struct delays {
    std::uint64_t flights = 0, departed = 0;
    std::int64_t minutes = 0;

    void add(const flight &one)
    {
        ++flights;
        if (one.departure_delay != missing) {
            ++departed;
            minutes += one.departure_delay;
        }
    }

    void merge(const delays &other)
    {
        flights += other.flights;
        departed += other.departed;
        minutes += other.minutes;
    }
};

struct tally {
    delays total;
    std::map<month::carrier, delays> carriers;
    std::map<month::route, delays> routes;

    void add(const flight &one);
    void merge(const tally &other);
    delays of(const month::carrier &key) const;
};

// The flights of a file in the order of their scheduled departures. Throws for what it cannot read.
std::vector<flight> load(const char *path);

template <std::size_t N>
std::string_view text(const std::array<char, N> &code)
{
    return {code.data(), code.size()};
}

// JSON: `[flights,departed,minutes]`, and objects of these by name.
std::ostream &operator<<(std::ostream &out, const delays &sums);
void print(std::ostream &out, const std::map<month::carrier, delays> &carriers);
void print(std::ostream &out, const std::map<month::route, delays> &routes);

} // namespace month

#endif
