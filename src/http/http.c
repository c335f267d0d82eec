/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http.h"

#include "base/scoped.h"

struct text http_field_find(const struct http_field *fields, size_t count, struct text name)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(fields[i].name, name))
            return fields[i].value;
    return TEXT_NONE;
}

struct text http_field_join(const struct http_field *fields, size_t count, struct text name,
                            struct arena *arena)
{
    struct text joined = TEXT_NONE;

    for (size_t i = 0; i < count; i++) {
        struct text value = fields[i].value;
        if (!text_equal_nocase(fields[i].name, name))
            continue;
        joined = text_is_set(joined)
                     ? text_of(arena_format(arena, "%.*s,%.*s", TEXT_ARG(joined), TEXT_ARG(value)))
                     : value;
    }
    return joined;
}

const char *http_reason(int status)
{
    /* The IANA registry. */
    static const char *const reasons[][60] = {
        {"Continue", "Switching Protocols"},
        {"OK", "Created", "Accepted", "Non-Authoritative Information", "No Content",
         "Reset Content", "Partial Content", "Multi-Status", "Already Reported", [26] = "IM Used"},
        {"Multiple Choices", "Moved Permanently", "Found", "See Other", "Not Modified",
         "Use Proxy", [7] = "Temporary Redirect", "Permanent Redirect"},
        {"Bad Request",
         "Unauthorized",
         "Payment Required",
         "Forbidden",
         "Not Found",
         "Method Not Allowed",
         "Not Acceptable",
         "Proxy Authentication Required",
         "Request Timeout",
         "Conflict",
         "Gone",
         "Length Required",
         "Precondition Failed",
         "Content Too Large",
         "URI Too Long",
         "Unsupported Media Type",
         "Range Not Satisfiable",
         "Expectation Failed",
         [21] = "Misdirected Request",
         "Unprocessable Content",
         "Locked",
         "Failed Dependency",
         "Too Early",
         "Upgrade Required",
         [28] = "Precondition Required",
         "Too Many Requests",
         [31] = "Request Header Fields Too Large",
         [51] = "Unavailable For Legal Reasons"},
        {"Internal Server Error", "Not Implemented", "Bad Gateway", "Service Unavailable",
         "Gateway Timeout", "HTTP Version Not Supported", "Variant Also Negotiates",
         "Insufficient Storage", "Loop Detected", [10] = "Not Extended",
         "Network Authentication Required"},
    };

    if (status < 100 || status > 599 || (size_t)status % 100 >= COUNT_OF(reasons[0]))
        return "Unknown";
    const char *reason = reasons[status / 100 - 1][status % 100];
    return reason ? reason : "Unknown";
}
