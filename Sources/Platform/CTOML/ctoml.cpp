#include "include/ctoml.h"

// toml++ asserts things that hostile text makes false (a table header that begins with no key character): in a debug build that aborts,
// with NDEBUG it is an assumption and so undefined. Here it ends the parse instead.
namespace {
struct gave_up {};
}  // namespace
#undef NDEBUG
#define TOML_ASSERT(expr) ((expr) ? static_cast<void>(0) : throw gave_up{})
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <deque>
#include <new>
#include <string>
#include <string_view>
#include <vector>

struct sotto_toml {
    // Texts stay where they are while more are added: entries point into them.
    std::deque<std::string> texts;
    std::vector<sotto_toml_entry> entries;
    std::string error;
    uint32_t error_line = 0, error_column = 0;
    bool failed = false;

    void keep(std::string_view text, const char *&target, size_t &length) {
        texts.emplace_back(text);
        target = texts.back().data();
        length = texts.back().size();
    }

    void add(const toml::node &node, const toml::key *key) {
        sotto_toml_entry entry = {};
        if (key) {
            keep(key->str(), entry.key, entry.key_length);
            entry.key_line = key->source().begin.line;
            entry.key_column = key->source().begin.column;
        }
        entry.line = node.source().begin.line;
        entry.column = node.source().begin.column;
        if (const auto *table = node.as_table()) {
            entry.kind = SOTTO_TOML_TABLE;
            entry.children = static_cast<uint32_t>(table->size());
            entries.push_back(entry);
            for (auto &&[name, child] : *table) add(child, &name);
            return;
        }
        if (const auto *array = node.as_array()) {
            entry.kind = SOTTO_TOML_ARRAY;
            entry.children = static_cast<uint32_t>(array->size());
            entries.push_back(entry);
            for (const toml::node &child : *array) add(child, nullptr);
            return;
        }
        if (const auto *text = node.as_string()) {
            entry.kind = SOTTO_TOML_STRING;
            keep(text->get(), entry.text, entry.text_length);
        } else if (const auto *integer = node.as_integer()) {
            entry.kind = SOTTO_TOML_INTEGER;
            entry.integer = integer->get();
        } else if (const auto *number = node.as_floating_point()) {
            entry.kind = SOTTO_TOML_FLOAT;
            entry.number = number->get();
        } else if (const auto *flag = node.as_boolean()) {
            entry.kind = SOTTO_TOML_BOOLEAN;
            entry.integer = flag->get() ? 1 : 0;
        } else {
            entry.kind = SOTTO_TOML_DATE;
        }
        entries.push_back(entry);
    }
};

namespace {
bool gives_up(std::string_view text) {
    try {
        (void)toml::parse(text);
        return false;
    } catch (const gave_up &) {
        return true;
    }
}

/// The first line whose end lets the parser give up: it reads forwards, so every longer text makes it give up as well.
uint32_t line_of_giving_up(std::string_view text) {
    std::vector<size_t> ends;
    for (size_t i = 0; i < text.size(); i++)
        if (text[i] == '\n') ends.push_back(i + 1);
    size_t low = 0, high = ends.size();
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (gives_up(text.substr(0, ends[middle]))) high = middle;
        else low = middle + 1;
    }
    return static_cast<uint32_t>(low + 1);
}
}  // namespace

static void parse(sotto_toml *document, std::string_view text);

extern "C" sotto_toml *sotto_toml_parse(const char *bytes, size_t count) {
    auto *document = new (std::nothrow) sotto_toml;
    if (!document) return nullptr;
    const std::string_view text(bytes, count);
    try {
        parse(document, text);
    } catch (const gave_up &) {
        document->failed = true;
        document->error = "expected a key, a table's name or a value";
        document->error_line = line_of_giving_up(text);
        document->error_column = 1;
    }
    return document;
}

static void parse(sotto_toml *document, std::string_view text) {
    const toml::parse_result result = toml::parse(text);
    if (result.failed()) {
        const toml::parse_error &error = result.error();
        document->failed = true;
        document->error = std::string(error.description());
        document->error_line = error.source().begin.line;
        document->error_column = error.source().begin.column;
        return;
    }
    document->add(result.table(), nullptr);
}

extern "C" void sotto_toml_free(sotto_toml *document) { delete document; }

extern "C" const char *sotto_toml_error(const sotto_toml *document, uint32_t *line, uint32_t *column) {
    if (!document->failed) return nullptr;
    *line = document->error_line;
    *column = document->error_column;
    return document->error.c_str();
}

extern "C" const sotto_toml_entry *sotto_toml_entries(const sotto_toml *document, size_t *count) {
    *count = document->entries.size();
    return document->entries.data();
}
