/* SPDX-License-Identifier: Apache-2.0 */
#include "model/invocation.h"

#include <pthread.h>

#include "test.h"

TEST(each_invocation_is_fresh)
{
    scoped(version_unref) struct version *version = version_new();
    struct invocation *first = invocation_new(version);
    char id[sizeof first->request_id];

    memcpy(id, first->request_id, sizeof id);
    CHECK(strlen(id) == UUID_LEN && first->version == version);
    CHECK(atomic_load(&version->refs) == 2);
    buffer_add_literal(&first->payload, "{}");
    buffer_add_literal(&first->response, "secret");
    first->outcome = INVOCATION_FAILED;
    first->hops = 3;
    first->reason[0] = first->trace[0] = first->content_type[0] = 'x';
    invocation_free(first);
    CHECK(atomic_load(&version->refs) == 1);

    struct invocation *second = invocation_new(version);
    CHECK(strcmp(id, second->request_id) != 0);
    CHECK(second->payload.len == 0 && second->response.len == 0 && second->log_tail.len == 0);
    CHECK(second->outcome == INVOCATION_OK && second->hops == 0 && !second->sink);
    CHECK(!second->reason[0] && !second->trace[0] && !second->content_type[0]);
    CHECK(!list_linked(&second->link));
    invocation_free(second);
}

TEST(a_large_buffer_is_not_kept)
{
    scoped(version_unref) struct version *version = version_new();
    struct invocation *invocation = invocation_new(version);

    buffer_room(&invocation->payload, 1 << 20);
    buffer_room(&invocation->response, 100);
    invocation_free(invocation);
    struct invocation *again = invocation_new(version);
    CHECK(again == invocation);
    CHECK(again->payload.capacity == 0 && again->response.capacity >= 100);
    invocation_free(again);
}

static void *use_many(void *arg)
{
    struct invocation *all[600];

    for (size_t i = 0; i < COUNT_OF(all); i++)
        all[i] = invocation_new(arg);
    for (size_t i = 0; i < COUNT_OF(all); i++)
        invocation_free(all[i]);
    return NULL;
}

/* What a thread kept is freed with it: the leak checker would tell. */
TEST(a_thread_frees_what_it_kept)
{
    scoped(version_unref) struct version *version = version_new();
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, use_many, version) == 0);
    pthread_join(thread, NULL);
    CHECK(atomic_load(&version->refs) == 1);
}
