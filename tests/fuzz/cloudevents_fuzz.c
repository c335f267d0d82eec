/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cloudevents.h"

#include "base/scoped.h"

#define HEADERS_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t read_headers(struct text *rest, struct cloud_header *headers)
{
    struct text line;
    size_t count = 0;

    while (count < HEADERS_MAX && text_split(rest, '\n', &line) && line.len > 0) {
        size_t colon = text_find(line, ':');
        headers[count++] =
            (struct cloud_header){text_slice(line, 0, colon), text_skip(line, colon + 1)};
    }
    return count;
}

static void write_again(const struct cloud_event *event, struct arena *arena, struct buffer *out)
{
    static const struct cloud_header type = {TEXT("content-type"),
                                             TEXT("application/cloudevents+json")};
    scoped(buffer_done) struct buffer json = {0};
    struct cloud_event *again;
    size_t count;
    struct error err;

    cloudevents_write_json(event, &json);
    const struct cloud_message message = {&type, 1, buffer_text(&json)};
    int done = cloudevents_decode(&message, arena, &again, &count, &err);
    assert(done == 0 && count == 1);
    cloudevents_write_json(again, out);
    assert(text_equal(buffer_text(out), buffer_text(&json)));
}

static void go_through_envelope(const struct cloud_event *event, struct arena *arena)
{
    const struct cloud_envelope here = {TEXT("1"), TEXT("eu"), 0};
    scoped(buffer_done) struct buffer once = {0}, again = {0};
    struct cloud_event restored;
    struct error err;

    cloudevents_write_envelope(event, &here, &once);
    int done = cloudevents_read_envelope(buffer_text(&once), arena, &restored, &err);
    assert(done == 0 && restored.count == event->count);
    cloudevents_write_envelope(&restored, &here, &again);
    for (size_t i = 0; i < event->count; i++)
        assert(text_equal(cloudevents_text(&restored, event->attributes[i].name),
                          event->attributes[i].value));
    assert(restored.data_kind == event->data_kind);
}

/* Input: headers, an empty line, a body. An event comes back from JSON, headers and the
 * envelope as it was. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = text_from(data, size);
    struct cloud_header headers[HEADERS_MAX];
    struct cloud_message message = {.headers = headers};
    scoped(arena_done) struct arena arena = {0};
    struct cloud_event *events;
    size_t count, written;
    struct error err;

    message.header_count = read_headers(&rest, headers);
    message.body = rest;
    if (cloudevents_decode(&message, &arena, &events, &count, &err) < 0) {
        assert(err.text[0]);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        scoped(buffer_done) struct buffer out = {0};
        write_again(&events[i], &arena, &out);
        go_through_envelope(&events[i], &arena);
        (void)cloudevents_write_headers(&events[i], &arena, &written);
    }
    return 0;
}
