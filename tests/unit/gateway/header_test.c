/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

TEST(headers_about_the_connection_or_of_the_platform_do_not_reach_a_function)
{
    static const char *const kept_back[] = {
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
        "host",
        "content-length",
        "cookie",
        "forwarded",
        "x-real-ip",
        "x-forwarded-for",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-anything",
        "x-amzn-trace-id",
        "x-amzn-requestid",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-content-sha256",
        "x-amz-cf-id",
        "x-amz-invocation-type",
        "x-evoke-hops",
        "x-evoke-function",
        "lambda-runtime-aws-request-id",
        "lambda-runtime-deadline-ms",
        "lambda-runtime-trace-id",
        "lambda-runtime-invoked-function-arn",
        "lambda-runtime-client-context",
    };
    static const char *const passing[] = {
        "accept",        "authorization", "content-type", "user-agent", "x-api-key", "x-request-id",
        "if-none-match", "referer",       "origin",       "x",          "t",         "x-amazing",
        "last-event-id", "range",
    };

    for (size_t i = 0; i < COUNT_OF(kept_back); i++)
        CHECK_MSG(!header_passes(text_of(kept_back[i]), false), "%s", kept_back[i]);
    for (size_t i = 0; i < COUNT_OF(passing); i++)
        CHECK_MSG(header_passes(text_of(passing[i]), false), "%s", passing[i]);
    CHECK(!header_passes(TEXT("authorization"), true));
}

TEST(headers_of_the_platform_cannot_be_set_by_a_function)
{
    CHECK(!header_returns(TEXT("X-Amzn-RequestId"), false));
    CHECK(!header_returns(TEXT("x-amzn-trace-id"), false));
    CHECK(!header_returns(TEXT("x-amzn-ErrorType"), false));
    CHECK(!header_returns(TEXT("Apigw-RequestId"), false));
    CHECK(header_returns(TEXT("X-Amz-Meta"), false));
    CHECK(header_returns(TEXT("Access-Control-Allow-Origin"), false));
    CHECK(!header_returns(TEXT("Access-Control-Allow-Origin"), true));
    CHECK(header_returns(TEXT("Accept-Ranges"), true));
    CHECK(!header_returns(TEXT(""), false));
}

TEST(what_connection_lists_is_for_this_hop)
{
    CHECK(header_is_listed(TEXT("close, X-Hop ,x-other"), TEXT("x-hop")));
    CHECK(header_is_listed(TEXT("x-hop"), TEXT("x-hop")));
    CHECK(!header_is_listed(TEXT("x-hops, x"), TEXT("x-hop")));
    CHECK(!header_is_listed(TEXT_NONE, TEXT("x-hop")));

    static const struct http_field fields[] = {{TEXT("Connection"), TEXT("close")},
                                               {TEXT("x-hop"), TEXT("1")},
                                               {TEXT("connection"), TEXT("x-hop")}};
    struct arena arena = {0};
    CHECK_TEXT(http_field_join(fields, 3, TEXT("connection"), &arena), "close,x-hop");
    CHECK_TEXT(http_field_join(fields, 1, TEXT("connection"), &arena), "close");
    CHECK(!text_is_set(http_field_join(fields + 1, 1, TEXT("connection"), &arena)));
    arena_done(&arena);
}
