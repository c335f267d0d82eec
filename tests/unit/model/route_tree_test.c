/* SPDX-License-Identifier: Apache-2.0 */
#include "model/route_tree.h"

#include "base/scoped.h"
#include "test.h"

/* Routes are given as keys; the value of each is its key. */
static void put(struct route_tree *tree, const char *key)
{
    size_t blank = text_find(text_of(key), ' ');
    struct error err;
    struct text path = text_skip(text_of(key), blank + 1);

    CHECK_MSG(route_path_check(path, &err) == 0, "%s: %s", key, err.text);
    CHECK(!route_tree_put(tree, text_slice(text_of(key), 0, blank), path, (void *)(uintptr_t)key));
}

static const char *find(const struct route_tree *tree, const char *request,
                        struct route_match *match)
{
    size_t blank = text_find(text_of(request), ' ');
    bool found = route_tree_find(tree, text_slice(text_of(request), 0, blank),
                                 text_skip(text_of(request), blank + 1), match);

    return found ? match->value : "none";
}

TEST(the_better_route_is_chosen_as_aws_does)
{
    static const char *const keys[] = {
        "GET /pets/dog/1",
        "GET /pets/dog/{id}",
        "GET /pets/{proxy+}",
        "ANY /{proxy+}",
        "ANY /a/b",
        "GET /a/{x}/c",
        "GET /{x}/b/c",
        "POST /{all+}",
        "ANY /m",
        "GET /m",
        "GET /",
        "GET /deep/{a}/{rest+}",
        "GET /deep/{rest+}",
        "PUT /only",
    };
    static const struct {
        const char *request, *key;
        const char *values[3];
    } cases[] = {
        {"GET /pets/dog/1", "GET /pets/dog/1", {0}},
        {"GET /pets/dog/2", "GET /pets/dog/{id}", {"2"}},
        {"GET /pets/cat/1", "GET /pets/{proxy+}", {"cat/1"}},
        {"POST /pets/dog/1", "POST /{all+}", {"pets/dog/1"}},
        {"GET /other", "ANY /{proxy+}", {"other"}},
        {"GET /a/b", "ANY /a/b", {0}},
        {"GET /a/b/c", "GET /a/{x}/c", {"b"}},
        {"GET /z/b/c", "GET /{x}/b/c", {"z"}},
        {"GET /m", "GET /m", {0}},
        {"PUT /m", "ANY /m", {0}},
        {"GET /", "GET /", {0}},
        {"POST /", "none", {0}},
        {"GET /pets/", "ANY /{proxy+}", {"pets/"}},
        {"GET /pets/dog/", "GET /pets/{proxy+}", {"dog/"}},
        {"GET /pets/dog//", "GET /pets/{proxy+}", {"dog//"}},
        {"GET /deep/1/2/3", "GET /deep/{a}/{rest+}", {"1", "2/3"}},
        {"GET /deep/1", "GET /deep/{rest+}", {"1"}},
        {"GET /Pets/dog/1", "ANY /{proxy+}", {"Pets/dog/1"}},
        {"GET /only", "ANY /{proxy+}", {"only"}},
    };
    struct route_tree tree = {0};
    struct route_match match;

    for (size_t i = 0; i < COUNT_OF(keys); i++)
        put(&tree, keys[i]);
    CHECK(tree.count == COUNT_OF(keys));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *key = find(&tree, cases[i].request, &match);
        CHECK_MSG(strcmp(key, cases[i].key) == 0, "%s: %s", cases[i].request, key);
        size_t count = 0;
        while (count < 3 && cases[i].values[count])
            count++;
        if (strcmp(key, "none") == 0)
            continue;
        CHECK_MSG(match.count == count, "%s: %zu values", cases[i].request, match.count);
        for (size_t j = 0; j < count; j++)
            CHECK_TEXT(match.values[j], cases[i].values[j]);
    }
    route_tree_done(&tree);
}

TEST(a_removed_route_is_not_found_and_leaves_the_others)
{
    struct route_tree tree = {0};
    struct route_match match;

    put(&tree, "GET /a/{b}/c");
    put(&tree, "PUT /a/{b}/c");
    put(&tree, "GET /a/{rest+}");
    CHECK(route_tree_at(&tree, TEXT("GET"), TEXT("/a/{other}/c")));
    CHECK(!route_tree_remove(&tree, TEXT("DELETE"), TEXT("/a/{b}/c")));
    CHECK(route_tree_remove(&tree, TEXT("GET"), TEXT("/a/{x}/c")));
    CHECK(!route_tree_at(&tree, TEXT("GET"), TEXT("/a/{b}/c")));
    CHECK(strcmp(find(&tree, "GET /a/1/c", &match), "GET /a/{rest+}") == 0);
    CHECK(strcmp(find(&tree, "PUT /a/1/c", &match), "PUT /a/{b}/c") == 0);
    CHECK(route_tree_remove(&tree, TEXT("PUT"), TEXT("/a/{b}/c")));
    CHECK(route_tree_remove(&tree, TEXT("GET"), TEXT("/a/{rest+}")));
    CHECK(tree.count == 0);
    CHECK(strcmp(find(&tree, "GET /a/1", &match), "none") == 0);
    route_tree_done(&tree);
}

/* Removing moves others of the same parent about. */
TEST(of_many_routes_each_is_found_until_it_is_removed)
{
    enum { MANY = 3000 };
    static char paths[MANY][24];
    static const struct text methods[] = {TEXT("GET"), TEXT("PROPFIND"), TEXT("ANY")};
    struct route_tree tree = {0};
    struct route_match match;

    for (int i = 0; i < MANY; i++) {
        snprintf(paths[i], sizeof paths[i], i % 2 ? "/p%d" : "/p%d/{x+}", i * 7919 % MANY);
        CHECK(!route_tree_put(&tree, methods[i % 3], text_of(paths[i]), paths[i]));
    }
    CHECK(tree.count == MANY);
    for (int gone = 0; gone <= MANY; gone++) {
        for (int i = gone > 10 ? gone - 10 : 0; i < MANY && i < gone + 10; i++) {
            bool found = route_tree_at(&tree, methods[i % 3], text_of(paths[i])) == paths[i];
            CHECK_MSG(found == (i >= gone), "%s with %d gone", paths[i], gone);
        }
        if (gone < MANY)
            CHECK(route_tree_remove(&tree, methods[gone % 3], text_of(paths[gone])) == paths[gone]);
        CHECK(gone == MANY || tree.count == (size_t)(MANY - gone - 1));
    }
    CHECK(!route_tree_find(&tree, TEXT("GET"), TEXT("/p1"), &match));
    route_tree_done(&tree);
}

TEST(a_path_that_is_none_is_refused)
{
    static const char *const wrong[] = {
        "",     "a",    "/{a}b",  "/{a+}/b", "/{a}/{a}", "/{}",
        "/a?b", "/a#b", "/{a b}", "/b{a}",   "/{+}",     "/{a",
    };
    struct error err;

    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        CHECK_MSG(route_path_check(text_of(wrong[i]), &err) < 0, "%s", wrong[i]);
}
