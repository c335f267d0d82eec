/* SPDX-License-Identifier: Apache-2.0 */
#include "api/names.h"

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return is_lower(c) || (c >= 'A' && c <= 'Z');
}

/* [a-zA-Z0-9-_] */
static bool is_word(char c)
{
    return is_letter(c) || is_digit(c) || c == '-' || c == '_';
}

typedef bool is_f(char c);

/* How many bytes at the front are of that kind. */
static size_t run(struct text text, is_f *is)
{
    size_t count = 0;

    while (count < text.len && is(text.at[count]))
        count++;
    return count;
}

/* Every byte is of that kind or one of extra, and there is at least one. */
static bool consists_of(struct text text, is_f *is, const char *extra)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is(text.at[i]) && (!text.at[i] || !strchr(extra, text.at[i])))
            return false;
    return text.len > 0;
}

static bool is_partition_char(char c)
{
    return is_letter(c) || c == '-';
}

/* Takes literal from the front of *text. */
static bool skip(struct text *text, struct text literal)
{
    if (!text_starts(*text, literal))
        return false;
    *text = text_skip(*text, literal.len);
    return true;
}

/* "aws", then letters and dashes; nothing when there is no "aws". */
static void skip_partition(struct text *text)
{
    if (skip(text, TEXT("aws")))
        *text = text_skip(*text, run(*text, is_partition_char));
}

/* Tries "gov-" and "iso-", "isoX-" after the country. */
static void skip_region_kind(struct text *text)
{
    struct text rest = *text;

    if (skip(&rest, TEXT("gov-"))) {
        *text = rest;
        return;
    }
    if (!skip(&rest, TEXT("iso")))
        return;
    if (rest.len > 0 && is_lower(rest.at[0]))
        rest = text_skip(rest, 1);
    if (skip(&rest, TEXT("-")))
        *text = rest;
}

/* (eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1} */
static bool take_region(struct text *text, struct text *ret)
{
    struct text rest = *text;

    (void)skip(&rest, TEXT("eusc-"));
    if (rest.len < 3 || !is_lower(rest.at[0]) || !is_lower(rest.at[1]) || rest.at[2] != '-')
        return false;
    rest = text_skip(rest, 3);
    skip_region_kind(&rest);
    size_t name = run(rest, is_lower);
    if (name == 0 || rest.len < name + 2 || rest.at[name] != '-' || !is_digit(rest.at[name + 1]))
        return false;
    rest = text_skip(rest, name + 2);
    *ret = text_slice(*text, 0, text->len - rest.len);
    *text = rest;
    return true;
}

static bool take_account(struct text *text, struct text *ret)
{
    if (text->len < 12 || run(text_slice(*text, 0, 12), is_digit) != 12)
        return false;
    *ret = text_slice(*text, 0, 12);
    *text = text_skip(*text, 12);
    return true;
}

static bool is_all_digits(struct text text)
{
    return run(text, is_digit) == text.len;
}

static bool qualifier_matches(struct text text, enum name_style style)
{
    if (style == NAME_URL)
        return consists_of(text, is_word, "") && !is_all_digits(text);
    return consists_of(text, is_word, "") || text_equal(text, TEXT("$LATEST")) ||
           (style == NAME_NAMESPACED && text_equal(text, TEXT("$LATEST.PUBLISHED")));
}

/* The name and an optional qualifier: all that is left. */
static bool parse_end(struct text text, enum name_style style, struct function_name *ret)
{
    size_t colon = text_find(text, ':');

    ret->name = text_slice(text, 0, colon);
    if (!consists_of(ret->name, is_word, style == NAME_NAMESPACED ? "." : "") ||
        (style == NAME_URL && ret->name.len > 64))
        return false;
    if (colon == text.len)
        return true;
    ret->qualifier = text_skip(text, colon + 1);
    return qualifier_matches(ret->qualifier, style);
}

/* The optional pieces in front of the name, each taken when it can be, as a regular
 * expression would; given back when the rest does not match then. */
enum piece { PIECE_ARN, PIECE_REGION, PIECE_ACCOUNT, PIECE_FUNCTION, PIECE_END };

