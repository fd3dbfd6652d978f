// A small C interface to toml++: parse a text into a flat row of entries, each with its place in the text.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SOTTO_TOML_TABLE = 1,
    SOTTO_TOML_ARRAY = 2,
    SOTTO_TOML_STRING = 3,
    SOTTO_TOML_INTEGER = 4,
    SOTTO_TOML_FLOAT = 5,
    SOTTO_TOML_BOOLEAN = 6,
    SOTTO_TOML_DATE = 7,
};

/// One value. Entries lie in pre-order: a table or array is followed by its `children` entries and theirs.
/// Lines and columns count from 1; columns count characters; 0 means that the place is not known.
typedef struct {
    uint8_t kind;
    /// Direct children of a table or array.
    uint32_t children;
    /// NULL for elements of an array and for the root.
    const char *key;
    size_t key_length;
    uint32_t key_line, key_column;
    uint32_t line, column;
    const char *text;
    size_t text_length;
    int64_t integer;
    double number;
} sotto_toml_entry;

typedef struct sotto_toml sotto_toml;

/// Parses `count` bytes. Never NULL unless there is no memory. The document owns all that its entries point at.
sotto_toml *sotto_toml_parse(const char *bytes, size_t count);
void sotto_toml_free(sotto_toml *document);

/// NULL when the text is good; otherwise what is wrong, with its place.
const char *sotto_toml_error(const sotto_toml *document, uint32_t *line, uint32_t *column);

const sotto_toml_entry *sotto_toml_entries(const sotto_toml *document, size_t *count);

#ifdef __cplusplus
}
#endif
