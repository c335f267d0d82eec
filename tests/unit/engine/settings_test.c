/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/settings.h"

#include "base/scoped.h"
#include "test.h"

static void settings_done_scoped(struct settings *settings)
{
    option_done(settings_options, settings);
}

TEST(the_defaults_are_valid)
{
    scoped(settings_done) struct settings settings;
    struct error err = {0};

    option_defaults(settings_options, &settings);
    CHECK_MSG(settings_check(&settings, &err) == 0, "%s", err.text);
    CHECK(!settings.data && !settings.runtimes);
    CHECK_TEXT(text_of(settings.api), "localhost:9000");
    CHECK_TEXT(text_of(settings.gateway), "localhost:8080");
    CHECK_TEXT(text_of(settings.region), "us-east-1");
    CHECK_TEXT(text_of(settings.account), "000000000000");
    CHECK(settings.shards == 0 && settings.concurrency == 1000 && settings.memory == 0);
    CHECK(settings.idle_timeout_ms == 600000 && settings.freeze_after_ms == 100);
    CHECK(settings.drain_ms == 30000 && settings.cpu_min_percent == 100);
    CHECK(settings.log_retention_ms == INT64_C(14) * 24 * 3600 * 1000);
    CHECK(settings.events_max_bytes == INT64_C(8) << 30);
    CHECK(settings.access_log);
}

TEST(each_setting_has_a_name_a_default_in_its_limits_and_a_summary)
{
    for (const struct option *option = settings_options; option->type != OPTION_END; option++) {
        CHECK(option->name && option->summary);
        CHECK_MSG(!text_ends(text_of(option->summary), TEXT(".")), "'%s'", option->name);
        CHECK_MSG(option->value_name || option->type == OPTION_BOOL, "'%s'", option->name);
        for (const struct option *other = settings_options; other != option; other++)
            CHECK_MSG(strcmp(other->name, option->name) != 0, "'%s' is there twice", option->name);
    }
}

TEST(bad_values_are_refused_with_the_name_of_the_setting)
{
    static const struct {
        const char *name, *value;
        const char *error; /* NULL: it is fine */
    } cases[] = {
        {"account", "123456789012", NULL},
        {"account", "12345678901", "'account' must be 12 digits"},
        {"account", "12345678901x", "'account' must be 12 digits"},
        {"account", "", "'account' must be 12 digits"},
        {"region", "eu-west-3", NULL},
        {"region", "local", NULL},
        {"region", "", "'region' must be small letters, digits and '-', such as us-east-1"},
        {"region", "eu/west", "'region' must be small letters, digits and '-', such as us-east-1"},
        {"region", "EU-WEST-1",
         "'region' must be small letters, digits and '-', such as us-east-1"},
        {"region", "-eu", "'region' must be small letters, digits and '-', such as us-east-1"},
        {"region", "a23456789012345678901234567890123",
         "'region' must be small letters, digits and '-', such as us-east-1"},
        {"log-level", "debug", NULL},
        {"log-level", "loud", "'log-level' must be debug, info, warn or error"},
        {"log-format", "json", NULL},
        {"log-format", "xml", "'log-format' must be text or json"},
        {"shards", "65", "'shards' must be 0 to 64"},
        {"concurrency", "0", "'concurrency' must be 1 to 60000"},
        {"freeze-after", "0", NULL},
        {"idle-timeout", "1ms", "'idle-timeout' must be 100ms to 168h"},
        {"log-retention", "1m", "'log-retention' must be 1h to 87672h"},
        {"memory", "4G", NULL},
        {"access-log", "yes", "'access-log' must be true or false"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(settings_done) struct settings settings;
        struct error err = {0};
        option_defaults(settings_options, &settings);
        bool failed = option_set(settings_options, &settings, text_of(cases[i].name),
                                 text_of(cases[i].value), &err) < 0 ||
                      settings_check(&settings, &err) < 0;
        CHECK_MSG(failed == (cases[i].error != NULL), "%s = '%s': %s", cases[i].name,
                  cases[i].value, err.text);
        if (cases[i].error) {
            CHECK(err.code == ERROR_INVALID);
            CHECK_TEXT(text_of(err.text), cases[i].error);
        }
    }
}
