/* SPDX-License-Identifier: Apache-2.0 */
#include "model/manifest.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "model/limits.h"
#include "test.h"

TEST(a_full_manifest_is_read)
{
    struct error err = {0};
    scoped(manifest_free) struct manifest *manifest =
        manifest_parse(TEXT("# a comment\n"
                            "name: thumbnail\n"
                            "runtime: nodejs20.x\n"
                            "handler: index.handler\n"
                            "description: 'makes: thumbnails'\n"
                            "memory: 256\n"
                            "timeout: 10\n"
                            "tmp: 1024\n"
                            "environment: {LEVEL: debug, PORT: 8080, EMPTY: \"\"}\n"
                            "calls: [resize, store]\n"
                            "network: none\n"
                            "log-format: json\n"
                            "http:\n"
                            "  auth: iam\n"
                            "  mode: stream\n"
                            "  methods: [GET, POST]\n"
                            "  route: /thumbs/{proxy+}\n"
                            "  routes: [PUT /a, {path: /b, methods: [PATCH]}, $default]\n"
                            "  cors:\n"
                            "    origins: [\"*\"]\n"
                            "    methods:\n"
                            "    - GET\n"
                            "    headers: []\n"
                            "    max-age: 60\n"
                            "    credentials: true\n"
                            "schedule:\n"
                            "  expression: 0 9 * * 1-5\n"
                            "  timezone: UTC\n"
                            "  input: '{\"day\": true}'\n"),
                       &err);

    CHECK_MSG(manifest, "%s", err.text);
    CHECK_TEXT(text_of(manifest->name), "thumbnail");
    CHECK_TEXT(text_of(manifest->runtime), "nodejs20.x");
    CHECK_TEXT(text_of(manifest->handler), "index.handler");
    CHECK_TEXT(text_of(manifest->description), "makes: thumbnails");
    CHECK(manifest->memory_mb == 256 && manifest->timeout_s == 10 && manifest->tmp_mb == 1024);
    CHECK(manifest->has_environment && manifest->variable_count == 3);
    CHECK_TEXT(text_of(manifest->variables[1].name), "PORT");
    CHECK_TEXT(text_of(manifest->variables[1].value), "8080");
    CHECK_TEXT(text_of(manifest->variables[2].value), "");
    CHECK(manifest->call_count == 2);
    CHECK_TEXT(text_of(manifest->calls[1]), "store");
    CHECK_TEXT(text_of(manifest->network), "none");
    CHECK_TEXT(text_of(manifest->log_format), "json");
    CHECK(manifest->has_http);
    CHECK_TEXT(text_of(manifest->http_auth), "iam");
    CHECK_TEXT(text_of(manifest->http_mode), "stream");
    static const char *const routes[] = {"GET /thumbs/{proxy+}", "POST /thumbs/{proxy+}", "PUT /a",
                                         "PATCH /b", "$default"};
    CHECK(manifest->route_count == COUNT_OF(routes));
    for (size_t i = 0; i < COUNT_OF(routes); i++)
        CHECK_TEXT(text_of(manifest->routes[i]), routes[i]);
    CHECK(manifest->cors.is_set && manifest->cors.allow_credentials);
    CHECK(manifest->cors.has_origins && manifest->cors.origin_count == 1);
    CHECK(manifest->cors.has_headers && manifest->cors.header_count == 0);
    CHECK(!manifest->cors.has_expose && manifest->cors.max_age_s == 60);
    CHECK_TEXT(text_of(manifest->cors.allow_methods[0]), "GET");
    CHECK(manifest->has_schedule);
    CHECK_TEXT(text_of(manifest->schedule), "0 9 * * 1-5");
    CHECK_TEXT(text_of(manifest->schedule_timezone), "UTC");
    CHECK_TEXT(text_of(manifest->schedule_input), "{\"day\": true}");
}

