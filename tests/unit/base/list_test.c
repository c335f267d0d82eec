/* SPDX-License-Identifier: Apache-2.0 */
#include "base/list.h"

#include "base/text.h"
#include "test.h"

struct item {
    char name;
    struct list link;
};

static const char *names(struct list *head)
{
    static char out[16];
    size_t len = 0;
    list_each (node, head)
        out[len++] = container_of(node, struct item, link)->name;
    out[len] = '\0';
    return out;
}

TEST(a_list_keeps_its_order)
{
    struct list head;
    struct item a = {'a', {0}}, b = {'b', {0}}, c = {'c', {0}}, d = {'d', {0}};
    list_init(&head);
    CHECK(list_empty(&head));
    list_push(&head, &b.link);
    list_push(&head, &c.link);
    list_push_front(&head, &a.link);
    list_insert_before(&c.link, &d.link);
    CHECK(!list_empty(&head));
    CHECK_TEXT(text_of(names(&head)), "abdc");
    CHECK(list_pop(&head) == &a.link);
    CHECK(!list_linked(&a.link));
    CHECK(list_linked(&b.link));
    list_remove(&d.link);
    list_remove(&d.link);
    CHECK_TEXT(text_of(names(&head)), "bc");
}

TEST(an_empty_list_pops_nothing)
{
    struct list head;
    list_init(&head);
    CHECK(list_pop(&head) == NULL);
}

TEST(nodes_may_be_removed_while_iterating)
{
    struct list head;
    struct item items[5] = {{'a', {0}}, {'b', {0}}, {'c', {0}}, {'d', {0}}, {'e', {0}}};
    list_init(&head);
    for (size_t i = 0; i < COUNT_OF(items); i++)
        list_push(&head, &items[i].link);
    list_each (node, &head)
        if (container_of(node, struct item, link)->name % 2)
            list_remove(node);
    CHECK_TEXT(text_of(names(&head)), "bd");
}
