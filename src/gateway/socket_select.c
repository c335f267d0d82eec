/* SPDX-License-Identifier: Apache-2.0 */
#include "base/scan.h"
#include "gateway/socket_priv.h"

/*
 * "$request.body.action", or several in braces with text between them:
 * "${request.body.a}/${request.body.b}". A backslash takes the next character as it is.
 */

#define BODY TEXT("request.body.")

/* Appends the value at a dotted path as text; nothing when it is not there. */
static void add_value(struct scan_value at, struct text path, struct buffer *out)
{
    struct text name;
    struct scan_value key, value;

    while (text_split(&path, '.', &name)) {
        bool found = false;
        if (at.kind != SCAN_OBJECT)
            return;
        struct scan scan = scan_open(&at);
        while (scan_member(&scan, &key, &value))
            if (scan_is(&key, name)) {
                at = value; /* of several the last, as JSON parsers have it */
                found = true;
            }
        if (!found)
            return;
    }
    if (at.kind == SCAN_STRING)
        scan_add_decoded(&at, out);
    else
        scan_add_json(&at, out);
}

static void add_reference(const struct scan_value *body, struct text reference, struct buffer *out)
{
    if (text_starts(reference, BODY))
        add_value(*body, text_skip(reference, BODY.len), out);
}

bool socket_select(struct text expression, struct text json, struct buffer *out)
{
    struct scan_value body;

    if (!scan_document(json, NULL, NULL, &body))
        return false;
    if (text_starts(expression, TEXT("$request."))) {
        add_reference(&body, text_skip(expression, 1), out);
        return true;
    }
    while (expression.len > 0) {
        if (text_starts(expression, TEXT("${"))) {
            size_t end = text_find(expression, '}');
            add_reference(&body, text_slice(expression, 2, end), out);
            expression = text_skip(expression, end + 1);
            continue;
        }
        if (expression.at[0] == '\\' && expression.len > 1)
            expression = text_skip(expression, 1);
        buffer_add_char(out, expression.at[0]);
        expression = text_skip(expression, 1);
    }
    return true;
}
