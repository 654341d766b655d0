/* The month of flights. Nothing here knows Neo. */
#include "month.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("flights (C): ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

enum { COLUMNS = 19 };

static void put16(uint8_t *to, uint16_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
}

static uint16_t get16(const uint8_t *from)
{
    return (uint16_t)(from[0] | from[1] << 8);
}

static void encode(const Flight *flight, uint8_t bytes[FLIGHT_BYTES])
{
    put16(bytes, (uint16_t)flight->scheduled);
    put16(bytes + 2, (uint16_t)(flight->scheduled >> 16));
    put16(bytes + 4, (uint16_t)flight->departure_delay);
    put16(bytes + 6, (uint16_t)flight->arrival_delay);
    put16(bytes + 8, flight->number);
    memcpy(bytes + 10, flight->carrier, 2);
    memcpy(bytes + 12, flight->origin, 3);
    memcpy(bytes + 15, flight->destination, 3);
}

Flight flight_decode(const uint8_t *bytes, size_t len)
{
    Flight flight;
    if (len != FLIGHT_BYTES)
        fail("no flight has %zu bytes", len);
    flight.scheduled = get16(bytes) | (uint32_t)get16(bytes + 2) << 16;
    flight.departure_delay = (int16_t)get16(bytes + 4);
    flight.arrival_delay = (int16_t)get16(bytes + 6);
    flight.number = get16(bytes + 8);
    memcpy(flight.carrier, bytes + 10, 2);
    memcpy(flight.origin, bytes + 12, 3);
    memcpy(flight.destination, bytes + 15, 3);
    return flight;
}

static long number_in(const char *field, long low, long high, size_t line)
{
    char *end;
    long value;
    errno = 0;
    value = strtol(field, &end, 10);
    if (end == field || *end != '\0' || errno != 0 || value < low || value > high)
        fail("line %zu: \"%s\" is no number from %ld to %ld", line, field, low, high);
    return value;
}

static int16_t delay_in(const char *field, size_t line)
{
    if (strcmp(field, "NA") == 0)
        return MISSING;
    return (int16_t)number_in(field, MISSING + 1, INT16_MAX, line);
}

static void code_in(const char *field, char *code, size_t letters, size_t line)
{
    if (strlen(field) != letters)
        fail("line %zu: \"%s\" has not %zu letters", line, field, letters);
    memcpy(code, field, letters);
}

static Row parse(char *text, size_t line)
{
    char *fields[COLUMNS];
    size_t count = 0;
    Flight flight;
    Row row = {.line = line};
    text[strcspn(text, "\r\n")] = '\0';
    for (char *next = text; next != NULL && count < COLUMNS; count++) {
        fields[count] = next;
        next = strchr(next, ',');
        if (next != NULL)
            *next++ = '\0';
    }
    if (count != COLUMNS)
        fail("line %zu: %zu columns, and not %d", line, count, COLUMNS);
    flight.scheduled = (uint32_t)((number_in(fields[2], 1, 31, line) - 1) * 24 * 60
                                  + number_in(fields[16], 0, 23, line) * 60
                                  + number_in(fields[17], 0, 59, line));
    flight.departure_delay = delay_in(fields[5], line);
    flight.arrival_delay = delay_in(fields[8], line);
    flight.number = (uint16_t)number_in(fields[10], 0, UINT16_MAX, line);
    code_in(fields[9], flight.carrier, 2, line);
    code_in(fields[12], flight.origin, 3, line);
    code_in(fields[13], flight.destination, 3, line);
    encode(&flight, row.message);
    snprintf(row.topic, sizeof row.topic, "flights.%.3s.%.2s.%.3s", flight.origin, flight.carrier,
             flight.destination);
    row.scheduled = flight.scheduled;
    return row;
}

static int by_topic(const void *left, const void *right)
{
    return strcmp(((const Row *)left)->topic, ((const Row *)right)->topic);
}

static int by_schedule(const void *left, const void *right)
{
    const Row *l = left, *r = right;
    if (l->scheduled != r->scheduled)
        return l->scheduled < r->scheduled ? -1 : 1;
    return (l->line > r->line) - (l->line < r->line);
}

