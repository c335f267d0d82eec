/* SPDX-License-Identifier: Apache-2.0 */
#include "apis.h"

#include "../http/upstream.h"

/* An API "api1" whose routes lead to http://127.0.0.1:PORT and what an integration says more. */
static char *bundle_of(uint16_t port, const char *path, const char *more, const char *route)
{
    return mem_format(
        "{\"api\":{\"apiId\":\"api1\",\"name\":\"n\",\"protocolType\":\"HTTP\"},\"stages\":["
        "{\"stageName\":\"$default\",\"stageVariables\":{\"v\":\"one\"},\"deployed\":{\"routes\":["
        "{\"routeKey\":\"%s\",\"target\":\"integrations/i\"}],\"integrations\":["
        "{\"integrationId\":\"i\",\"integrationType\":\"HTTP_PROXY\",\"integrationMethod\":\"ANY\","
        "\"payloadFormatVersion\":\"1.0\",\"integrationUri\":\"http://127.0.0.1:%d%s\"%s}]}}]}",
        route, port, path, more);
}

static void respond(struct http_stream *stream, int status, const struct http_field *fields,
                    size_t count, struct text body)
{
    fake_respond(stream, status, fields, count, body);
    loop_stop(loop_current());
}

static const struct http_transport stopping = {.respond = respond};

struct running {
    struct fixture f;
    struct http_apis *apis;
    struct loop_message message;
    const char *head, *body;
};

static void ask(struct loop_message *message)
{
    struct running *r = container_of(message, struct running, message);

    fixture_begin(&r->f, r->head);
    r->f.stream.transport = &stopping;
    if (r->body[0])
        fixture_body(&r->f, text_of(r->body));
    fixture_end(&r->f);
}

static void run(struct running *r, const char *bundle, const char *head, const char *body)
{
    *r = (struct running){.message.run = ask, .head = head, .body = body};
    r->apis = apis_init(&r->f);
    apis_publish(&r->f, r->apis, bundle);
    loop_post(r->f.loop, &r->message);
    loop_run(r->f.loop);
}

static void finish(struct running *r)
{
    http_apis_free(r->apis);
    fixture_done(&r->f);
}

static bool has(struct text text, const char *part)
{
    return text_find_text(text, text_of(part)) < text.len;
}

TEST(a_request_is_relayed_with_its_parameters)
{
    struct running r;
    struct upstream upstream;

    upstream_start(&upstream, "HTTP/1.1 201 Made\r\nX-One: 1\r\nConnection: close\r\nConnection: X-Two\r\nX-Two: 2\r\n"
                              "Content-Length: 4\r\n\r\nmade");
    scoped(free) char *bundle =
        bundle_of(upstream.port, "/${stageVariables.v}/{id}/{rest}?own=1",
                  ",\"responseParameters\":{\"201\":{\"append:header.x-was\":\"$response.header."
                  "x-one\"}}",
                  "POST /a/{id}/{rest+}");
    run(&r, bundle,
        "POST /a/b%2Fc/d/e%20f/%252e%252e/g?q=%41\nhost: api1.localhost\ncontent-length: 2\nx-mine: yes\n"
        "connection: close\nconnection: x-hop\nx-hop: no\ncookie: a=1\nx-forwarded-for: 1.2.3.4",
        "hi");
    struct text asked = upstream_join(&upstream);
    CHECK_MSG(text_starts(asked, TEXT("POST /one/b%2Fc/d/e%20f/%252e%252e/g?own=1&q=%41 HTTP/1.1\r\n")), "%.*s",
              TEXT_ARG(asked));
    CHECK(has(asked, "x-mine: yes\r\n") && has(asked, "Cookie: a=1\r\n") &&
          has(asked, "Via: HTTP/1.1 AmazonAPIGateway\r\n") && has(asked, "X-Amzn-Trace-Id: Root="));
    CHECK(has(asked, "Forwarded: by=_evoke;for=192.0.2.7;host=\"api1.localhost\";proto=http\r\n"));
    CHECK(!has(asked, "x-hop") && !has(asked, "1.2.3.4") && text_ends(asked, TEXT("\r\n\r\nhi")));
    CHECK(r.f.status == 201);
    CHECK_TEXT(buffer_text(&r.f.body), "made");
    CHECK_TEXT(fixture_field(&r.f, "x-one"), "1");
    CHECK_TEXT(fixture_field(&r.f, "x-was"), "1");
    CHECK(!text_is_set(fixture_field(&r.f, "x-two")));
    CHECK(!text_is_set(fixture_field(&r.f, "content-type")));
    CHECK(text_is_set(fixture_field(&r.f, "apigw-requestid")));
    upstream_done(&upstream);
    finish(&r);
}

