#include "month.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <stdexcept>

namespace month {

namespace {

constexpr std::size_t columns = 19;
using fields = std::array<std::string_view, columns>;

template <typename Number>
void put(std::uint8_t *to, Number number)
{
    for (std::size_t at = 0; at < sizeof number; ++at) {
        to[at] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(number) >> (8 * at));
    }
}

template <typename Number>
Number get(const std::uint8_t *from)
{
    std::uint64_t number = 0;
    for (std::size_t at = 0; at < sizeof(Number); ++at) {
        number |= std::uint64_t{from[at]} << (8 * at);
    }
    return static_cast<Number>(number);
}

template <typename Number>
Number number_in(std::string_view field)
{
    Number number{};
    auto [end, failed] = std::from_chars(field.data(), field.data() + field.size(), number);
    if (failed != std::errc() || end != field.data() + field.size()) {
        throw std::runtime_error("`" + std::string(field) + "` is no number that fits");
    }
    return number;
}

std::int16_t delay_in(std::string_view field)
{
    return field == "NA" ? missing : number_in<std::int16_t>(field);
}

template <std::size_t N>
std::array<char, N> code_in(std::string_view field)
{
    if (field.size() != N) {
        throw std::runtime_error("`" + std::string(field) + "` has not the letters of a code");
    }
    std::array<char, N> code;
    std::copy(field.begin(), field.end(), code.begin());
    return code;
}

fields split(std::string_view line)
{
    fields found;
    for (std::size_t at = 0; at < columns; ++at) {
        std::size_t comma = line.find(',');
        if ((comma == std::string_view::npos) != (at + 1 == columns)) {
            throw std::runtime_error("a line must have 19 columns");
        }
        found[at] = line.substr(0, comma);
        line.remove_prefix(at + 1 == columns ? line.size() : comma + 1);
    }
    return found;
}

flight parse(const fields &of)
{
    auto in = [&](std::size_t column) { return number_in<std::uint32_t>(of[column]); };
    flight one;
    one.scheduled = ((in(2) - 1) * 24 + in(16)) * 60 + in(17);
    one.departure_delay = delay_in(of[5]);
    one.arrival_delay = delay_in(of[8]);
    one.carrier = code_in<2>(of[9]);
    one.number = number_in<std::uint16_t>(of[10]);
    one.origin = code_in<3>(of[12]);
    one.destination = code_in<3>(of[13]);
    return one;
}

std::string name(const carrier &code)
{
    return std::string(text(code));
}

std::string name(const route &of)
{
    return std::string(text(of.first)) + "-" + std::string(text(of.second));
}

template <typename Sums>
void print_all(std::ostream &out, const Sums &sums)
{
    const char *comma = "";
    out << '{';
    for (const auto &[key, delays] : sums) {
        out << comma << '"' << name(key) << "\":" << delays;
        comma = ",";
    }
    out << '}';
}

} // namespace

flight flight::decode(const void *bytes, std::size_t size)
{
    if (size != encoded().size()) {
        throw std::runtime_error("no flight has " + std::to_string(size) + " bytes");
    }
    const auto *from = static_cast<const std::uint8_t *>(bytes);
    flight one;
    one.scheduled = get<std::uint32_t>(from);
    one.departure_delay = get<std::int16_t>(from + 4);
    one.arrival_delay = get<std::int16_t>(from + 6);
    one.number = get<std::uint16_t>(from + 8);
    std::copy_n(from + 10, 2, one.carrier.begin());
    std::copy_n(from + 12, 3, one.origin.begin());
    std::copy_n(from + 15, 3, one.destination.begin());
    return one;
}

encoded flight::encode() const
{
    encoded bytes;
    put(&bytes[0], scheduled);
    put(&bytes[4], departure_delay);
    put(&bytes[6], arrival_delay);
    put(&bytes[8], number);
    std::copy(carrier.begin(), carrier.end(), &bytes[10]);
    std::copy(origin.begin(), origin.end(), &bytes[12]);
    std::copy(destination.begin(), destination.end(), &bytes[15]);
    return bytes;
}

std::string flight::topic() const
{
    std::string topic = "flights.";
    topic.append(text(origin)).append(".").append(text(carrier)).append(".");
    return topic.append(text(destination));
}

void tally::add(const flight &one)
{
    total.add(one);
    carriers[one.carrier].add(one);
    routes[{one.origin, one.destination}].add(one);
}

void tally::merge(const tally &other)
{
    total.merge(other.total);
    for (const auto &[key, sums] : other.carriers) {
        carriers[key].merge(sums);
    }
    for (const auto &[key, sums] : other.routes) {
        routes[key].merge(sums);
    }
}

delays tally::of(const month::carrier &key) const
{
    auto found = carriers.find(key);
    return found == carriers.end() ? delays() : found->second;
}

std::vector<flight> load(const char *path)
{
    std::ifstream file(path);
    std::vector<flight> flights;
    std::string line;
    // The first line names the columns.
    std::getline(file, line);
    while (std::getline(file, line)) {
        flights.push_back(parse(split(line)));
    }
    if (flights.empty()) {
        throw std::runtime_error(std::string(path) + ": no flights that could be read");
    }
    std::stable_sort(flights.begin(), flights.end(), [](const flight &a, const flight &b) {
        return a.scheduled < b.scheduled;
    });
    return flights;
}

std::ostream &operator<<(std::ostream &out, const delays &sums)
{
    return out << '[' << sums.flights << ',' << sums.departed << ',' << sums.minutes << ']';
}

void print(std::ostream &out, const std::map<carrier, delays> &carriers)
{
    print_all(out, carriers);
}

void print(std::ostream &out, const std::map<route, delays> &routes)
{
    print_all(out, routes);
}

} // namespace month