static bool take_piece(enum piece piece, struct text *text, struct function_name *ret)
{
    switch (piece) {
    case PIECE_ARN:
        if (!skip(text, TEXT("arn:")))
            return false;
        skip_partition(text);
        return skip(text, TEXT(":lambda:"));
    case PIECE_REGION:
        return take_region(text, &ret->region) && skip(text, TEXT(":"));
    case PIECE_ACCOUNT:
        return take_account(text, &ret->account) && skip(text, TEXT(":"));
    case PIECE_FUNCTION:
        return skip(text, TEXT("function:"));
    case PIECE_END:
        break;
    }
    return false;
}

static bool parse_from(enum piece piece, struct text text, enum name_style style,
                       struct function_name *ret)
{
    struct function_name with = *ret, without = *ret;
    struct text rest = text;

    if (piece == PIECE_END)
        return parse_end(text, style, ret);
    if (take_piece(piece, &rest, &with) && parse_from(piece + 1, rest, style, &with)) {
        *ret = with;
        return true;
    }
    if (!parse_from(piece + 1, text, style, &without))
        return false;
    *ret = without;
    return true;
}

bool name_parse(struct text source, enum name_style style, struct function_name *ret)
{
    *ret = (struct function_name){0};
    return parse_from(PIECE_ARN, source, style, ret);
}

bool name_is_function(struct text text)
{
    struct function_name ignored;
    return name_parse(text, NAME_PLAIN, &ignored);
}

bool name_is_namespaced_function(struct text text)
{
    struct function_name ignored;
    return name_parse(text, NAME_NAMESPACED, &ignored);
}

bool name_is_url_function(struct text text)
{
    struct function_name ignored;
    return name_parse(text, NAME_URL, &ignored);
}

bool name_is_qualifier(struct text text)
{
    return consists_of(text, is_word, "$") || text_equal(text, TEXT("$LATEST.PUBLISHED"));
}

bool name_is_alias(struct text text)
{
    return consists_of(text, is_word, "") && !is_all_digits(text);
}

bool name_is_version(struct text text)
{
    return (text.len > 0 && is_all_digits(text)) || text_equal(text, TEXT("$LATEST")) ||
           text_equal(text, TEXT("$LATEST.PUBLISHED"));
}

bool name_is_url_qualifier(struct text text)
{
    return consists_of(text, is_word, "") && !is_all_digits(text);
}

bool name_is_role_arn(struct text text)
{
    struct text account;

    if (!skip(&text, TEXT("arn:")))
        return false;
    skip_partition(&text);
    if (!skip(&text, TEXT(":iam::")) || !take_account(&text, &account) ||
        !skip(&text, TEXT(":role")))
        return false;
    (void)(text.len > 1 && skip(&text, TEXT("/")));
    return consists_of(text, is_word, "+=,.@/");
}

static bool is_service_char(char c)
{
    return is_letter(c) || is_digit(c) || c == '-';
}

/* arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:(region)?:(\d{12})?:(.*) */
bool name_is_arn(struct text text)
{
    struct text ignored;

    if (!skip(&text, TEXT("arn:aws")))
        return false;
    text = text_skip(text, run(text, is_service_char));
    if (!skip(&text, TEXT(":")))
        return false;
    size_t service = run(text, is_service_char);
    text = text_skip(text, service);
    if (service == 0 || !skip(&text, TEXT(":")))
        return false;
    (void)take_region(&text, &ignored);
    if (!skip(&text, TEXT(":")))
        return false;
    (void)take_account(&text, &ignored);
    return skip(&text, TEXT(":")) && !text_contains(text, '\n');
}

/* kafka://([^.]([a-zA-Z0-9\-_.]{0,248})) */
static bool is_kafka_topic(struct text text)
{
    return skip(&text, TEXT("kafka://")) && text.len > 0 && text.len <= 249 && text.at[0] != '.' &&
           (text.len == 1 || consists_of(text_skip(text, 1), is_word, "."));
}

bool name_is_destination(struct text text)
{
    return text.len == 0 || is_kafka_topic(text) || name_is_arn(text);
}

static bool is_dotted_service_char(char c)
{
    return is_lower(c) || is_digit(c) || c == '-' || c == '.';
}

