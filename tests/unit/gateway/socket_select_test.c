/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/socket_priv.h"
#include "test.h"

static void check(const char *expression, const char *message, const char *selected)
{
    scoped(buffer_done) struct buffer out = {0};

    buffer_add_text(&out, TEXT(""));
    bool is_json = socket_select(text_of(expression), text_of(message), &out);
    CHECK_MSG(is_json == (selected != NULL), "%s of %s", expression, message);
    if (selected)
        CHECK_TEXT(buffer_text(&out), selected);
}

TEST(an_expression_takes_a_member_of_the_message)
{
    check("$request.body.action", "{\"action\": \"join\"}", "join");
    check("$request.body.a.b", "{\"a\": {\"b\": \"deep\"}}", "deep");
    check("${request.body.action}", "{\"action\": \"join\"}", "join");
    check("$request.body.action", "{\"action\": \"j\\u00f6in\"}", "j\xc3\xb6in");
    check("$request.body.action", "{\"action\": \"first\", \"action\": \"last\"}", "last");
}

TEST(what_is_not_text_is_made_text)
{
    check("$request.body.n", "{\"n\": 12}", "12");
    check("$request.body.n", "{\"n\": true}", "true");
    check("$request.body.n", "{\"n\": {\"x\": [1, 2]}}", "{\"x\":[1,2]}");
}

TEST(what_is_not_there_is_nothing)
{
    check("$request.body.action", "{}", "");
    check("$request.body.a.b", "{\"a\": \"text\"}", "");
    check("$request.body.a.b", "[]", "");
    check("$request.header.x", "{}", "");
}

TEST(several_are_joined_by_what_stands_between)
{
    check("${request.body.a}/${request.body.b}", "{\"a\": \"x\", \"b\": 2}", "x/2");
    check("v1-${request.body.a}", "{\"a\": \"x\"}", "v1-x");
    check("\\$default", "{}", "$default");
    check("${request.body.a", "{\"a\": \"x\"}", "x"); /* never closed: to the end */
}

TEST(other_messages_select_nothing)
{
    check("$request.body.action", "hello", NULL);
    check("$request.body.action", "", NULL);
    check("$request.body.action", "{\"action\": ", NULL);
}

TEST(ids_say_which_shard_they_belong_to)
{
    char id[SOCKET_ID_LEN + 1], other[SOCKET_ID_LEN + 1];

    for (int shard = 0; shard < 200; shard++) {
        socket_make_id(shard, id);
        socket_make_id(shard, other);
        CHECK(socket_id_shard(text_of(id)) == shard);
        CHECK(strcmp(id, other) != 0);
        CHECK(!strpbrk(id, "+/") && id[SOCKET_ID_LEN - 1] == '=');
    }
    CHECK(socket_id_shard(TEXT("short")) == -1);
    CHECK(socket_id_shard(TEXT("!!!!!!!!!!!!!!!=")) == -1);
    CHECK(socket_id_shard(TEXT("AAAAAAAAAAAAAAAA")) == -1); /* 12 bytes */
}