/* Numbers the topics, and brings the rows into the order of their scheduled departures. */
static void arrange(Month *month)
{
    qsort(month->rows, month->count, sizeof *month->rows, by_topic);
    for (size_t i = 0; i < month->count; i++) {
        Row *row = &month->rows[i];
        if (i == 0 || strcmp(row->topic, row[-1].topic) != 0) {
            if (month->topic_count == TOPICS_MAX)
                fail("the file has more than %d topics", TOPICS_MAX);
            memcpy(month->topics[month->topic_count++], row->topic, TOPIC_BYTES);
        }
        row->topic_index = month->topic_count - 1;
    }
    qsort(month->rows, month->count, sizeof *month->rows, by_schedule);
}

Month month_load(const char *path)
{
    Month month = {0};
    FILE *file = fopen(path, "r");
    char text[512];
    size_t room = 0, line = 0;
    if (file == NULL)
        fail("%s: %s", path, strerror(errno));
    while (fgets(text, sizeof text, file) != NULL) {
        if (line++ == 0)
            continue; /* the names of the columns */
        if (month.count == room) {
            room = room == 0 ? 4096 : 2 * room;
            month.rows = realloc(month.rows, room * sizeof *month.rows);
            if (month.rows == NULL)
                fail("no memory for %zu rows", room);
        }
        month.rows[month.count++] = parse(text, line);
    }
    if (ferror(file))
        fail("%s: %s", path, strerror(errno));
    fclose(file);
    if (month.count == 0)
        fail("%s: no flights", path);
    arrange(&month);
    return month;
}

size_t month_topic(const Month *month, const void *topic, size_t len)
{
    size_t low = 0, high = month->topic_count;
    char name[TOPIC_BYTES] = {0};
    if (len >= TOPIC_BYTES)
        return SIZE_MAX;
    memcpy(name, topic, len);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, month->topics[middle]);
        if (order == 0)
            return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return SIZE_MAX;
}

static Entry *find(Entry *table, size_t size, const char name[8])
{
    uint64_t key;
    memcpy(&key, name, sizeof key);
    size_t start = (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32);
    for (size_t i = 0; i < size; i++) {
        Entry *entry = &table[(start + i) & (size - 1)];
        if (entry->name[0] == '\0')
            memcpy(entry->name, name, sizeof entry->name);
        if (memcmp(entry->name, name, sizeof entry->name) == 0)
            return entry;
    }
    fail("more than %zu names, of which \"%.8s\" is one", size, name);
    return NULL;
}

static void add(Delays *delays, const Flight *flight)
{
    delays->flights += 1;
    if (flight->departure_delay != MISSING) {
        delays->departed += 1;
        delays->minutes += flight->departure_delay;
    }
}

void delays_merge(Delays *delays, const Delays *other)
{
    delays->flights += other->flights;
    delays->departed += other->departed;
    delays->minutes += other->minutes;
}

void tally_add(Tally *tally, const Flight *flight)
{
    char carrier[8] = {0}, route[8] = {0};
    memcpy(carrier, flight->carrier, 2);
    memcpy(route, flight->origin, 3);
    route[3] = '-';
    memcpy(route + 4, flight->destination, 3);
    add(&tally->total, flight);
    add(&find(tally->carriers, CARRIERS_MAX, carrier)->delays, flight);
    add(&find(tally->routes, ROUTES_MAX, route)->delays, flight);
}

static void merge_table(Entry *table, const Entry *other, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (other[i].name[0] != '\0')
            delays_merge(&find(table, size, other[i].name)->delays, &other[i].delays);
}

void tally_merge(Tally *tally, const Tally *other)
{
    delays_merge(&tally->total, &other->total);
    merge_table(tally->carriers, other->carriers, CARRIERS_MAX);
    merge_table(tally->routes, other->routes, ROUTES_MAX);
}

Delays tally_carrier(const Tally *tally, const char carrier[2])
{
    for (size_t i = 0; i < CARRIERS_MAX; i++)
        if (memcmp(tally->carriers[i].name, carrier, 2) == 0)
            return tally->carriers[i].delays;
    return (Delays){0};
}

void delays_print(const Delays *delays)
{
    printf("[%" PRIu64 ",%" PRIu64 ",%" PRId64 "]", delays->flights, delays->departed,
           delays->minutes);
}

void entries_print(const Entry *table, size_t size)
{
    const char *comma = "";
    putchar('{');
    for (size_t i = 0; i < size; i++) {
        if (table[i].name[0] != '\0') {
            printf("%s\"%.8s\":", comma, table[i].name);
            delays_print(&table[i].delays);
            comma = ",";
        }
    }
    putchar('}');
}