/* (arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|() */
bool name_is_dead_letter(struct text text)
{
    if (text.len == 0)
        return true;
    if (!skip(&text, TEXT("arn:")))
        return false;
    skip_partition(&text);
    if (!skip(&text, TEXT(":")))
        return false;
    size_t service = run(text, is_dotted_service_char);
    text = text_skip(text, service);
    return service > 0 && skip(&text, TEXT(":")) && !text_contains(text, '\n');
}

static bool is_hex(char c)
{
    return text_hex_digit(c) >= 0;
}

static bool is_uuid(struct text text)
{
    static const size_t lengths[] = {8, 4, 4, 4, 12};

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        if (i > 0 && !skip(&text, TEXT("-")))
            return false;
        if (text.len < lengths[i] || run(text_slice(text, 0, lengths[i]), is_hex) != lengths[i])
            return false;
        text = text_skip(text, lengths[i]);
    }
    return text.len == 0;
}

static bool is_csc_char(char c)
{
    return is_lower(c) || is_digit(c);
}

static bool is_taggable_resource(struct text text)
{
    if (skip(&text, TEXT("function:"))) {
        struct text name = text_slice(text, 0, text_find(text, ':'));
        if (!consists_of(name, is_word, ""))
            return false;
        return name.len == text.len || qualifier_matches(text_skip(text, name.len + 1), NAME_PLAIN);
    }
    if (skip(&text, TEXT("code-signing-config:csc-")))
        return text.len == 17 && run(text, is_csc_char) == 17;
    if (skip(&text, TEXT("event-source-mapping:")))
        return is_uuid(text);
    return (skip(&text, TEXT("layer:")) || skip(&text, TEXT("capacity-provider:"))) &&
           consists_of(text, is_word, "");
}

bool name_is_taggable(struct text text)
{
    struct text ignored;

    if (!skip(&text, TEXT("arn:aws")))
        return false;
    text = text_skip(text, run(text, is_partition_char));
    return skip(&text, TEXT(":lambda:")) && take_region(&text, &ignored) &&
           skip(&text, TEXT(":")) && take_account(&text, &ignored) && skip(&text, TEXT(":")) &&
           is_taggable_resource(text);
}

bool name_is_statement_id(struct text text)
{
    return consists_of(text, is_word, "");
}

bool name_is_namespaced_statement_id(struct text text)
{
    return consists_of(text, is_word, ".");
}

bool name_is_permission_action(struct text text)
{
    if (text_equal(text, TEXT("*")) || text_equal(text, TEXT("lambda:*")))
        return true;
    return skip(&text, TEXT("lambda:")) && consists_of(text, is_letter, "");
}

bool name_is_account(struct text text)
{
    return text.len == 12 && is_all_digits(text);
}

bool name_is_org(struct text text)
{
    return skip(&text, TEXT("o-")) && text.len >= 10 && text.len <= 32 &&
           run(text, is_csc_char) == text.len;
}

bool name_is_event_source_token(struct text text)
{
    return consists_of(text, is_word, ".");
}

/* [a-zA-Z]([a-zA-Z0-9_])+ */
bool name_is_variable(struct text text)
{
    return text.len >= 2 && is_letter(text.at[0]) && consists_of(text, is_word, "") &&
           !text_contains(text, '-');
}

bool name_is_log_group(struct text text)
{
    return consists_of(text, is_word, "./#");
}

bool name_is_log_stream(struct text text)
{
    return text.len > 0 && !text_contains(text, ':') && !text_contains(text, '*');
}

/* ([\p{L}\p{Z}\p{N}_.:/=+\-@]*): of the characters beyond ASCII all are let through. */
bool name_is_tag_text(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!((unsigned char)text.at[i] >= 0x80 || is_word(text.at[i]) ||
              (text.at[i] && strchr(" .:/=+@", text.at[i]))))
            return false;
    return text_is_utf8(text);
}

bool name_has_no_blanks(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] == ' ' || (text.at[i] >= '\t' && text.at[i] <= '\r'))
            return false;
    return text.len > 0;
}

bool name_is_bucket(struct text text)
{
    return (text.len == 0 || consists_of(text, is_word, ".")) && !text_ends(text, TEXT("."));
}

bool name_is_tag_key(struct text text)
{
    return text.len >= 1 && text.len <= 128 && name_is_tag_text(text);
}