TEST(what_is_not_given_stays_unset)
{
    static const char *const sources[] = {"", "# nothing\n", "{}", "---\n{}\n", "\xEF\xBB\xBF{}"};

    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        struct error err = {0};
        scoped(manifest_free) struct manifest *manifest = manifest_parse(text_of(sources[i]), &err);

        CHECK_MSG(manifest, "'%s': %s", sources[i], err.text);
        CHECK(!manifest->name && !manifest->handler && !manifest->http_auth);
        CHECK(manifest->memory_mb == -1 && manifest->timeout_s == -1 && manifest->tmp_mb == -1);
        CHECK(!manifest->has_environment && !manifest->has_http && !manifest->cors.is_set);
        CHECK(manifest->cors.max_age_s == -1);
    }
}

TEST(good_values_are_accepted)
{
    static const char *const good[] = {
        "name: a-b_C9",
        "\"name\": \"quoted\"",
        "memory: 128",
        "memory: 10240",
        "timeout: 900",
        "environment: {}",
        "http: {}",
        "http: {cors: {}}",
        "http: {route: /}",
        "http: {route: /a/b}",
        "http: {route: '/{proxy+}'}",
        "http: {route: '/{a}/b/{c}/{d+}'}",
        "http: {route: {path: /a}}",
        "http: {routes: []}",
        "http: {routes: ['GET /a/{b}', 'ANY /a/{b}', 'GET /a/{b+}', '/events.json']}",
        "calls: []",
        "queues: [plain, ordered.fifo]",
        "description: \"\"",
        "description: 12",
        "description: |\n  two\n  lines\n",
        "environment: {AA: yes, BB: 1.50}",
        "%YAML 1.1\n---\nname: a\n",
        "schedule: rate(5 minutes)",
        "schedule: '*/5 * * * *'",
        "schedule: '@daily'",
        "schedule: {expression: cron(0 9 ? * MON-FRI *), timezone: UTC, input: '{\"a\": [1]}'}",
    };

    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct error err = {0};
        scoped(manifest_free) struct manifest *manifest = manifest_parse(text_of(good[i]), &err);
        CHECK_MSG(manifest, "'%s': %s", good[i], err.text);
    }
}

