/* SPDX-License-Identifier: Apache-2.0 */
#include "router/evaluate.h"
#include "router/address.h"
#include "router/number.h"
#include "router/pattern_priv.h"

/* Of pieces between stars each is taken where it comes first: what is left for those behind
 * it could only be less otherwise. So no way is tried twice, whatever the pattern. */
static bool matches_wildcard(const struct atom *atom, struct text text)
{
    struct text first = atom->parts[0], last = atom->parts[atom->part_count - 1];

    if (atom->part_count == 1)
        return text_equal(text, first);
    if (text.len < first.len + last.len ||
        (last.len > 0 && text.at[text.len - 1] != last.at[last.len - 1]) ||
        !text_starts(text, first) || !text_ends(text, last))
        return false;
    text = text_slice(text, first.len, text.len - last.len);
    for (size_t i = 1; i + 1 < atom->part_count; i++) {
        const char *found = atom->parts[i].len > text.len
                                ? NULL
                                : memmem(text.at, text.len, atom->parts[i].at, atom->parts[i].len);
        if (!found)
            return false;
        text = text_skip(text, (size_t)(found - text.at) + atom->parts[i].len);
    }
    return true;
}

static bool equal_folded(struct text folded, struct text text)
{
    if (folded.len != text.len)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        c = (unsigned char)(c + ((unsigned char)(c - 'A') < 26) * 32);
        if ((unsigned char)folded.at[i] != c)
            return false;
    }
    return true;
}

/* Takes the atom's characters, each in one of its cases, off the front. */
static bool take_folds(const struct atom *atom, struct text *text)
{
    for (size_t i = 0; i < atom->part_count; i += 2) {
        struct text lower = atom->parts[i], upper = atom->parts[i + 1];
        if (text_starts(*text, lower))
            *text = text_skip(*text, lower.len);
        else if (text_starts(*text, upper))
            *text = text_skip(*text, upper.len);
        else
            return false;
    }
    return true;
}

static bool ends_with_folds(const struct atom *atom, struct text text)
{
    for (size_t i = atom->part_count; i > 0; i -= 2) {
        struct text lower = atom->parts[i - 2], upper = atom->parts[i - 1];
        if (text_ends(text, lower))
            text.len -= lower.len;
        else if (text_ends(text, upper))
            text.len -= upper.len;
        else
            return false;
    }
    return true;
}

static bool matches_fold(const struct atom *atom, struct text text)
{
    if (atom->part_count) {
        if (atom->kind == ATOM_SUFFIX_FOLD)
            return ends_with_folds(atom, text);
        return take_folds(atom, &text) && (atom->kind == ATOM_PREFIX_FOLD || text.len == 0);
    }
    if (text.len < atom->text.len)
        return false;
    if (atom->kind == ATOM_PREFIX_FOLD)
        text.len = atom->text.len;
    else if (atom->kind == ATOM_SUFFIX_FOLD)
        text = text_skip(text, text.len - atom->text.len);
    return equal_folded(atom->text, text);
}

static bool matches_address(const struct atom *atom, struct text text)
{
    struct address address;

    if (!address_parse(text, &address) || address.len != atom->text.len)
        return false;
    address_mask(&address, atom->bits);
    return memcmp(address.bytes, atom->text.at, address.len) == 0;
}

static bool matches_string(const struct atom *atom, struct text text)
{
    switch (atom->kind) {
    case ATOM_EXACT:
        return text_equal(text, atom->text);
    case ATOM_PREFIX:
        return text_starts(text, atom->text);
    case ATOM_SUFFIX:
        return text_ends(text, atom->text);
    case ATOM_EXACT_FOLD:
    case ATOM_PREFIX_FOLD:
    case ATOM_SUFFIX_FOLD:
        return matches_fold(atom, text);
    case ATOM_WILDCARD:
        return matches_wildcard(atom, text);
    case ATOM_ADDRESS:
        return matches_address(atom, text);
    case ATOM_ABSENT:
    case ATOM_EXISTS:
    case ATOM_LITERAL:
    case ATOM_NUMBER:
    case ATOM_RANGE:
    case ATOM_BUT:
        break;
    }
    return false;
}

/* A number that cannot be compared is a text. */
static bool matches_number(const struct atom *atom, struct text text)
{
    struct number number;

    if (!number_parse(text, &number) || (number.value != 0 && !number_is_comparable(&number)))
        return atom->kind == ATOM_LITERAL && text_equal(text, atom->text);
    if (atom->kind != ATOM_NUMBER && atom->kind != ATOM_RANGE)
        return false;
    return (atom->low_open ? number.value > atom->low : number.value >= atom->low) &&
           (atom->high_open ? number.value < atom->high : number.value <= atom->high);
}

bool atom_matches(const struct atom *atom, const struct value *value)
{
    if (atom->kind == ATOM_EXISTS)
        return true;
    if (atom->kind == ATOM_BUT) {
        for (size_t i = 0; i < atom->but_count; i++)
            if (atom_matches(&atom->but[i], value))
                return false;
        return true;
    }
    switch (value->kind) {
    case VALUE_STRING:
        return matches_string(atom, value->text);
    case VALUE_NUMBER:
        return matches_number(atom, value->text);
    case VALUE_WORD:
        break;
    }
    return atom->kind == ATOM_LITERAL && text_equal(value->text, atom->text);
}
