/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "guard/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: a token, and the same bytes as a key set. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct text audience = TEXT("a");
    static const struct jwt_rules rules = {TEXT("https://i"), &audience, 1};
    struct error err = {0};
    scoped(jwk_set_free) struct jwk_set *set = jwk_set_parse(text_from(data, size), &err);
    scoped(jwt_done) struct jwt jwt;
    scoped(buffer_done) struct buffer out = {0};

    if (jwt_parse(text_from(data, size), &jwt, &err) < 0) {
        assert(err.text[0]);
        return 0;
    }
    (void)jwt_check(&jwt, &rules, 0, &err);
    (void)jwt_has_scope(&jwt, &audience, 1);
    jwt_write(&jwt, true, &out);
    scoped(json_decref) json_t *written = json_parse(buffer_text(&out), &err);
    assert(written || jwt.claims);
    return 0;
}
