/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "model/field_priv.h"
#include "model/function.h"

/* The count is the one member that changes behind a const: a snapshot is shared. */
static struct version *counted(const struct version *version)
{
    return (struct version *)(uintptr_t)version;
}

static struct quota *quota_new(void)
{
    struct quota *quota = mem_new(struct quota);

    atomic_init(&quota->refs, 1);
    atomic_init(&quota->limit, -1);
    return quota;
}

static void quota_unref(struct quota *quota)
{
    if (atomic_fetch_sub_explicit(&quota->refs, 1, memory_order_acq_rel) == 1)
        free(quota);
}

void version_join(struct version *version, const struct version *other)
{
    atomic_fetch_add_explicit(&other->quota->refs, 1, memory_order_relaxed);
    quota_unref(version->quota);
    version->quota = other->quota;
}

struct version *version_new(void)
{
    struct version *version = mem_new(struct version);

    atomic_init(&version->refs, 1);
    version->serial = version_next_serial();
    version->quota = quota_new();
    fields_init(version_fields, version);
    fields_init(config_fields, &version->config);
    return version;
}

struct version *version_copy(const struct version *version)
{
    struct version *copy = version_new();

    copy->serial = 0;
    version_join(copy, version);
    fields_copy(version_fields, copy, version);
    fields_copy(config_fields, &copy->config, &version->config);
    return copy;
}

const struct version *version_ref(const struct version *version)
{
    atomic_fetch_add_explicit(&counted(version)->refs, 1, memory_order_relaxed);
    return version;
}

void version_unref(const struct version *version)
{
    if (!version ||
        atomic_fetch_sub_explicit(&counted(version)->refs, 1, memory_order_acq_rel) != 1)
        return;

    struct version *last = counted(version);
    fields_done(version_fields, last);
    fields_done(config_fields, &last->config);
    quota_unref(last->quota);
    free(last);
}

uint64_t version_next_serial(void)
{
    static atomic_uint_fast64_t last;

    return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}

const char *version_variable(const struct version *version, struct text name)
{
    for (size_t i = 0; i < version->config.variable_count; i++)
        if (text_equal(text_of(version->config.variables[i].name), name))
            return version->config.variables[i].value;
    return NULL;
}

static bool lists(char *const *names, size_t count, struct text name)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(text_of(names[i]), name))
            return true;
    return false;
}

bool version_may_call(const struct version *version, struct text name)
{
    return lists(version->config.calls, version->config.call_count, name);
}

bool version_may_send(const struct version *version, struct text queue)
{
    return lists(version->config.queues, version->config.queue_count, queue);
}

bool version_may_put(const struct version *version, struct text bus)
{
    return lists(version->config.buses, version->config.bus_count, bus);
}
