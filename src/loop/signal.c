/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/loop_priv.h"

static void on_signal(uv_signal_t *handle, int number)
{
    struct loop_signal *signal = container_of(handle, struct loop_signal, handle);

    signal->caught(signal, number);
}

void loop_signal_start(struct loop *loop, struct loop_signal *signal, int number)
{
    loop_assert_here(loop);
    int failed = uv_signal_init(&loop->uv, &signal->handle);
    failed |= uv_signal_start(&signal->handle, on_signal, number);
    assert(!failed);
}

void loop_signal_stop(struct loop_signal *signal)
{
    if (!uv_is_closing((uv_handle_t *)&signal->handle))
        uv_close((uv_handle_t *)&signal->handle, NULL);
}
