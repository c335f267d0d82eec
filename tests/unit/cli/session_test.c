/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session.h"

#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/scoped.h"
#include "test.h"

static const char *const variables[] = {
    "AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID",  "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",       "AWS_REGION",       "AWS_DEFAULT_REGION", "EVOKE_DATA"};

/* A data folder as a running daemon leaves it, and a session that looks into it. */
struct fixture {
    char folder[40];
    struct session session;
};

static void write_file(const struct fixture *fixture, const char *name, const char *content)
{
    scoped(free) char *path = path_join(fixture->folder, name);
    struct error err;

    CHECK(path_write(path, text_of(content), 0600, &err) == 0);
}

static void set_up(struct fixture *fixture)
{
    for (size_t i = 0; i < COUNT_OF(variables); i++)
        unsetenv(variables[i]);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/evoke-session-XXXXXX");
    CHECK(mkdtemp(fixture->folder));
    write_file(fixture, "daemon.json",
               "{\"api\":\"http://127.0.0.1:9000\",\"gateway\":\"http://127.0.0.1:8080\","
               "\"region\":\"eu-west-1\",\"account\":\"123456789012\",\"pid\":1}");
    write_file(fixture, "credentials",
               "[default]\naws_access_key_id = AKFILE\naws_secret_access_key = file=secret\n");
    session_init(&fixture->session, NULL);
}

static void fixture_done_scoped(struct fixture *fixture)
{
    struct error err;

    session_done(&fixture->session);
    CHECK(path_remove_tree(fixture->folder, &err) == 0);
}

TEST(the_data_folder_tells_address_and_key)
{
    scoped(fixture_done) struct fixture fixture;
    struct error err = {0};

    set_up(&fixture);
    fixture.session.data = mem_strdup(fixture.folder);
    CHECK_MSG(session_find(&fixture.session, &err) == 0, "%s", err.text);
    CHECK_TEXT(text_of(fixture.session.api), "http://127.0.0.1:9000");
    CHECK_TEXT(text_of(fixture.session.gateway), "http://127.0.0.1:8080");
    CHECK_TEXT(text_of(fixture.session.region), "eu-west-1");
    CHECK_TEXT(text_of(fixture.session.account), "123456789012");
    CHECK_TEXT(text_of(fixture.session.access_key), "AKFILE");
    CHECK_TEXT(text_of(fixture.session.secret), "file=secret");
    CHECK_TEXT(text_of(fixture.session.token), "");
}

TEST(the_folder_is_found_by_the_environment)
{
    scoped(fixture_done) struct fixture fixture;
    struct error err;

    set_up(&fixture);
    setenv("EVOKE_DATA", fixture.folder, 1);
    CHECK(session_find(&fixture.session, &err) == 0);
    CHECK_TEXT(text_of(fixture.session.access_key), "AKFILE");
}

TEST(an_endpoint_of_the_environment_comes_with_its_keys)
{
    scoped(fixture_done) struct fixture fixture;
    struct error err;

    set_up(&fixture);
    setenv("EVOKE_DATA", fixture.folder, 1);
    setenv("AWS_ENDPOINT_URL", "http://host:1", 1);
    setenv("AWS_ENDPOINT_URL_LAMBDA", "http://host:2/", 1);
    setenv("AWS_ACCESS_KEY_ID", "AKENV", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "env-secret", 1);
    setenv("AWS_SESSION_TOKEN", "token", 1);
    setenv("AWS_REGION", "ap-south-1", 1);
    CHECK(session_find(&fixture.session, &err) == 0);
    CHECK_TEXT(text_of(fixture.session.api), "http://host:2");
    CHECK_TEXT(text_of(fixture.session.access_key), "AKENV");
    CHECK_TEXT(text_of(fixture.session.token), "token");
    CHECK_TEXT(text_of(fixture.session.region), "ap-south-1");
}

TEST(a_folder_that_was_asked_for_beats_the_environment)
{
    scoped(fixture_done) struct fixture fixture;
    struct error err;

    set_up(&fixture);
    setenv("AWS_ENDPOINT_URL", "http://host:1", 1);
    setenv("AWS_ACCESS_KEY_ID", "AKENV", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "env-secret", 1);
    fixture.session.data = mem_strdup(fixture.folder);
    fixture.session.asked_region = mem_strdup("us-west-2");
    CHECK(session_find(&fixture.session, &err) == 0);
    CHECK_TEXT(text_of(fixture.session.api), "http://127.0.0.1:9000");
    CHECK_TEXT(text_of(fixture.session.access_key), "AKFILE");
    CHECK_TEXT(text_of(fixture.session.region), "us-west-2");
}

TEST(an_endpoint_without_keys_takes_those_of_the_folder)
{
    scoped(fixture_done) struct fixture fixture;
    struct error err;

    set_up(&fixture);
    fixture.session.data = mem_strdup(fixture.folder);
    fixture.session.endpoint = mem_strdup("http://127.0.0.1:9001");
    CHECK(session_find(&fixture.session, &err) == 0);
    CHECK_TEXT(text_of(fixture.session.api), "http://127.0.0.1:9001");
    CHECK_TEXT(text_of(fixture.session.access_key), "AKFILE");
}

TEST(what_is_missing_is_told_with_what_to_do)
{
    static const struct {
        const char *file, *content, *want;
        bool unreachable;
    } cases[] = {
        {"daemon.json", NULL, "start one with 'evoke serve'", true},
        {"daemon.json", "{", "restart 'evoke serve'", false},
        {"credentials", "", "has no key", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(fixture_done) struct fixture fixture;
        struct error err = {0};

        set_up(&fixture);
        fixture.session.data = mem_strdup(fixture.folder);
        scoped(free) char *path = path_join(fixture.folder, cases[i].file);
        if (cases[i].content)
            write_file(&fixture, cases[i].file, cases[i].content);
        else
            CHECK(unlink(path) == 0);
        CHECK(session_find(&fixture.session, &err) < 0);
        CHECK_MSG(text_find_text(text_of(err.text), text_of(cases[i].want)) < strlen(err.text),
                  "%s", err.text);
        CHECK(fixture.session.unreachable == cases[i].unreachable);
        CHECK(session_exit(&fixture.session) ==
              (cases[i].unreachable ? EXIT_UNREACHABLE : EXIT_ERROR));
    }
}

TEST(a_credentials_file_is_read_by_profile)
{
    static const struct {
        const char *file, *want;
    } cases[] = {
        {"[default]\nkey = v\n", "v"},
        {"[other]\nkey = o\n[default]\nkey=v", "v"},
        {"[other]\nkey = o\n", NULL},
        {"key = v\n", NULL},
        {"[default]\r\n key\t= a=b \r\n", "a=b"},
        {"[default]\nkeys = v\n", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(arena_done) struct arena arena = {0};
        const char *value =
            session_profile_value(&arena, text_of(cases[i].file), TEXT("default"), TEXT("key"));
        CHECK_MSG(!value == !cases[i].want, "%s", cases[i].file);
        CHECK_TEXT(text_of(value), cases[i].want);
    }
}
