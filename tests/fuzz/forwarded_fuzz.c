/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forwarded.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdint.h>

#include "base/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Input: what a client wrote of X-Forwarded-For and Forwarded, behind which a trusted proxy
 * appends where that client really is. Whatever it wrote, that is who it is taken for.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct text real[] = {TEXT(", 192.0.2.1"), TEXT(", for=192.0.2.1;proto=https")};
    static struct ranges *trusted;
    struct http_stream stream = {.peer = {.ss_family = AF_INET}};
    struct error err;

    if (!trusted)
        trusted = ranges_of_list(TEXT("10.0.0.0/8"), &err);
    ((struct sockaddr_in *)&stream.peer)->sin_addr.s_addr = htonl(0x0a000001);
    for (int by_forwarded = 0; by_forwarded < 2; by_forwarded++) {
        const struct forwarding forwarding = {trusted, by_forwarded};
        struct text appended = real[by_forwarded];
        char address[FORWARDED_ADDRESS_BYTES];
        struct forwarded got = {.address = address, .port = 1};
        char *value = arena_alloc(&stream.arena, size + appended.len);
        if (size > 0)
            memcpy(value, data, size);
        memcpy(value + size, appended.at, appended.len);
        const struct http_field field = {by_forwarded ? TEXT("forwarded") : TEXT("x-forwarded-for"),
                                         text_from(value, size + appended.len)};
        stream.request = (struct http_request){.fields = &field, .field_count = 1};
        forwarded_read(&forwarding, &stream, &got);
        assert(strcmp(address, "192.0.2.1") == 0);
        assert(text_equal(got.chain, TEXT("192.0.2.1, 10.0.0.1")));
        assert(got.is_secure == (by_forwarded == 1));
    }
    arena_done(&stream.arena);
    return 0;
}
