/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/mem.h"
#include "guard/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_S 1614265330

static const char *const settings[] = {
    "{\"scheme\":\"github\",\"secrets\":[\"x\",\"y\"],\"replay\":\"refuse\"}",
    "{\"scheme\":\"stripe\",\"secrets\":[\"whsec_test\"]}",
    "{\"scheme\":\"slack\",\"secrets\":[\"x\"]}",
    "{\"scheme\":\"standard\",\"secrets\":[\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\","
    "\"whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\"]}",
};

/* Input: which scheme, the header with its signature, a NUL, its time, a NUL, its id, a NUL, the
 * body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    scoped(free) char *copy = mem_copy(data, size);
    struct text rest = text_from(copy + 1, size - 1), value, time, id;
    struct error err;
    (void)(text_split(&rest, '\0', &value) && text_split(&rest, '\0', &time) &&
           text_split(&rest, '\0', &id));
    struct http_field fields[] = {
        {TEXT("x-hub-signature-256"), value},       {TEXT("stripe-signature"), value},
        {TEXT("x-slack-signature"), value},         {TEXT("webhook-signature"), value},
        {TEXT("x-slack-request-timestamp"), time},  {TEXT("webhook-timestamp"), time},
        {TEXT("webhook-id"), id},
    };
    const struct http_request request = {.fields = fields, .field_count = COUNT_OF(fields)};
    scoped(json_decref) json_t *part =
        json_parse(text_of(settings[data[0] % COUNT_OF(settings)]), &err);
    scoped(signature_free) struct signature *signature = signature_compile(part, &err);
    struct signed_delivery delivery;

    assert(signature);
    if (signature_check(signature, &request, rest, NOW_S, &delivery, &err) < 0)
        assert(err.text[0]);
    else
        assert(delivery.id.len > 0 && delivery.until_s >= NOW_S);
    return 0;
}
