/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cloudevents.h"

#include "base/json.h"
#include "base/scan.h"
#include "model/limits.h"
#include "test.h"

#define HEADERS_MAX 12

/* "name: value" lines to a message's headers. */
static size_t read_headers(struct text lines, struct cloud_header *headers)
{
    struct text line;
    size_t count = 0;

    while (text_split(&lines, '\n', &line)) {
        size_t colon = text_find(line, ':');
        CHECK(count < HEADERS_MAX);
        headers[count++] =
            (struct cloud_header){text_slice(line, 0, colon), text_skip(line, colon + 1)};
    }
    return count;
}

static int decode(const char *lines, struct text body, struct arena *arena,
                  struct cloud_event **ret, size_t *ret_count, struct error *err)
{
    struct cloud_header headers[HEADERS_MAX];
    struct cloud_message message = {
        .headers = headers, .header_count = read_headers(text_of(lines), headers), .body = body};

    return cloudevents_decode(&message, arena, ret, ret_count, err);
}

#define REQUIRED "ce-specversion: 1.0\nce-id: 1\nce-source: /s\nce-type: t\n"
#define STRUCTURED "Content-Type: application/cloudevents+json; charset=utf-8"

TEST(the_content_type_says_how_events_are_carried)
{
    static const struct {
        const char *type;
        enum cloud_mode want;
    } cases[] = {
        {"application/cloudevents+json", CLOUD_STRUCTURED},
        {"Application/CloudEvents+JSON; charset=utf-8", CLOUD_STRUCTURED},
        {"application/cloudevents", CLOUD_STRUCTURED},
        {"application/cloudevents-batch+json", CLOUD_BATCH},
        {"APPLICATION/CLOUDEVENTS-BATCH+json", CLOUD_BATCH},
        {"application/json", CLOUD_BINARY},
        {"", CLOUD_BINARY},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_MSG(cloudevents_mode(text_of(cases[i].type)) == cases[i].want, "%s", cases[i].type);
}

TEST(a_binary_message_is_decoded_from_its_headers)
{
    scoped(arena_done) struct arena arena = {0};
    struct cloud_event *event;
    size_t count;
    struct error err;

    CHECK(decode("CE-SpecVersion: 1.0\nce-id: a%20b\nce-source: /s\nCE-TYPE: t\n"
                 "Content-Type: application/json; charset=utf-8\nHost: here\nce-ext1: 42",
                 TEXT("{\"a\": 1}"), &arena, &event, &count, &err) == 0);
    CHECK(count == 1 && event->count == 6);
    CHECK_TEXT(cloudevents_text(event, TEXT("id")), "a b");
    CHECK_TEXT(cloudevents_text(event, TEXT("ext1")), "42");
    CHECK_TEXT(cloudevents_text(event, TEXT("datacontenttype")), "application/json; charset=utf-8");
    CHECK(cloudevents_find(event, TEXT("ext1"))->kind == CLOUD_STRING);
    CHECK(!cloudevents_find(event, TEXT("host")));
    CHECK(event->data_kind == CLOUD_DATA_JSON);
    CHECK_TEXT(event->data, "{\"a\": 1}");
}

TEST(header_values_are_decoded_once)
{
    static const struct {
        const char *sent, *want;
    } cases[] = {
        {"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"%41%2525", "A%25"},
        {"%e2%82%ac", "\xe2\x82\xac"},
        {"\"a b\"", "a b"},
        {"\"a \\\"b\\\" \\\\ %20\"", "a \"b\" \\  "},
        {"  plain  ", "plain"},
        {"a b", "a b"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(arena_done) struct arena arena = {0};
        struct cloud_event *event;
        size_t count;
        struct error err = {0};
        scoped(free) char *lines = NULL;
        CHECK(asprintf(&lines, REQUIRED "ce-x: %s", cases[i].sent) > 0);
        CHECK_MSG(decode(lines, TEXT(""), &arena, &event, &count, &err) == 0, "%s: %s",
                  cases[i].sent, err.text);
        CHECK_TEXT(cloudevents_text(event, TEXT("x")), cases[i].want);
    }
}

TEST(a_body_is_data_as_its_type_says)
{
    static const struct {
        const char *type;
        struct text body;
        enum cloud_data want;
    } cases[] = {
        {"", TEXT(""), CLOUD_DATA_NONE},
        {"", TEXT("[1]"), CLOUD_DATA_JSON},
        {"", TEXT("not JSON"), CLOUD_DATA_BYTES},
        {"Content-Type: application/json", TEXT("\"s\""), CLOUD_DATA_JSON},
        {"Content-Type: application/problem+json", TEXT("null"), CLOUD_DATA_JSON},
        {"Content-Type: text/plain", TEXT("[1]"), CLOUD_DATA_TEXT},
        {"Content-Type: image/svg+xml", TEXT("<svg/>"), CLOUD_DATA_TEXT},
        {"Content-Type: text/plain", TEXT("\xff"), CLOUD_DATA_BYTES},
        {"Content-Type: image/png", TEXT("png"), CLOUD_DATA_BYTES},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(arena_done) struct arena arena = {0};
        struct cloud_event *event;
        size_t count;
        struct error err = {0};
        scoped(free) char *lines = NULL;
        CHECK(asprintf(&lines, REQUIRED "%s", cases[i].type) > 0);
        CHECK_MSG(decode(lines, cases[i].body, &arena, &event, &count, &err) == 0, "%s: %s",
                  cases[i].type, err.text);
        CHECK_MSG(event->data_kind == cases[i].want, "'%s' is %d", cases[i].type, event->data_kind);
        CHECK(text_equal(event->data, cases[i].body));
    }
}

TEST(a_structured_message_is_decoded_from_its_body)
{
    static const struct {
        const char *members;
        enum cloud_data kind;
        const char *data;
    } cases[] = {
        {"", CLOUD_DATA_NONE, ""},
        {",\"data\":{\"a\" : 1}", CLOUD_DATA_JSON, "{\"a\" : 1}"},
        {",\"data\":\"text\"", CLOUD_DATA_JSON, "\"text\""},
        {",\"data\":null", CLOUD_DATA_JSON, "null"},
        {",\"data\":\"1\",\"datacontenttype\":\"application/json\"", CLOUD_DATA_JSON, "\"1\""},
        {",\"data\":\"a\\n<b>\",\"datacontenttype\":\"text/xml\"", CLOUD_DATA_TEXT, "a\n<b>"},
        {",\"data\":[1],\"datacontenttype\":\"text/xml\"", CLOUD_DATA_JSON, "[1]"},
        {",\"data_base64\":\"aGk=\"", CLOUD_DATA_BYTES, "hi"},
        {",\"data_base64\":\"\"", CLOUD_DATA_BYTES, ""},
        {",\"data_base64\":null", CLOUD_DATA_NONE, ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(arena_done) struct arena arena = {0};
        scoped(buffer_done) struct buffer body = {0};
        struct cloud_event *event;
        size_t count;
        struct error err = {0};
        buffer_add_format(
            &body,
            "{\"specversion\":\"1.0\",\"i\\u0064\":\"1\",\"source\":\"/s\",\"type\":\"t\","
            "\"n\":-2147483648,\"b\":false,\"u\":null,\"e\":\"\"%s}",
            cases[i].members);
        CHECK_MSG(decode(STRUCTURED "\nce-id: other", buffer_text(&body), &arena, &event, &count,
                         &err) == 0,
                  "%s: %s", body.at, err.text);
        CHECK(count == 1);
        CHECK_TEXT(cloudevents_text(event, TEXT("id")), "1");
        CHECK_TEXT(cloudevents_text(event, TEXT("n")), "-2147483648");
        CHECK(cloudevents_find(event, TEXT("n"))->kind == CLOUD_INTEGER);
        CHECK_TEXT(cloudevents_text(event, TEXT("b")), "false");
        CHECK(cloudevents_find(event, TEXT("b"))->kind == CLOUD_BOOLEAN);
        CHECK(!cloudevents_find(event, TEXT("u")));
        CHECK(text_is_set(cloudevents_text(event, TEXT("e"))));
        CHECK_MSG(event->data_kind == cases[i].kind, "%s", cases[i].members);
        CHECK_TEXT(event->data, cases[i].data);
    }
}

TEST(a_batch_is_a_list_of_events)
{
    scoped(arena_done) struct arena arena = {0};
    struct cloud_event *events;
    size_t count;
    struct error err;
    const char *type = "content-type: application/cloudevents-batch+json";

    CHECK(decode(type, TEXT("[]"), &arena, &events, &count, &err) == 0 && count == 0);
    CHECK(decode(type,
                 TEXT("[{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"},"
                      "{\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"s\",\"type\":\"t\"}]"),
                 &arena, &events, &count, &err) == 0);
    CHECK(count == 2);
    CHECK_TEXT(cloudevents_text(&events[1], TEXT("id")), "2");
    CHECK(
        decode(type,
               TEXT("[{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"},{}]"),
               &arena, &events, &count, &err) < 0);
    CHECK(decode(type, TEXT("{}"), &arena, &events, &count, &err) < 0);
}

TEST(a_batch_has_a_limit)
{
    scoped(arena_done) struct arena arena = {0};
    scoped(buffer_done) struct buffer body = {0};
    struct cloud_event *events;
    size_t count;
    struct error err;

    for (int i = 0; i <= LIMIT_CLOUD_BATCH; i++)
        buffer_add_literal(&body, ",1");
    body.at[0] = '[';
    buffer_add_char(&body, ']');
    CHECK(decode("content-type: application/cloudevents-batch+json", buffer_text(&body), &arena,
                 &events, &count, &err) < 0);
    CHECK(err.code == ERROR_LIMIT);
}

#define BODY(members) \
    "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"" members "}"

TEST(what_is_no_event_is_refused_with_its_reason)
{
    static const struct {
        const char *headers, *body, *reason;
    } cases[] = {
        {"ce-specversion: 1.0\nce-id: 1\nce-type: t", "", "the event has no attribute 'source'"},
        {"Content-Type: application/json", "{}", "the event has no attribute 'specversion'"},
        {"ce-specversion: 0.3\nce-id: 1\nce-source: s\nce-type: t", "",
         "specversion '0.3' is not served, 1.0 is"},
        {REQUIRED "ce-datacontenttype: text/plain", "",
         "'ce-datacontenttype' is not allowed: the Content-Type says it"},
        {REQUIRED "ce-id: 2", "", "attribute 'id' is there twice"},
        {REQUIRED "CE-ID: 2", "", "attribute 'id' is there twice"},
        {REQUIRED "ce-a_b: 2", "",
         "'a_b' cannot be an attribute's name: use lower-case letters and digits"},
        {REQUIRED "ce-data: 2", "",
         "'data' cannot be an attribute's name: use lower-case letters and digits"},
        {REQUIRED "ce-x: %C0%A0", "", "attribute 'x' has control characters or is not UTF-8"},
        {REQUIRED "ce-x: \xff", "", "attribute 'x' has control characters or is not UTF-8"},
        {REQUIRED "ce-x: %0A", "", "attribute 'x' has control characters or is not UTF-8"},
        {REQUIRED "ce-x: %EF%BF%BF", "", "attribute 'x' has control characters or is not UTF-8"},
        {REQUIRED "ce-x: %F0%9F%BF%BF", "", "attribute 'x' has control characters or is not UTF-8"},
        {REQUIRED "ce-x: %C2%85", "", "attribute 'x' has control characters or is not UTF-8"},
        {REQUIRED "ce-x: 100%", "", "header 'ce-x' has a '%' without two hex digits"},
        {REQUIRED "ce-x: %4", "", "header 'ce-x' has a '%' without two hex digits"},
        {REQUIRED "ce-x: %zz", "", "header 'ce-x' has a '%' without two hex digits"},
        {REQUIRED "ce-subject:", "", "attribute 'subject' is empty"},
        {REQUIRED "ce-time: yesterday", "",
         "attribute 'time' must be like 2026-01-31T12:00:00Z (RFC 3339)"},
        {REQUIRED "Content-Type: application/json", "{",
         "the data is not JSON as its type 'application/json' says"},
        {STRUCTURED, "{", "the body is not JSON"},
        {STRUCTURED, "[]", "an event must be a JSON object"},
        {STRUCTURED, "{\"specversion\":1.0,\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}",
         "attribute 'specversion' must be a string, true, false or a whole number of 32 bits"},
        {STRUCTURED, "{\"specversion\":1,\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}",
         "attribute 'specversion' must be a string"},
        {STRUCTURED, BODY(",\"a\":{}"),
         "attribute 'a' must be a string, true, false or a whole number of 32 bits"},
        {STRUCTURED, BODY(",\"a\":1.5"),
         "attribute 'a' must be a string, true, false or a whole number of 32 bits"},
        {STRUCTURED, BODY(",\"a\":2147483648"),
         "attribute 'a' must be a string, true, false or a whole number of 32 bits"},
        {STRUCTURED, BODY(",\"A\":\"x\""),
         "'A' cannot be an attribute's name: use lower-case letters and digits"},
        {STRUCTURED, BODY(",\"\":\"x\""),
         "'' cannot be an attribute's name: use lower-case letters and digits"},
        {STRUCTURED, BODY(",\"id\":\"2\""), "attribute 'id' is there twice"},
        {STRUCTURED, BODY(",\"data\":1,\"data_base64\":\"aGk=\""),
         "the event has both 'data' and 'data_base64'"},
        {STRUCTURED, BODY(",\"data\":1,\"data\":1"), "the event has its data twice"},
        {STRUCTURED, BODY(",\"data_base64\":\"a\""), "'data_base64' is not base64"},
        {STRUCTURED, BODY(",\"data_base64\":1"), "'data_base64' is not base64"},
        {"Content-Type: application/cloudevents+avro", "x",
         "Content-Type 'application/cloudevents+avro' is not served, application/cloudevents+json "
         "is"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(arena_done) struct arena arena = {0};
        struct cloud_event *event;
        size_t count;
        struct error err = {0};
        CHECK_MSG(decode(cases[i].headers, text_of(cases[i].body), &arena, &event, &count, &err) <
                      0,
                  "%s %s was accepted", cases[i].headers, cases[i].body);
        CHECK(err.code == ERROR_INVALID);
        CHECK_TEXT(text_of(err.text), cases[i].reason);
    }
}

TEST(an_event_has_a_limited_number_of_attributes)
{
    scoped(arena_done) struct arena arena = {0};
    scoped(buffer_done) struct buffer body = {0};
    struct cloud_event *event;
    size_t count;
    struct error err;

    buffer_add_literal(&body,
                       "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"");
    for (int i = 4; i < LIMIT_CLOUD_ATTRIBUTES; i++)
        buffer_add_format(&body, ",\"a%d\":1", i);
    scoped(buffer_done) struct buffer more = {0};
    buffer_add_text(&more, buffer_text(&body));
    buffer_add_literal(&body, "}");
    buffer_add_literal(&more, ",\"more\":1}");
    CHECK(decode(STRUCTURED, buffer_text(&body), &arena, &event, &count, &err) == 0);
    CHECK(event->count == LIMIT_CLOUD_ATTRIBUTES);
    CHECK(decode(STRUCTURED, buffer_text(&more), &arena, &event, &count, &err) < 0);
    CHECK(err.code == ERROR_LIMIT);
}

TEST(data_that_is_accepted_fits_into_an_envelope)
{
    for (int depth = SCAN_DEPTH_MAX - 4; depth <= SCAN_DEPTH_MAX; depth++) {
        scoped(arena_done) struct arena arena = {0};
        scoped(buffer_done) struct buffer body = {0}, envelope = {0};
        struct cloud_event *event, restored;
        size_t count;
        struct error err = {0};
        for (int i = 0; i < depth; i++)
            buffer_add_char(&body, '[');
        for (int i = 0; i < depth; i++)
            buffer_add_char(&body, ']');
        if (decode(REQUIRED, buffer_text(&body), &arena, &event, &count, &err) < 0) {
            CHECK(err.code == ERROR_LIMIT && depth > SCAN_DEPTH_MAX - 2);
            continue;
        }
        CHECK(depth <= SCAN_DEPTH_MAX - 2);
        cloudevents_write_envelope(event, &(struct cloud_envelope){0}, &envelope);
        CHECK(cloudevents_read_envelope(buffer_text(&envelope), &arena, &restored, &err) == 0);
    }
}

TEST(a_value_has_a_limit)
{
    scoped(arena_done) struct arena arena = {0};
    scoped(buffer_done) struct buffer body = {0};
    struct cloud_event *event;
    size_t count;
    struct error err;

    buffer_add_literal(
        &body, "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"x\":\"");
    memset(buffer_room(&body, LIMIT_CLOUD_VALUE + 1), 'x', LIMIT_CLOUD_VALUE + 1);
    buffer_added(&body, LIMIT_CLOUD_VALUE + 1);
    buffer_add_literal(&body, "\"}");
    CHECK(decode(STRUCTURED, buffer_text(&body), &arena, &event, &count, &err) < 0);
    CHECK(err.code == ERROR_LIMIT);
}

TEST(times_are_those_of_rfc_3339)
{
    static const struct {
        const char *time;
        bool is_valid;
    } cases[] = {
        {"2026-01-31T12:00:00Z", true},
        {"2026-01-31t12:00:00z", true},
        {"2026-01-31T12:00:00.123456789Z", true},
        {"2024-02-29T23:59:60+14:00", true},
        {"2026-01-31T12:00:00-00:00", true},
        {"2026-01-31T12:00:00", false},
        {"2026-01-31 12:00:00Z", false},
        {"2026-02-29T12:00:00Z", false},
        {"2026-13-01T12:00:00Z", false},
        {"2026-01-31T24:00:00Z", false},
        {"2026-01-31T12:00:00.Z", false},
        {"2026-01-31T12:00Z", false},
        {"2026-01-31T12:00:00+1:00", false},
        {"2026-01-31T12:00:00+0100", false},
        {"20260131T120000Z", false},
        {"2026-01-31T12:00:00Zx", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(arena_done) struct arena arena = {0};
        scoped(buffer_done) struct buffer body = {0};
        struct cloud_event *event;
        size_t count;
        struct error err = {0};
        buffer_add_format(&body, BODY(",\"time\":\"%s\""), cases[i].time);
        CHECK_MSG((decode(STRUCTURED, buffer_text(&body), &arena, &event, &count, &err) == 0) ==
                      cases[i].is_valid,
                  "%s", cases[i].time);
    }
}

/* Events in JSON whose parts are in the order in which they are written. */
static const char *const events[] = {
    BODY(""),
    BODY(",\"data\":null"),
    BODY(",\"data\":{}"),
    BODY(",\"data\":{\"a\":[1,\"b\"]}"),
    BODY(",\"data\":[1]"),
    BODY(",\"data\":\"text\""),
    BODY(",\"time\":\"2026-01-31T12:00:00Z\",\"data\":{\"n\":12345678901234567890}"),
    BODY(",\"time\":\"2026-01-31T13:00:00.5+01:00\""),
    BODY(",\"subject\":\"a \\\"b\\\"\",\"datacontenttype\":\"text/plain\",\"data\":\"hello\\n\""),
    BODY(",\"datacontenttype\":\"application/json\",\"data\":\"1\""),
    BODY(",\"datacontenttype\":\"text/xml\",\"data\":[1]"),
    BODY(",\"ext1\":42,\"ext2\":true,\"ext3\":\"x\",\"data_base64\":\"/wA=\""),
};

TEST(an_event_is_written_as_it_was_read)
{
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        scoped(arena_done) struct arena arena = {0};
        scoped(buffer_done) struct buffer out = {0};
        struct cloud_event *event;
        size_t count;
        struct error err = {0};
        CHECK_MSG(decode(STRUCTURED, text_of(events[i]), &arena, &event, &count, &err) == 0,
                  "%s: %s", events[i], err.text);
        buffer_add_char(&out, '!');
        cloudevents_write_json(event, &out);
        CHECK_TEXT(text_skip(buffer_text(&out), 1), events[i]);
    }
}

TEST(data_is_written_without_blanks)
{
    scoped(arena_done) struct arena arena = {0};
    scoped(buffer_done) struct buffer out = {0};
    struct cloud_event *event;
    size_t count;
    struct error err;

    CHECK(decode(REQUIRED "Content-Type: application/json", TEXT("\n{ \"a\" : [1, \" x\"] }\n"),
                 &arena, &event, &count, &err) == 0);
    cloudevents_write_json(event, &out);
    CHECK_TEXT(buffer_text(&out),
               "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\","
               "\"datacontenttype\":\"application/json\",\"data\":{\"a\":[1,\" x\"]}}");
}

static const struct cloud_envelope here = {
    .account = {"111111111111", 12}, .region = {"eu", 2}, .accepted_ms = 1769860800999};

TEST(an_event_in_an_envelope_comes_out_as_it_was)
{
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        scoped(arena_done) struct arena arena = {0};
        scoped(buffer_done) struct buffer envelope = {0}, again = {0};
        struct cloud_event *event, restored;
        size_t count;
        struct error err = {0};
        CHECK(decode(STRUCTURED, text_of(events[i]), &arena, &event, &count, &err) == 0);
        cloudevents_write_envelope(event, &here, &envelope);
        CHECK_MSG(cloudevents_read_envelope(buffer_text(&envelope), &arena, &restored, &err) == 0,
                  "%s: %s", envelope.at, err.text);
        cloudevents_write_json(&restored, &again);
        scoped(json_decref) json_t *was = json_parse(text_of(events[i]), &err);
        scoped(json_decref) json_t *is = json_parse(buffer_text(&again), &err);
        if (was) /* jansson does not read numbers beyond 64 bits */
            CHECK_MSG(json_equal(was, is), "%s became %s", events[i], again.at);
        else
            CHECK_TEXT(buffer_text(&again), events[i]);
    }
}

TEST(an_envelope_is_eventbridges)
{
    static const struct {
        const char *event, *envelope;
    } cases[] = {
        {BODY(",\"time\":\"2026-01-31T13:00:00.5+01:00\",\"subject\":\"x\",\"data\": {\"a\" : 1}"),
         "{\"version\":\"0\",\"id\":\"1\",\"detail-type\":\"t\",\"source\":\"s\","
         "\"account\":\"111111111111\",\"time\":\"2026-01-31T12:00:00Z\",\"region\":\"eu\","
         "\"resources\":[],\"detail\":{\"a\":1},\"cloudevent\":{\"specversion\":\"1.0\","
         "\"subject\":\"x\",\"time\":\"2026-01-31T13:00:00.5+01:00\"}}"},
        {BODY(",\"data\":[1]"),
         "{\"version\":\"0\",\"id\":\"1\",\"detail-type\":\"t\",\"source\":\"s\","
         "\"account\":\"111111111111\",\"time\":\"2026-01-31T12:00:00Z\",\"region\":\"eu\","
         "\"resources\":[],\"detail\":{},\"cloudevent\":{\"specversion\":\"1.0\",\"time\":null,"
         "\"data\":[1]}}"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(arena_done) struct arena arena = {0};
        scoped(buffer_done) struct buffer out = {0};
        struct cloud_event *event;
        size_t count;
        struct error err;
        CHECK(decode(STRUCTURED, text_of(cases[i].event), &arena, &event, &count, &err) == 0);
        cloudevents_write_envelope(event, &here, &out);
        CHECK_TEXT(buffer_text(&out), cases[i].envelope);
    }
}

TEST(an_event_of_put_events_is_a_cloud_event_too)
{
    scoped(arena_done) struct arena arena = {0};
    scoped(buffer_done) struct buffer out = {0};
    struct cloud_event event;
    struct error err;

    CHECK(
        cloudevents_read_envelope(
            TEXT("{\"version\":\"0\",\"id\":\"e\",\"detail-type\":\"An Order\",\"source\":\"shop\","
                 "\"account\":\"1\",\"time\":\"2026-01-31T12:00:00Z\",\"region\":\"eu\","
                 "\"resources\":[],\"detail\":{\"a\":1}}"),
            &arena, &event, &err) == 0);
    cloudevents_write_json(&event, &out);
    CHECK_TEXT(buffer_text(&out),
               "{\"specversion\":\"1.0\",\"id\":\"e\",\"source\":\"shop\",\"type\":\"An Order\","
               "\"datacontenttype\":\"application/json\",\"time\":\"2026-01-31T12:00:00Z\","
               "\"data\":{\"a\":1}}");
}

TEST(what_is_no_envelope_is_refused)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"id\":\"1\",\"source\":\"s\",\"detail-type\":\"t\",\"time\":\"x\"}",
        "{\"id\":1,\"source\":\"s\",\"detail-type\":\"t\",\"time\":\"x\",\"detail\":{}}",
        "{\"id\":\"1\",\"source\":\"s\",\"detail-type\":\"t\",\"detail\":{}}",
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        scoped(arena_done) struct arena arena = {0};
        struct cloud_event event;
        struct error err = {0};
        CHECK_MSG(cloudevents_read_envelope(text_of(bad[i]), &arena, &event, &err) < 0, "%s",
                  bad[i]);
        CHECK(err.code == ERROR_INVALID && err.text[0]);
    }
}

TEST(a_binary_message_is_written_with_its_headers)
{
    scoped(arena_done) struct arena arena = {0};
    scoped(buffer_done) struct buffer out = {0};
    struct cloud_event *event;
    size_t count;
    struct error err;

    CHECK(decode(STRUCTURED,
                 TEXT(BODY(",\"subject\":\"Euro \xe2\x82\xac \xf0\x9f\x98\x80 \\\"%\","
                           "\"n\":1,\"data\":{}")),
                 &arena, &event, &count, &err) == 0);
    struct cloud_header *headers = cloudevents_write_headers(event, &arena, &count);
    for (size_t i = 0; i < count; i++)
        buffer_add_format(&out, "%.*s: %.*s\n", TEXT_ARG(headers[i].name),
                          TEXT_ARG(headers[i].value));
    CHECK_TEXT(buffer_text(&out), "ce-specversion: 1.0\nce-id: 1\nce-source: s\nce-type: t\n"
                                  "ce-subject: Euro%20%E2%82%AC%20%F0%9F%98%80%20%22%25\n"
                                  "ce-n: 1\nContent-Type: application/json\n");
    const struct cloud_message message = {headers, count, event->data};
    struct cloud_event *again;
    CHECK(cloudevents_decode(&message, &arena, &again, &count, &err) == 0);
    CHECK(text_equal(cloudevents_text(again, TEXT("subject")),
                     cloudevents_text(event, TEXT("subject"))));
}
