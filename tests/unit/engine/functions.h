/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "world.h"

/* Functions are deployed, looked at and deleted on the control thread. */

struct deployment {
    struct engine_change change;
    struct function *function;
    bool create, failed;
    int kind; /* 0 deploy, 1 save, 2 delete */
    const char *name;
    struct error err;
    sem_t done;
};

static inline void on_changed(struct engine_change *change, const struct function *function,
                              bool failed, const struct error *err)
{
    struct deployment *deployment = container_of(change, struct deployment, change);

    deployment->failed = failed;
    if (failed)
        deployment->err = *err;
    sem_post(&deployment->done);
}

static inline void do_change(struct world *world, void *arg)
{
    struct deployment *deployment = arg;

    if (deployment->kind == 2)
        engine_delete(world->engine, TEXT(ACCOUNT), TEXT(REGION), text_of(deployment->name),
                      &deployment->change);
    else if (deployment->kind == 1)
        engine_save(world->engine, &deployment->function, &deployment->change);
    else
        engine_deploy(world->engine, &deployment->function, deployment->create,
                      &deployment->change);
}

static inline bool change(struct world *world, struct deployment *deployment)
{
    deployment->change.done = on_changed;
    sem_init(&deployment->done, 0, 0);
    call_on(world, world->control, do_change, deployment);
    wait_sem(&deployment->done);
    sem_destroy(&deployment->done);
    return !deployment->failed;
}

static inline struct version *make_version(const char *name, const char *handler, int memory_mb)
{
    struct version *version = version_new();
    uint8_t digest[32];

    version->serial = 0;
    model_set(&version->account, TEXT(ACCOUNT));
    model_set(&version->region, TEXT(REGION));
    model_set(&version->name, text_of(name));
    model_set(&version->number, TEXT("$LATEST"));
    scoped(free) char *arn = mem_format("arn:aws:lambda:" REGION ":" ACCOUNT ":function:%s", name);
    model_set(&version->arn, text_of(arn));
    crypto_sha256(text_of(name), digest);
    crypto_hex(digest, sizeof digest, version->code);
    model_set(&version->config.runtime, TEXT("provided.al2023"));
    model_set(&version->config.handler, text_of(handler));
    model_set(&version->config.log_group, TEXT("/aws/lambda/f"));
    version->config.timeout_s = 60;
    version->config.memory_mb = memory_mb;
    version->config.tmp_mb = 512;
    return version;
}

static inline struct function *make_function(const char *name, const char *handler, int memory_mb)
{
    struct function *function = function_new();

    model_set(&function->account, TEXT(ACCOUNT));
    model_set(&function->region, TEXT(REGION));
    model_set(&function->name, text_of(name));
    function->latest = make_version(name, handler, memory_mb);
    model_set(&function->arn, text_of(function->latest->arn));
    function->state = STATE_PENDING;
    function->update_status = UPDATE_IN_PROGRESS;
    return function;
}

struct look {
    const char *name;
    bool exists, is_active, is_updated;
    char load_error[512];
    const struct function *function; /* counted */
};

static inline void do_look(struct world *world, void *arg)
{
    struct look *look = arg;
    const struct function *function =
        engine_find(world->engine, TEXT(ACCOUNT), TEXT(REGION), text_of(look->name));

    look->exists = function != NULL;
    if (!function)
        return;
    look->is_active = function->state == STATE_ACTIVE;
    look->is_updated = function->update_status == UPDATE_SUCCESSFUL;
    snprintf(look->load_error, sizeof look->load_error, "%s", function->latest->load_error);
    look->function = function_ref(function);
}

static inline struct look look_at(struct world *world, const char *name)
{
    struct look look = {.name = name};

    call_on(world, world->control, do_look, &look);
    function_unref(take(look.function));
    return look;
}

static inline void wait_active(struct world *world, const char *name)
{
    struct look look = look_at(world, name);

    for (int looks = 0; look.exists && !(look.is_active && look.is_updated);) {
        bool goes_on = patience_lasts(&looks);
        assert(goes_on);
        look = look_at(world, name);
    }
}

static inline void deploy_sized(struct world *world, const char *name, const char *handler,
                                int memory_mb)
{
    struct deployment deployment = {.function = make_function(name, handler, memory_mb),
                                    .create = !look_at(world, name).exists};

    deployment.function->latest->config.timeout_s = world->timeout_s;
    bool ok = change(world, &deployment);
    CHECK_MSG(ok, "%s", deployment.err.text);
    wait_active(world, name);
}

static inline void deploy(struct world *world, const char *name, const char *handler)
{
    deploy_sized(world, name, handler, 128);
}

static inline bool delete_function(struct world *world, const char *name)
{
    struct deployment deployment = {.kind = 2, .name = name};

    return change(world, &deployment);
}
