/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/loop_priv.h"

static void on_work(uv_work_t *request)
{
    struct loop_job *job = container_of(request, struct loop_job, request);

    job->work(job);
}

static void on_done(uv_work_t *request, int status)
{
    struct loop_job *job = container_of(request, struct loop_job, request);

    job->done(job);
}

void loop_work(struct loop *loop, struct loop_job *job)
{
    loop_assert_here(loop);
    job->loop = loop;
    int failed = uv_queue_work(&loop->uv, &job->request, on_work, on_done);
    assert(!failed);
}
