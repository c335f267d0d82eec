/* SPDX-License-Identifier: Apache-2.0 */
#include "http/chunked.h"

#include "http/field.h"

/* More digits than any body has; far from overflowing. */
#define SIZE_DIGITS_MAX 15

/* The next line without its CR LF. MORE when it is not complete yet, BAD when it is too
 * long or ends otherwise; else PIECE. */
static enum chunked_result next_line(struct text *input, size_t max, struct text *ret_line)
{
    struct text seen = text_slice(*input, 0, max);
    size_t end = text_find(seen, '\n');

    if (end == seen.len)
        return seen.len < max ? CHUNKED_MORE : CHUNKED_BAD;
    if (end == 0 || seen.at[end - 1] != '\r')
        return CHUNKED_BAD;
    *ret_line = text_slice(*input, 0, end - 1);
    *input = text_skip(*input, end + 1);
    return CHUNKED_PIECE;
}

/* ";name=value" and nothing else, so blanks may not follow the size directly: that is
 * where decoders differ. */
static bool is_extension(struct text text)
{
    const struct http_field as_field = {TEXT("x"), text};

    return text.len == 0 || (text.at[0] == ';' && field_is_clean(&as_field));
}

static enum chunked_result read_size(struct chunked *chunked, struct text *input)
{
    struct text line;
    enum chunked_result result = next_line(input, CHUNKED_LINE_MAX, &line);
    size_t digits = 0;

    if (result != CHUNKED_PIECE)
        return result;
    chunked->left = 0;
    for (int digit; digits < line.len && (digit = text_hex_digit(line.at[digits])) >= 0; digits++) {
        if (digits == SIZE_DIGITS_MAX)
            return CHUNKED_BAD;
        chunked->left = chunked->left * 16 + (uint64_t)digit;
    }
    chunked->extension_bytes += line.len - digits;
    if (digits == 0 || !is_extension(text_skip(line, digits)) ||
        chunked->extension_bytes > CHUNKED_EXTENSION_BYTES_MAX)
        return CHUNKED_BAD;
    chunked->at = chunked->left > 0 ? CHUNKED_DATA : CHUNKED_TRAILERS;
    return CHUNKED_PIECE;
}

static enum chunked_result read_data(struct chunked *chunked, struct text *input,
                                     struct text *ret_piece)
{
    size_t len = input->len < chunked->left ? input->len : (size_t)chunked->left;

    if (len == 0)
        return CHUNKED_MORE;
    *ret_piece = text_slice(*input, 0, len);
    *input = text_skip(*input, len);
    chunked->left -= len;
    if (chunked->left == 0)
        chunked->at = CHUNKED_DATA_END;
    return CHUNKED_PIECE;
}

static enum chunked_result read_data_end(struct chunked *chunked, struct text *input)
{
    if (!text_starts(TEXT("\r\n"), text_slice(*input, 0, 2)))
        return CHUNKED_BAD;
    if (input->len < 2)
        return CHUNKED_MORE;
    *input = text_skip(*input, 2);
    chunked->at = CHUNKED_SIZE;
    return CHUNKED_PIECE;
}

static bool is_framing(struct text name)
{
    return field_looks_like(name, TEXT("content-length")) ||
           field_looks_like(name, TEXT("transfer-encoding")) ||
           field_looks_like(name, TEXT("host"));
}

static bool add_trailer(struct chunked *chunked, struct arena *arena, struct text line)
{
    struct http_field field;

    if (chunked->trailer_count == CHUNKED_TRAILERS_MAX)
        return false;
    if (!chunked->trailers)
        chunked->trailers = arena_alloc(arena, CHUNKED_TRAILERS_MAX * sizeof *chunked->trailers);
    if (!field_parse(arena_string(arena, line), line.len, &field) || is_framing(field.name))
        return false;
    if (!text_contains(field.name, '_'))
        chunked->trailers[chunked->trailer_count++] = field;
    return true;
}

static enum chunked_result read_trailer(struct chunked *chunked, struct arena *arena,
                                        struct text *input)
{
    struct text line;
    size_t room = CHUNKED_TRAILER_BYTES_MAX - chunked->trailer_bytes;
    enum chunked_result result = next_line(input, room, &line);

    if (result != CHUNKED_PIECE)
        return result;
    if (line.len == 0)
        return CHUNKED_END;
    chunked->trailer_bytes += line.len + 2;
    return add_trailer(chunked, arena, line) ? CHUNKED_PIECE : CHUNKED_BAD;
}

static enum chunked_result step(struct chunked *chunked, struct arena *arena, struct text *input,
                                struct text *ret_piece)
{
    switch (chunked->at) {
    case CHUNKED_SIZE:
        return read_size(chunked, input);
    case CHUNKED_DATA:
        return read_data(chunked, input, ret_piece);
    case CHUNKED_DATA_END:
        return read_data_end(chunked, input);
    case CHUNKED_TRAILERS:
        return read_trailer(chunked, arena, input);
    }
    return CHUNKED_BAD;
}

enum chunked_result chunked_next(struct chunked *chunked, struct arena *arena, struct text *input,
                                 struct text *ret_piece)
{
    enum chunked_result result;

    *ret_piece = TEXT_NONE;
    do {
        result = step(chunked, arena, input, ret_piece);
    } while (result == CHUNKED_PIECE && ret_piece->len == 0);
    return result;
}