TEST(an_error_names_its_line_and_column)
{
    static const struct {
        const char *source, *error;
    } cases[] = {
        {"name: a\nmemroy: 5\n", "line 2, column 1: unknown key 'memroy'"},
        {"http:\n  auth: none\n  colour: red\n", "line 3, column 3: unknown key 'colour'"},
        {"http: {cors: {orgins: []}}", "line 1, column 15: unknown key 'orgins'"},
        {"name: a\nname: b\n", "line 2, column 1: the key 'name' is there twice"},
        {"environment: {AA: 1, AA: 2}", "column 22: the variable 'AA' is there twice"},
        {"queues: [a.b]", "letters, digits, '-' and '_', and '.fifo' at the end if it is one"},
        {"queues: [.fifo]", "letters, digits"},
        {"calls: [a, a]", "column 12: 'calls' has 'a' twice"},
        {"memory: 127", "column 9: 'memory' must be a whole number from 128 to 10240"},
        {"memory: 10241", "whole number"},
        {"memory: 256.0", "whole number"},
        {"memory: '256'", "whole number"},
        {"memory: -1", "whole number"},
        {"memory: [256]", "whole number"},
        {"timeout: 901", "from 1 to 900"},
        {"timeout: 0", "from 1 to 900"},
        {"tmp: 99999999999999999999999", "whole number"},
        {"name: [a]", "'name' must be text"},
        {"name:", "'name' has no value"},
        {"name: ~", "'name' has no value"},
        {"name: \"\"", "1 to 64 characters"},
        {"name: a b", "'name' must be letters"},
        {"name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "64"},
        {"handler: a b", "'handler' must be ASCII"},
        {"handler: \"a\\0b\"", "NUL"},
        {"network: bridge", "'network' must be 'none' or 'host'"},
        {"log-format: xml", "'log-format' must be 'text' or 'json'"},
        {"http: none", "'http' must have keys"},
        {"http:\n", "'http' must have keys"},
        {"http: {auth: basic}", "'auth' must be 'none' or 'iam'"},
        {"http: {mode: fast}", "'mode' must be"},
        {"http: {route: thumbs}", "column 15: route is no route: The provided route key"},
        {"http: {route: /a//b}", "route is no route: a path has no empty segments"},
        {"http: {route: /a/}", "does not end with a slash"},
        {"http: {route: /a/../b}", "'.' or '..' as a segment"},
        {"http: {route: '/{a+}/b'}", "it stands last"},
        {"http: {route: '/a?b'}", "has a '?'"},
        {"http: {route: '/a{b}'}", "braces enclose a whole segment"},
        {"http: {route: '/{a}/{a}'}", "'a' is there twice"},
        {"http: {route: /functions/x}", "are the gateway's own"},
        {"http: {route: GET /events}", "are the gateway's own"},
        {"http: {route: [/a]}", "write a path, 'GET /path', or keys"},
        {"http: {route: GET/a}", "not formatted properly"},
        {"http:\n  routes:\n  - /a\n  - FETCH /b\n", "line 4, column 5: routes[1] is no route"},
        {"http:\n  routes:\n  - 'GET /a/{x}'\n  - 'GET /a/{y}'\n",
         "line 4, column 5: routes[1]: 'GET /a/{y}' is there twice"},
        {"http: {routes: [$default, $default]}", "'$default' is there twice"},
        {"http: {route: /a, routes: [/a]}", "routes[0]: 'ANY /a' is there twice"},
        {"http: {routes: /a}", "routes must be a list; one alone is 'route'"},
        {"http: {routes: [{path: a}]}", "its 'path' must start with '/'"},
        {"http: {routes: [{methods: [GET]}]}", "its 'path' must start with '/'"},
        {"http: {routes: [{path: /a, colour: red}]}", "routes[0].colour: unknown key"},
        {"http: {routes: [{path: /a, methods: [ANY]}]}", "routes[0].methods[0] must be GET"},
        {"http: {methods: [GET]}", "methods are those of 'routes', and there are none"},
        {"http: {route: /a, methods: get}", "methods must be a list of GET"},
        {"http: {route: /a, methods: []}", "methods must be a list of GET"},
        {"http: {route: /a, methods: [GET, get]}", "methods[1] must be GET"},
        {"http: {route: /a, methods: [GET, GET]}", "'GET /a' is there twice"},
        {"http: {cors: {methods: [get]}}", "'methods' must be GET"},
        {"http: {cors: {methods: GET}}", "'methods' must be a list"},
        {"http: {cors: {max-age: 86401}}", "whole number"},
        {"http: {cors: {credentials: yes}}", "true or false"},
        {"http: {cors: {credentials: 'true'}}", "true or false"},
        {"environment: [A, B]", "'environment' must be names and values"},
        {"environment: {A-B: 1}", "name of a variable"},
        {"environment: {_A: 1}", "name of a variable"},
        {"environment: {A: 1}", "one or more"},
        {"environment: {1A: 1}", "name of a variable"},
        {"environment: {AB: {}}", "'AB' must be text"},
        {"environment: {AB: }", "'AB' has no value"},
        {"environment: {[A]: 1}", "name of a variable"},
        {"calls: {a: b}", "'calls' must be a list"},
        {"calls: [[a]]", "'calls' must be text"},
        {"name: a\nschedule: every day\n", "line 2, column 11: 'expression' must be rate("},
        {"schedule:\n", "'expression' has no value"},
        {"schedule: {}", "line 1, column 11: 'schedule' needs the key 'expression'"},
        {"schedule:\n  timezone: UTC\n", "line 2, column 3: 'schedule' needs the key 'expression'"},
        {"schedule: {timezone: Nowhere/Land}", "'timezone' must be a time zone"},
        {"schedule: {expression: '@daily', input: '{a'}", "'input' must be JSON"},
        {"schedule: ['@daily']", "'schedule' must have keys"},
        {"schedule: {when: '@daily'}", "unknown key 'when'"},
        {"name: &x a", "anchors are not supported"},
        {"name: *x", "aliases are not supported"},
        {"name: !!str a", "tags are not supported"},
        {"!!map {name: a}", "tags are not supported"},
        {"<<: {name: a}", "unknown key '<<'"},
        {"? [a]\n: b\n", "a key must be a word"},
        {"just text", "expected keys"},
        {"[a, b]", "expected keys"},
        {"name: a\n---\nname: b\n", "only one document"},
        {"name: [a", "line 1"},
        {"name: \"a", "line 1"},
        {"name: a\n\tmemory: 1\n", "line 2"},
        {"\x01", "line 1, column 1"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        scoped(manifest_free) struct manifest *manifest =
            manifest_parse(text_of(cases[i].source), &err);

        CHECK_MSG(!manifest, "'%s' was accepted", cases[i].source);
        CHECK(err.code == ERROR_INVALID);
        CHECK_MSG(strncmp(err.text, "function.yaml, line ", 20) == 0 &&
                      strstr(err.text, cases[i].error),
                  "'%s' fails with '%s', not '%s'", cases[i].source, err.text, cases[i].error);
    }
}

TEST(too_much_is_refused)
{
    struct error err = {0};
    struct buffer source = {0};

    buffer_add_literal(&source, "environment:\n");
    for (int i = 0; i < 300; i++)
        buffer_add_format(&source, "  NAME%d: aaaaaaaaaaaaaaa\n", i);
    CHECK(!manifest_parse(buffer_text(&source), &err));
    CHECK_MSG(strstr(err.text, "more than 4096 bytes"), "%s", err.text);

    buffer_clear(&source);
    buffer_add_literal(&source, "calls:\n");
    for (int i = 0; i <= LIMIT_CALLS; i++)
        buffer_add_format(&source, "- f%d\n", i);
    CHECK(!manifest_parse(buffer_text(&source), &err));
    CHECK_MSG(strstr(err.text, "more than 64 items"), "%s", err.text);

    buffer_clear(&source);
    buffer_add_literal(&source, "http:\n  routes:\n");
    for (int i = 0; i <= LIMIT_ROUTES; i++)
        buffer_add_format(&source, "  - /r%d\n", i);
    CHECK(!manifest_parse(buffer_text(&source), &err));
    CHECK_MSG(strstr(err.text, "routes[1000] is one too many"), "%s", err.text);

    buffer_clear(&source);
    memset(buffer_room(&source, LIMIT_YAML_BYTES), '[', LIMIT_YAML_BYTES);
    buffer_added(&source, LIMIT_YAML_BYTES);
    CHECK(!manifest_parse(buffer_text(&source), &err) && err.code == ERROR_INVALID);
    buffer_add_char(&source, ' ');
    CHECK(!manifest_parse(buffer_text(&source), &err) && err.code == ERROR_LIMIT);
    CHECK(!manifest_parse(TEXT("name: \xFF"), &err) && strstr(err.text, "UTF-8"));
    buffer_done(&source);
}

TEST(the_reference_page_has_a_row_for_each_key)
{
    static const char *const rows[] = {
        "| `name` |", "| `memory` | 128 to 10240 |", "| `http.cors.max-age` |",
        "| `http.route` | a path or route key |", "| `log-format` | 'text' or 'json' |"};
    struct buffer out = {0};

    manifest_markdown(&out);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        CHECK_MSG(strstr(out.at, rows[i]), "no '%s' in\n%s", rows[i], out.at);
    buffer_done(&out);
}
