/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "model/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: a policy, evaluated as one of an identity and as one of a resource. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct text address[] = {TEXT("192.0.2.7")}, names[] = {TEXT("a"), TEXT("b*")},
                             date[] = {TEXT("2026-01-31T12:00:00Z")};
    static const struct policy_key keys[] = {{TEXT("aws:SourceIp"), address, 1},
                                             {TEXT("aws:TagKeys"), names, 2},
                                             {TEXT("aws:CurrentTime"), date, 1}};
    const struct policy_request request = {
        .principal = {.arn = TEXT("arn:aws:iam::123456789012:user/eva"),
                      .account = TEXT("123456789012")},
        .action = TEXT("execute-api:Invoke"),
        .resource = TEXT("arn:aws:execute-api:us-east-1:123456789012:abc/prod/GET/pets"),
        .keys = keys,
        .key_count = COUNT_OF(keys),
    };

    for (int kind = POLICY_OF_IDENTITY; kind <= POLICY_OF_RESOURCE; kind++) {
        struct error err = {0};
        scoped(policy_free) struct policy *policy =
            policy_parse(text_from(data, size), (enum policy_kind)kind, &err);
        if (!policy)
            assert(err.text[0]);
        else
            (void)policy_evaluate(policy, &request);
    }
    return 0;
}
