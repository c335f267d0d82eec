/* SPDX-License-Identifier: Apache-2.0 */
#include "router/trigger.h"

#include "base/json.h"
#include "router/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const struct trigger *trigger, struct pattern *pattern, bool decides,
                    const struct cloud_event *event, struct arena *arena)
{
    const struct cloud_envelope here = {TEXT("1"), TEXT("eu"), 0};
    scoped(buffer_done) struct buffer envelope = {0};
    struct error err;

    cloudevents_write_envelope(event, &here, &envelope);
    bool passes = trigger_passes(trigger, event, arena);
    int matches = pattern_test(pattern, buffer_text(&envelope), &err);
    if (matches < 0) /* nests too deeply for a pattern */
        return;
    assert(!passes || matches);
    assert(!decides || passes == matches);
}

/* Input: a trigger, a NUL, an event in JSON. What passes matches the trigger's pattern. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cloud_header type = {TEXT("content-type"),
                                             TEXT("application/cloudevents+json")};
    struct text body = text_from(data, size), source;
    scoped(arena_done) struct arena arena = {0};
    scoped(buffer_done) struct buffer out = {0};
    struct cloud_event *event;
    size_t count;
    struct error err;

    if (!text_split(&body, '\0', &source))
        return 0;
    scoped(json_decref) json_t *spec = json_parse(source, &err);
    scoped(trigger_free) struct trigger *trigger = spec ? trigger_compile(spec, &err) : NULL;
    if (!trigger)
        return 0;
    bool decides = trigger_pattern(trigger, &out);
    scoped(pattern_unref) struct pattern *pattern = pattern_compile(buffer_text(&out), NULL, &err);
    assert(pattern);
    const struct cloud_message message = {&type, 1, body};
    if (cloudevents_decode(&message, &arena, &event, &count, &err) == 0)
        compare(trigger, pattern, decides, event, &arena);
    return 0;
}
