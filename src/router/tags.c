/* SPDX-License-Identifier: Apache-2.0 */
#include "router/tags.h"

#include "base/mem.h"
#include "model/function.h"
#include "model/limits.h"

enum term_kind { TERM_HAS, TERM_IS, TERM_IS_NOT };

struct term {
    enum term_kind kind;
    struct text key, value; /* within the selector's source */
};

struct tag_selector {
    char *source;
    size_t count;
    struct term terms[];
};

static int parse_term(struct text text, struct term *ret, struct error *err)
{
    size_t equal = text_find(text, '=');
    bool is_not = equal > 0 && equal < text.len && text.at[equal - 1] == '!';

    ret->key = text_trim(text_slice(text, 0, equal - is_not));
    ret->value = text_trim(text_skip(text, equal + 1));
    ret->kind = equal == text.len ? TERM_HAS : is_not ? TERM_IS_NOT : TERM_IS;
    if (ret->key.len == 0)
        return error_set(err, ERROR_INVALID,
                         "'%.*s' names no tag: write key=value, key!=value or key", TEXT_ARG(text));
    return 0;
}

struct tag_selector *tags_compile(struct text source, struct error *err)
{
    if (source.len > LIMIT_SELECTOR_BYTES) {
        error_set(err, ERROR_LIMIT, "the selector has more than %d bytes", LIMIT_SELECTOR_BYTES);
        return NULL;
    }
    size_t commas = 0;
    for (size_t i = 0; i < source.len; i++)
        commas += source.at[i] == ',';
    scoped(tags_free) struct tag_selector *selector =
        mem_zalloc(sizeof *selector + (commas + 1) * sizeof selector->terms[0]);
    selector->source = text_dup(source);
    struct text rest = text_from(selector->source, source.len), term;
    do {
        size_t comma = text_find(rest, ',');
        term = text_trim(text_slice(rest, 0, comma));
        rest = text_skip(rest, comma + 1);
        if (parse_term(term, &selector->terms[selector->count++], err) < 0)
            return NULL;
    } while (selector->count <= commas);
    return take(selector);
}

void tags_free(struct tag_selector *selector)
{
    if (!selector)
        return;
    free(selector->source);
    free(selector);
}

/* NULL when there is none. */
static const struct tag *find_tag(const struct tag *tags, size_t count, struct text key)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(text_of(tags[i].key), key))
            return &tags[i];
    return NULL;
}

static bool holds(const struct term *term, const struct tag *tag)
{
    bool is_equal = tag && text_equal(text_of(tag->value), term->value);

    switch (term->kind) {
    case TERM_HAS:
        return tag;
    case TERM_IS:
        return is_equal;
    case TERM_IS_NOT:
        return !is_equal;
    }
    return false;
}

bool tags_select(const struct tag_selector *selector, const struct tag *tags, size_t count)
{
    for (size_t i = 0; i < selector->count; i++)
        if (!holds(&selector->terms[i], find_tag(tags, count, selector->terms[i].key)))
            return false;
    return true;
}

/* Takes the next word of a list separated by blanks and commas; false at the end. */
static bool take_word(struct text *rest, struct text *ret)
{
    size_t from = 0;

    while (from < rest->len && (rest->at[from] == ' ' || rest->at[from] == ','))
        from++;
    size_t to = from;
    while (to < rest->len && rest->at[to] != ' ' && rest->at[to] != ',')
        to++;
    *ret = text_slice(*rest, from, to);
    *rest = text_skip(*rest, to);
    return ret->len > 0;
}

static bool is_any_word(struct text word)
{
    return text_equal(word, TEXT("+")) || text_equal(word, TEXT("*"));
}

static bool is_any_rest(struct text word)
{
    return text_equal(word, TEXT("++")) || text_equal(word, TEXT("#"));
}

static bool is_plain(struct text word)
{
    return word.len > 0 && !text_contains(word, '+') && !text_contains(word, '*') &&
           !text_contains(word, '#');
}

static bool is_pattern(struct text pattern)
{
    struct text word;
    bool is_whole = pattern.len > 0 && pattern.at[pattern.len - 1] != '.';

    while (is_whole && text_split(&pattern, '.', &word))
        is_whole = is_any_word(word) || is_plain(word) || (is_any_rest(word) && pattern.len == 0);
    return is_whole;
}

static bool matches(struct text pattern, struct text tag)
{
    struct text wanted, word;

    if (!is_pattern(pattern))
        return false;
    while (text_split(&pattern, '.', &wanted)) {
        if (is_any_rest(wanted))
            return true;
        if (!text_split(&tag, '.', &word) || word.len == 0)
            return false;
        if (!is_any_word(wanted) && !text_equal(wanted, word))
            return false;
    }
    return !text_split(&tag, '.', &word);
}

static bool accepts_tag(struct text patterns, struct text tag)
{
    struct text pattern;

    while (take_word(&patterns, &pattern))
        if (matches(pattern, tag))
            return true;
    return false;
}

bool tags_accept(const struct tag *tags, size_t count, const struct cloud_event *event)
{
    const struct tag *accepts = find_tag(tags, count, TEXT("accepts"));
    struct text list = cloudevents_text(event, TEXT("tags")), tag;

    if (!accepts)
        return false;
    if (!text_is_set(list))
        return accepts_tag(text_of(accepts->value), cloudevents_text(event, TEXT("type")));
    while (take_word(&list, &tag))
        if (accepts_tag(text_of(accepts->value), tag))
            return true;
    return false;
}

int tags_check_accepts(struct text value, struct error *err)
{
    struct text pattern;

    while (take_word(&value, &pattern))
        if (!is_pattern(pattern))
            return error_set(err, ERROR_INVALID,
                             "'%.*s' is no pattern: words joined by dots, '+' for any one, '++' at "
                             "the end for any rest",
                             TEXT_ARG(pattern));
    return 0;
}
