/* A step of a case: read from the line form, observed, judged. C and C++ have it in common. */
#ifndef STEP_H
#define STEP_H

#include "neo.h"

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { FIELDS_MAX = 32 };

/* Bytes of the interpreter's own; `data` ends in NUL behind `len`. */
typedef struct {
    char *data;
    size_t len;
} text_t;

typedef struct {
    char *key;
    text_t value;
} field_t;

/* Keys and values: what a step says, or what was observed. */
typedef struct {
    field_t fields[FIELDS_MAX];
    size_t count;
} fields_t;

void *need(void *memory);
text_t text_of(const void *data, size_t len);
void text_add(text_t *text, const void *data, size_t len);
void text_print(text_t *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The op is field 0, with the key "op". */
fields_t step_parse(char *line);
void fields_free(fields_t *fields);
const text_t *field(const fields_t *fields, const char *key);
/* The same as text that ends in NUL, or `otherwise`. */
const char *word(const fields_t *fields, const char *key, const char *otherwise);
uint64_t number(const fields_t *fields, const char *key, uint64_t otherwise);
void observe(fields_t *seen, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void observe_bytes(fields_t *seen, const char *key, const void *data, size_t len);
/* An observation as one text. */
text_t line_of(const fields_t *seen);

/* The bytes that a payload of the line form stands for; `data` is NULL if it is none. */
text_t payload_of(const char *value);
/* A payload as it is observed: LENGTH:CRC. */
text_t digest(const void *data, size_t len);
/* NULL if the step is met, else why not, for the caller to free. */
char *judge(const fields_t *step, const fields_t *seen);
void print_json(FILE *out, const char *data, size_t len);

#ifdef __cplusplus
}
#endif

#endif
