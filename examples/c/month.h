/* The month of flights: the file, a flight in a message, and sums over flights. */
#ifndef MONTH_H
#define MONTH_H

#include <stddef.h>
#include <stdint.h>

enum {
    FLIGHT_BYTES = 18, /* of a flight in a message */
    TOPIC_BYTES = sizeof "flights.JFK.B6.BQN",
    TOPICS_MAX = 512,
    MISSING = INT16_MIN, /* a delay that the file does not know */
    CARRIERS_MAX = 64,   /* powers of two: both are hash tables */
    ROUTES_MAX = 1024,
};

typedef struct {
    uint32_t scheduled; /* departure, in minutes since the month began */
    int16_t departure_delay, arrival_delay;
    uint16_t number;
    char carrier[2], origin[3], destination[3];
} Flight;

/* A flight of the file: its message and what it is published on. */
typedef struct {
    uint8_t message[FLIGHT_BYTES];
    char topic[TOPIC_BYTES];
    size_t topic_index; /* of `topic` in the month's topics */
    uint32_t scheduled;
    size_t line; /* of the file */
} Row;

typedef struct {
    Row *rows; /* in the order of their scheduled departures */
    size_t count;
    char topics[TOPICS_MAX][TOPIC_BYTES]; /* every topic once, in alphabetical order */
    size_t topic_count;
} Month;

typedef struct {
    uint64_t flights, departed;
    int64_t minutes;
} Delays;

typedef struct {
    char name[8]; /* "UA" or "JFK-LAX", zeros behind it; all zeros: unused */
    Delays delays;
} Entry;

typedef struct {
    Delays total;
    Entry carriers[CARRIERS_MAX], routes[ROUTES_MAX];
} Tally;

/* Says why on stderr and ends the program. Everything below does so with what it cannot accept. */
void fail(const char *format, ...);

Month month_load(const char *path);
/* The place of a topic of the month; SIZE_MAX if it has none. */
size_t month_topic(const Month *month, const void *topic, size_t len);
Flight flight_decode(const uint8_t *bytes, size_t len);

void delays_merge(Delays *delays, const Delays *other);
void tally_add(Tally *tally, const Flight *flight);
void tally_merge(Tally *tally, const Tally *other);
Delays tally_carrier(const Tally *tally, const char carrier[2]);

/* JSON on stdout: `[flights,departed,minutes]`, and an object of these by name. */
void delays_print(const Delays *delays);
void entries_print(const Entry *table, size_t size);

#endif
