/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/protocol.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads what a decoded plan points to, so that a pointer out of the message shows. */
static size_t weigh(char *const *strings)
{
    size_t sum = 0;

    for (; *strings; strings++)
        sum += strlen(*strings);
    return sum;
}

/* Input: one request to the spawner. Any may be refused; none may crash, and none that
 * is taken may hold a string out of its bounds. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(free) char *message = mem_alloc(size + 1);
    struct request request;
    struct error err;

    memcpy(message, size ? data : (const uint8_t *)"", size);
    message[size] = 'x'; /* no NUL that the message did not bring */
    if (protocol_decode(message, size, &request, &err) < 0 || request.kind != REQUEST_START)
        return 0;
    assert(weigh(request.plan.argv) + weigh(request.plan.envp) <= size);
    return 0;
}
