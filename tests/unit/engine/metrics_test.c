/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "model/directory.h"
#include "model/limits.h"
#include "test.h"

#define REGION TEXT("us-east-1")
#define ACCOUNT TEXT("000000000000")

static struct function *add(struct directory *directory, const char *name, const char *region)
{
    struct function *function = function_new();

    model_set(&function->account, ACCOUNT);
    model_set(&function->region, text_of(region));
    model_set(&function->name, text_of(name));
    function->latest = version_new();
    directory_put(directory, function);
    function_unref(function);
    return function;
}

static struct tally *tally_of(const struct function *function)
{
    return &function->latest->quota->tally;
}

static struct buffer text_of_all(const struct directory *directory)
{
    struct buffer out = {0};

    engine_function_metrics(directory, ACCOUNT, REGION, &out);
    buffer_add_char(&out, '\0');
    return out;
}

static void check_has(const struct buffer *out, const char *line)
{
    CHECK_MSG(strstr(out->at, line), "no '%s' in:\n%s", line, out->at);
}

static int count_of(const struct buffer *out, const char *word)
{
    int count = 0;

    for (const char *at = out->at; (at = strstr(at, word)); at++)
        count++;
    return count;
}

TEST(a_function_has_lines_of_its_own_once_it_was_used)
{
    struct directory directory = {0};
    struct tally *used = tally_of(add(&directory, "used", "us-east-1"));

    add(&directory, "idle", "us-east-1");
    used->ran[0] = 3;
    used->ran[2] = 1;
    used->ran[DURATION_BUCKETS] = 1;
    used->duration_us = 4000150;
    used->errors = 2;
    used->throttles = 7;
    used->cold_starts = 4;
    scoped(buffer_done) struct buffer out = text_of_all(&directory);

    check_has(&out, "\nevoke_function_invocations_total{function=\"used\"} 5\n");
    check_has(&out, "\nevoke_function_errors_total{function=\"used\"} 2\n");
    check_has(&out, "\nevoke_function_throttles_total{function=\"used\"} 7\n");
    check_has(&out, "\nevoke_function_cold_starts_total{function=\"used\"} 4\n");
    check_has(&out, "_bucket{function=\"used\",le=\"0.0001\"} 3\n");
    check_has(&out, "_bucket{function=\"used\",le=\"0.0002\"} 3\n");
    check_has(&out, "_bucket{function=\"used\",le=\"0.0004\"} 4\n");
    check_has(&out, "_bucket{function=\"used\",le=\"3.2768\"} 4\n");
    check_has(&out, "_bucket{function=\"used\",le=\"+Inf\"} 5\n");
    check_has(&out, "_sum{function=\"used\"} 4.000150\n");
    check_has(&out, "_count{function=\"used\"} 5\n");
    CHECK(count_of(&out, "\"idle\"") == 0);
    CHECK(count_of(&out, "# TYPE") == 5 && count_of(&out, "# HELP") == 5);
    directory_done(&directory);
}

TEST(functions_elsewhere_are_not_shown)
{
    struct directory directory = {0};

    tally_of(add(&directory, "f", "us-east-1"))->ran[0] = 1;
    tally_of(add(&directory, "f", "eu-west-1"))->ran[0] = 1;
    scoped(buffer_done) struct buffer out = text_of_all(&directory);
    CHECK(count_of(&out, "invocations_total{function=\"f\"} 1\n") == 1);
    directory_done(&directory);
}

TEST(all_snapshots_and_versions_of_a_function_count_together)
{
    struct directory directory = {0};
    struct function *function = add(&directory, "f", "us-east-1");
    struct version *next = version_copy(function->latest);

    next->quota->tally.ran[1] += 2;
    version_unref(next);
    scoped(buffer_done) struct buffer out = text_of_all(&directory);
    check_has(&out, "invocations_total{function=\"f\"} 2\n");
    directory_done(&directory);
}

TEST(those_beyond_the_limit_are_shown_together)
{
    struct directory directory = {0};
    const int more = 5;

    for (int i = 0; i < LIMIT_METRICS_FUNCTIONS + more; i++) {
        scoped(free) char *name = mem_format("f%03d", i);
        struct tally *tally = tally_of(add(&directory, name, "us-east-1"));
        tally->ran[3] = 2;
        tally->errors = 1;
        tally->duration_us = 1000000;
    }
    scoped(buffer_done) struct buffer out = text_of_all(&directory);
    CHECK(count_of(&out, "invocations_total{") == LIMIT_METRICS_FUNCTIONS + 1);
    check_has(&out, "invocations_total{function=\"f199\"} 2\n");
    check_has(&out, "invocations_total{function=\"other functions\"} 10\n");
    check_has(&out, "errors_total{function=\"other functions\"} 5\n");
    check_has(&out, "_bucket{function=\"other functions\",le=\"0.0008\"} 10\n");
    check_has(&out, "_sum{function=\"other functions\"} 5.000000\n");
    CHECK(count_of(&out, "f200") == 0);
    directory_done(&directory);
}
