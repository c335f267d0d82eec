/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "http/request_parser.h"
#include "http/sigv4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_MS 1440938160000 /* 20150830T123600Z, the date of AWS's vectors */
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* Input: a request's head. The key is known, so that all of it is reached. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_field fields[HTTP_FIELDS_MAX];
    scoped(free) char *bytes = mem_copy(data, size ? size : 1);
    scoped(arena_done) struct arena arena = {0};
    struct http_request request;
    struct request_parser parser;
    struct sigv4_claim claim;
    struct sigv4_refusal refusal;
    size_t used;

    request_parser_init(&parser, &request, fields);
    if (request_parse(&parser, bytes, size, &used) != PARSE_DONE)
        return 0;
    if (sigv4_read(&request, &arena, &claim, &refusal) < 0) {
        assert(refusal.code && strlen(refusal.message) < sizeof refusal.message);
        return 0;
    }
    const struct sigv4_scope scope = {claim.region, claim.service, NOW_MS, 300000};
    const struct sigv4_secret secret = {TEXT("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                                        claim.session_token};
    (void)sigv4_verify(&request, &claim, &scope, &secret, TEXT(EMPTY_SHA256), &arena, &refusal);
    return 0;
}
