/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"
#include "base/json.h"
#include "model/shape_priv.h"

/* Once for all references: a document may have many. The first of a name counts. */
static void note_anchors(struct map *anchors, const json_t *json)
{
    struct text name = json_text(json, "$anchor");
    const char *key;
    json_t *member;
    size_t i;

    if (text_is_set(name) && !map_find(anchors, name))
        map_put(anchors, name, (json_t *)(uintptr_t)json);
    json_object_foreach((json_t *)(uintptr_t)json, key, member)
    {
        if (strcmp(key, "enum") != 0 && strcmp(key, "const") != 0)
            note_anchors(anchors, member);
    }
    json_array_foreach(json, i, member) note_anchors(anchors, member);
}

static const json_t *find_anchor(struct shape_references *references, struct text name)
{
    if (!references->has_anchors)
        note_anchors(&references->anchors, references->document);
    references->has_anchors = true;
    return map_find(&references->anchors, name);
}

/* "%41" and "~1" in place; false when it is neither. */
static bool unescape(char *step)
{
    char *to = step;

    for (const char *at = step; *at; at++) {
        uint8_t byte;
        if (*at == '%' && crypto_unhex(text_slice(text_of(at), 1, 3), &byte) && at[1] && byte) {
            *to++ = (char)byte;
            at += 2;
        } else {
            *to++ = *at;
        }
    }
    *to = '\0';
    to = step;
    for (const char *at = step; *at; at++) {
        if (*at != '~') {
            *to++ = *at;
            continue;
        }
        at++;
        if (*at != '0' && *at != '1')
            return false;
        *to++ = *at == '0' ? '~' : '/';
    }
    *to = '\0';
    return true;
}

static const json_t *find_pointer(const json_t *from, struct text rest, struct arena *arena)
{
    struct text piece;
    int64_t index;

    rest = text_skip(rest, 1);
    for (bool more = true; from && more;) {
        size_t end = text_find(rest, '/');
        piece = text_slice(rest, 0, end);
        more = end < rest.len;
        rest = text_skip(rest, end + 1);
        char *step = arena_string(arena, piece);
        if (!unescape(step))
            return NULL;
        if (!json_is_array(from))
            from = json_object_get(from, step);
        else if (text_to_int(text_of(step), 0, INT32_MAX, &index))
            from = json_array_get(from, (size_t)index);
        else
            return NULL;
    }
    return from;
}

void shape_references_done(struct shape_references *references)
{
    map_done(&references->anchors);
}

const json_t *shape_references_find(struct shape_references *references, struct text fragment,
                                    struct arena *arena)
{
    if (fragment.len == 0)
        return references->document;
    if (fragment.at[0] == '/')
        return find_pointer(references->document, fragment, arena);
    return find_anchor(references, fragment);
}
