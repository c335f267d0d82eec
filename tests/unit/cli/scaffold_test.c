/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/scaffold.h"

#include "base/scoped.h"
#include "cli/package.h"
#include "model/manifest.h"
#include "test.h"

TEST(placeholders_are_replaced_and_nothing_else)
{
    static const struct {
        const char *content, *want;
    } cases[] = {
        {"", ""},
        {"name: @NAME@\n", "name: f\n"},
        {"@NAME@@SDK@", "f/sdk"},
        {"a@b @NAME @@NAME@", "a@b @NAME @f"},
        {"$@", "$@"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(buffer_done) struct buffer out = {0};
        scaffold_fill(cases[i].content, "f", "/sdk", &out);
        CHECK_TEXT(buffer_text(&out), cases[i].want);
    }
}

TEST(each_scaffold_holds_a_good_function_yaml)
{
    static const char *const runtimes[] = {"node", "python", "c"};

    for (size_t i = 0; i < COUNT_OF(runtimes); i++) {
        const struct scaffold *scaffold = scaffold_find(runtimes[i]);
        scoped(buffer_done) struct buffer yaml = {0};
        struct error err = {0};

        CHECK(scaffold);
        CHECK_TEXT(text_of(scaffold->files[0].name), "function.yaml");
        scaffold_fill(scaffold->files[0].content, "hello", "", &yaml);
        scoped(manifest_free) struct manifest *manifest = manifest_parse(buffer_text(&yaml), &err);
        CHECK_MSG(manifest, "%s: %s", runtimes[i], err.text);
        CHECK_TEXT(text_of(manifest->name), "hello");
        CHECK(manifest->runtime && manifest->has_http);
    }
    CHECK(!scaffold_find("cobol"));
}

TEST(a_path_gives_a_function_its_name)
{
    static const struct {
        const char *path, *want;
    } cases[] = {
        {"hello", "hello"},  {"/nonexistent/hello.zip", "hello"},
        {"no/such/x/", "x"}, {"my app.v2", "my-app-v2"},
        {"/", ""},           {"a.zip.zip", "a-zip"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(free) char *name = local_package_name(cases[i].path);
        CHECK_TEXT(text_of(name), cases[i].want);
    }
}