TEST(path_and_host_are_mapped)
{
    struct running r;
    struct upstream upstream;

    upstream_start(&upstream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    scoped(free) char *bundle =
        bundle_of(upstream.port, "/old?own=1",
                  ",\"requestParameters\":{\"overwrite:path\":\"/new path/%41?\","
                  "\"overwrite:header.host\":\"other.example\"}",
                  "$default");
    run(&r, bundle, "GET /x\nhost: api1.localhost", "");
    struct text asked = upstream_join(&upstream);
    CHECK_MSG(text_starts(asked, TEXT("GET /new%20path/%41%3F?own=1 HTTP/1.1\r\n"
                                      "Host: other.example\r\n")),
              "%.*s", TEXT_ARG(asked));
    CHECK(r.f.status == 200);
    upstream_done(&upstream);
    finish(&r);
}

TEST(a_mapped_path_does_not_lead_up)
{
    static const char *const heads[] = {
        "GET /x/%252e%252e/y\nhost: api1.localhost",
        "GET /x?sub=/../y\nhost: api1.localhost",
        "GET /x?sub=%2F%2e%2e%5cy\nhost: api1.localhost",
        "GET /x/%252e%252e/y%25\nhost: api1.localhost",
        "GET /x?sub=/%252e%252e/y%25zz\nhost: api1.localhost",
    };

    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        struct running r;
        scoped(free) char *bundle = bundle_of(
            1, "/", ",\"requestParameters\":{\"overwrite:path\":"
                    "\"/v1${request.path}${request.querystring.sub}\"}", "$default");
        run(&r, bundle, heads[i], "");
        CHECK_MSG(r.f.status == 400, "%s: %d", heads[i], r.f.status);
        finish(&r);
    }
}

TEST(what_does_not_answer_in_time_or_at_all_is_unavailable)
{
    struct running r;
    struct upstream upstream;

    upstream_start(&upstream, NULL);
    scoped(free) char *slow = bundle_of(upstream.port, "", ",\"timeoutInMillis\":50", "$default");
    run(&r, slow, "GET /x\nhost: api1.localhost", "");
    CHECK(r.f.status == 503);
    CHECK_TEXT(buffer_text(&r.f.body), "{\"message\":\"Service Unavailable\"}");
    upstream_join(&upstream);
    upstream_done(&upstream);
    finish(&r);

    scoped(free) char *gone = bundle_of(1, "", "", "$default");
    run(&r, gone, "GET /x\nhost: api1.localhost", "");
    CHECK(r.f.status == 503);
    finish(&r);
}

TEST(a_client_that_leaves_ends_the_call)
{
    struct running r;
    struct upstream upstream;

    upstream_start(&upstream, NULL);
    scoped(free) char *bundle = bundle_of(upstream.port, "", "", "$default");
    r = (struct running){.head = "GET /x\nhost: api1.localhost", .body = ""};
    r.apis = apis_init(&r.f);
    apis_publish(&r.f, r.apis, bundle);
    ask(&r.message);
    CHECK(!r.f.closed);
    fixture_close(&r.f, true);
    finish(&r);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(upstream.port)};
    (void)connect(fd, (struct sockaddr *)&address, sizeof address); /* if nobody did before */
    close(fd);
    upstream_join(&upstream);
    upstream_done(&upstream);
}
