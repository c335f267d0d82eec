/* SPDX-License-Identifier: Apache-2.0 */
#include "source/mapping_priv.h"

#include "base/json.h"
#include "base/mem.h"
#include "store/queue_message.h"

/* The document of a mapping as the polling shard reads it. */

static struct mapping *counted(const struct mapping *mapping)
{
    return (struct mapping *)(uintptr_t)mapping;
}

const struct mapping *mapping_ref(const struct mapping *mapping)
{
    atomic_fetch_add_explicit(&counted(mapping)->references, 1, memory_order_relaxed);
    return mapping;
}

static void destroy(struct mapping *mapping)
{
    for (size_t i = 0; i < mapping->filter_count; i++)
        pattern_unref(mapping->filters[i]);
    free(mapping->filters);
    free(mapping->key);
    free(mapping->queue_arn);
    free(mapping->lane);
    free(mapping->account);
    free(mapping->region);
    free(mapping->name);
    free(mapping->qualifier);
    free(mapping);
}

void mapping_unref(const struct mapping *mapping)
{
    if (mapping &&
        atomic_fetch_sub_explicit(&counted(mapping)->references, 1, memory_order_acq_rel) == 1)
        destroy(counted(mapping));
}
DEFINE_SCOPED(struct mapping *, mapping_unref)

static int read_filters(struct mapping *mapping, const json_t *filters, struct error *err)
{
    size_t count = json_array_size(filters);

    mapping->filters = count ? mem_zalloc(count * sizeof *mapping->filters) : NULL;
    for (size_t i = 0; i < count; i++) {
        const char *source = json_string_value(json_array_get(filters, i));
        struct pattern *pattern = pattern_compile(text_of(source ? source : ""), NULL, err);
        if (!pattern)
            return -1;
        mapping->filters[mapping->filter_count++] = pattern;
    }
    return 0;
}

/* "ACCOUNT/REGION/UUID" */
static void read_key(struct mapping *mapping, struct text key)
{
    struct text rest = key, piece = TEXT_NONE;

    mapping->key = text_dup(key);
    (void)text_split(&rest, '/', &piece);
    mapping->account = text_dup(piece);
    (void)text_split(&rest, '/', &piece);
    mapping->region = text_dup(piece);
}

const struct mapping *mapping_parse(struct text key, const json_t *document, struct error *err)
{
    scoped(arena_done) struct arena arena = {0};
    scoped(mapping_unref) struct mapping *mapping = mem_new(struct mapping);
    struct text lane = queue_lane_of_arn(json_text(document, "queue"), &arena);

    atomic_init(&mapping->references, 1);
    read_key(mapping, key);
    mapping->queue_arn = text_dup(json_text(document, "queue"));
    mapping->lane = text_dup(lane);
    mapping->name = text_dup(json_text(document, "name"));
    mapping->qualifier = text_dup(json_text(document, "qualifier"));
    mapping->batch = (size_t)json_int(document, "batch", 10);
    mapping->window_ms = 1000 * json_int(document, "window", 0);
    mapping->concurrency = (int)json_int(document, "concurrency", 0);
    mapping->is_partial = json_bool(document, "partial", false);
    mapping->is_enabled = json_bool(document, "enabled", true);
    if (lane.len == 0 || mapping->batch < 1 || mapping->batch > QUEUE_BATCH_MAX) {
        error_set(err, ERROR_INVALID, "the mapping '%.*s' names no queue or no batch size",
                  TEXT_ARG(key));
        return NULL;
    }
    if (read_filters(mapping, json_object_get(document, "filters"), err) < 0)
        return NULL;
    return take(mapping);
}
