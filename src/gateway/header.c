/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/gateway_priv.h"

/*
 * Requests come with names in lower case, and none has a "_" (the parser drops those), so
 * a name can neither be spelt nor joined in a way that slips through here.
 */

/* About the connection, or set by the gateway itself. */
static const struct text kept_back[] = {
    TEXT("connection"),
    TEXT("content-length"),
    TEXT("cookie"), /* written by itself, its crumbs joined */
    TEXT("expect"),
    TEXT("forwarded"),
    TEXT("host"),
    TEXT("keep-alive"),
    TEXT("proxy-authenticate"),
    TEXT("proxy-authorization"),
    TEXT("proxy-connection"),
    TEXT("te"),
    TEXT("traceparent"), /* written anew */
    TEXT("tracestate"),
    TEXT("trailer"),
    TEXT("transfer-encoding"),
    TEXT("upgrade"),
    TEXT("x-real-ip"),
};

static const struct text kept_back_starts[] = {
    TEXT("x-forwarded-"), TEXT("x-amz-"),          TEXT("x-amzn-"),
    TEXT("x-evoke-"),     TEXT("lambda-runtime-"),
};

static bool is_any(struct text name, const struct text *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(name, names[i]))
            return true;
    return false;
}

static bool starts_any(struct text name, const struct text *starts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text_starts(name, starts[i]))
            return true;
    return false;
}

bool header_passes(struct text name, bool is_signed)
{
    if (is_signed && text_equal(name, TEXT("authorization")))
        return false;
    if (is_any(name, kept_back, COUNT_OF(kept_back)))
        return false;
    return (name.at[0] != 'x' && name.at[0] != 'l') ||
           !starts_any(name, kept_back_starts, COUNT_OF(kept_back_starts));
}

bool header_is_listed(struct text connection, struct text name)
{
    struct text piece;

    while (text_split(&connection, ',', &piece))
        if (text_equal_nocase(text_trim(piece), name))
            return true;
    return false;
}

static bool starts_nocase(struct text name, struct text start)
{
    return name.len >= start.len && text_equal_nocase(text_slice(name, 0, start.len), start);
}

bool header_returns(struct text name, bool has_cors)
{
    if (name.len == 0)
        return false;
    switch (name.at[0] | 0x20) {
    case 'a':
        return !text_equal_nocase(name, TEXT("apigw-requestid")) &&
               (!has_cors || !starts_nocase(name, TEXT("access-control-")));
    case 'x':
        return !text_equal_nocase(name, TEXT("x-amzn-requestid")) &&
               !text_equal_nocase(name, TEXT("x-amzn-trace-id")) &&
               !text_equal_nocase(name, TEXT("x-amzn-errortype"));
    }
    return true;
}
