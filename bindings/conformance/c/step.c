#include "step.h"

#include <stdarg.h>
#include <stdlib.h>

void *need(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "conformance: no memory\n");
        exit(2);
    }
    return memory;
}

text_t text_of(const void *data, size_t len)
{
    text_t text = {need(calloc(1, len + 1)), len};
    if (len > 0) {
        memcpy(text.data, data, len);
    }
    return text;
}

void text_add(text_t *text, const void *data, size_t len)
{
    text->data = need(realloc(text->data, text->len + len + 1));
    if (len > 0) {
        memcpy(text->data + text->len, data, len);
    }
    text->len += len;
    text->data[text->len] = '\0';
}

static text_t formatted(const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    text_t text = {need(malloc((size_t)len + 1)), (size_t)len};
    vsnprintf(text.data, (size_t)len + 1, format, arguments);
    return text;
}

void text_print(text_t *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_t more = formatted(format, arguments);
    va_end(arguments);
    text_add(text, more.data, more.len);
    free(more.data);
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *at;
    if (c >= 'A' && c <= 'F') {
        c = (char)(c - 'A' + 'a');
    }
    at = c == '\0' ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)(at - digits);
}

/* %XX stands for a byte. */
static text_t unescaped(const char *value)
{
    text_t text = text_of("", 0);
    for (const char *at = value; *at != '\0'; at++) {
        char byte = *at;
        if (*at == '%') {
            byte = (char)(hex_digit(at[1]) << 4 | hex_digit(at[2]));
            at += 2;
        }
        text_add(&text, &byte, 1);
    }
    return text;
}

static void add(fields_t *fields, const char *key, text_t value)
{
    if (fields->count == FIELDS_MAX) {
        fprintf(stderr, "conformance: more than %d fields\n", FIELDS_MAX);
        exit(2);
    }
    field_t *field = &fields->fields[fields->count++];
    field->key = text_of(key, strlen(key)).data;
    field->value = value;
}

fields_t step_parse(char *line)
{
    fields_t step = {.count = 0};
    for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " ")) {
        char *equals = strchr(word, '=');
        if (step.count == 0 || equals == NULL) {
            add(&step, "op", unescaped(word));
        } else {
            *equals = '\0';
            add(&step, word, unescaped(equals + 1));
        }
    }
    return step;
}

void fields_free(fields_t *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        free(fields->fields[i].key);
        free(fields->fields[i].value.data);
    }
    fields->count = 0;
}

const text_t *field(const fields_t *fields, const char *key)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (strcmp(fields->fields[i].key, key) == 0) {
            return &fields->fields[i].value;
        }
    }
    return NULL;
}

const char *word(const fields_t *fields, const char *key, const char *otherwise)
{
    const text_t *found = field(fields, key);
    return found == NULL ? otherwise : found->data;
}

uint64_t number(const fields_t *fields, const char *key, uint64_t otherwise)
{
    const text_t *found = field(fields, key);
    return found == NULL ? otherwise : strtoull(found->data, NULL, 10);
}

void observe(fields_t *seen, const char *key, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(seen, key, formatted(format, arguments));
    va_end(arguments);
}

void observe_bytes(fields_t *seen, const char *key, const void *data, size_t len)
{
    add(seen, key, text_of(data, len));
}

text_t line_of(const fields_t *seen)
{
    text_t line = text_of("", 0);
    for (size_t i = 0; i < seen->count; i++) {
        text_print(&line, "%s%s=", i == 0 ? "" : " ", seen->fields[i].key);
        text_add(&line, seen->fields[i].value.data, seen->fields[i].value.len);
    }
    if (seen->count == 0) {
        text_add(&line, "ok", 2);
    }
    return line;
}

text_t payload_of(const char *value)
{
    text_t payload = text_of("", 0);
    unsigned long long first = 0, len = 0;
    if (strncmp(value, "hex:", 4) == 0) {
        for (const char *at = value + 4; at[0] != '\0' && at[1] != '\0'; at += 2) {
            char byte = (char)(hex_digit(at[0]) << 4 | hex_digit(at[1]));
            text_add(&payload, &byte, 1);
        }
    } else if (sscanf(value, "repeat:%llu:%llu", &first, &len) == 2 ||
               sscanf(value, "pattern:%llu:%llu", &first, &len) == 2) {
        payload.data = need(realloc(payload.data, len + 1));
        payload.len = len;
        for (size_t i = 0; i < len; i++) {
            payload.data[i] = (char)(value[0] == 'r' ? first : (first + i) % 251);
        }
    } else {
        free(payload.data);
        payload = (text_t){NULL, 0};
    }
    return payload;
}

text_t digest(const void *data, size_t len)
{
    static uint32_t table[256];
    const uint8_t *bytes = data;
    uint32_t crc = 0xFFFFFFFF;
    if (table[1] == 0) {
        for (uint32_t n = 0; n < 256; n++) {
            uint32_t c = n;
            for (int bit = 0; bit < 8; bit++) {
                c = (c & 1) != 0 ? 0xEDB88320 ^ c >> 1 : c >> 1;
            }
            table[n] = c;
        }
    }
    for (size_t i = 0; i < len; i++) {
        crc = table[(crc ^ bytes[i]) & 0xFF] ^ crc >> 8;
    }
    text_t text = text_of("", 0);
    text_print(&text, "%zu:%08x", len, crc ^ 0xFFFFFFFF);
    return text;
}

/* Payloads of the line form, joined by commas, as they are observed. */
static text_t digests(const char *list)
{
    text_t text = text_of("", 0);
    while (*list != '\0') {
        size_t len = strcspn(list, ",");
        text_t one = text_of(list, len), payload = payload_of(one.data);
        text_t shown = digest(payload.data, payload.len);
        text_print(&text, "%s%s", text.len == 0 ? "" : ",", shown.data);
        free(shown.data);
        free(payload.data);
        free(one.data);
        list += len + (list[len] == ',');
    }
    return text;
}

char *judge(const fields_t *step, const fields_t *seen)
{
    int has_expectation = 0;
    text_t line = line_of(seen), why = {NULL, 0};
    for (size_t i = 0; i < step->count && why.data == NULL; i++) {
        const field_t *expected = &step->fields[i];
        if (strncmp(expected->key, "expect.", 7) != 0) {
            continue;
        }
        const char *key = expected->key + 7;
        const text_t *got = field(seen, key);
        text_t wanted = strcmp(key, "payload") == 0 || strcmp(key, "payloads") == 0
                            ? digests(expected->value.data)
                            : text_of(expected->value.data, expected->value.len);
        has_expectation = 1;
        if (got == NULL || got->len != wanted.len || memcmp(got->data, wanted.data, wanted.len) != 0) {
            text_print(&why, "expected %s=%s, observed %s", key, wanted.data, line.data);
        }
        free(wanted.data);
    }
    if (!has_expectation && (field(seen, "error") != NULL || field(seen, "none") != NULL)) {
        text_print(&why, "observed %s", line.data);
    }
    free(line.data);
    return why.data;
}

void print_json(FILE *out, const char *data, size_t len)
{
    putc('"', out);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c == '"' || c == '\\') {
            fprintf(out, "\\%c", c);
        } else if (c < 0x20) {
            fprintf(out, "\\u%04x", c);
        } else {
            putc(c, out);
        }
    }
    putc('"', out);
}
