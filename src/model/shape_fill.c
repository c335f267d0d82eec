/* SPDX-License-Identifier: Apache-2.0 */
#include "model/limits.h"
#include "model/shape_priv.h"

/* Defaults go in where they are certain: along properties, items, references and allOf, not
 * along alternatives. */

struct filling {
    int64_t bytes; /* still allowed */
    int64_t steps; /* likewise: allOf may double at each level */
    int depth;
    bool has_filled;
};

static void fill_node(struct filling *filling, const struct shape_node *node, json_t *value);

static void fill_object(struct filling *filling, const struct shape_node *node, json_t *value)
{
    struct map_cursor cursor = {0};

    while (map_next(&node->properties, &cursor)) {
        const struct shape_node *property = cursor.value;
        json_t *member = json_object_getn(value, cursor.key.at, cursor.key.len);
        if (member) {
            fill_node(filling, property, member);
            continue;
        }
        if (!property->fallback || (int64_t)property->fallback_bytes > filling->bytes)
            continue;
        filling->bytes -= (int64_t)(property->fallback_bytes + cursor.key.len);
        json_object_setn_new(value, cursor.key.at, cursor.key.len,
                             json_deep_copy(property->fallback));
        filling->has_filled = true;
    }
}

static void fill_array(struct filling *filling, const struct shape_node *node, json_t *value)
{
    json_t *item;
    size_t i;

    json_array_foreach(value, i, item)
    {
        const struct shape_node *shape = i < node->prefix.count ? node->prefix.at[i] : node->items;
        if (shape)
            fill_node(filling, shape, item);
    }
}

static void fill_node(struct filling *filling, const struct shape_node *node, json_t *value)
{
    if (filling->depth == LIMIT_SHAPE_DEPTH || filling->steps-- <= 0)
        return;
    filling->depth++;
    if (json_is_object(value))
        fill_object(filling, node, value);
    if (json_is_array(value))
        fill_array(filling, node, value);
    if (node->ref)
        fill_node(filling, node->ref, value);
    for (size_t i = 0; i < node->all.count; i++)
        fill_node(filling, node->all.at[i], value);
    filling->depth--;
}

bool shape_fill(const struct shape *shape, json_t *value)
{
    struct filling filling = {.bytes = LIMIT_SHAPE_FILL, .steps = 10 * LIMIT_SHAPE_STEPS};

    fill_node(&filling, shape->root, value);
    return filling.has_filled;
}
