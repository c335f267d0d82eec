/* SPDX-License-Identifier: Apache-2.0 */
#include "api/writer.h"

#include "test.h"

TEST(members_are_separated_and_escaped)
{
    scoped(buffer_done) struct buffer out = {0};
    struct writer writer = {.out = &out};
    char a[] = "a", b[] = "b\"";
    char *const strings[] = {a, b};

    write_open(&writer, NULL, '{');
    write_string(&writer, "text", "line\n");
    write_string_if(&writer, "absent", "");
    write_int(&writer, "number", -7);
    write_open(&writer, "inner", '{');
    write_close(&writer, '}');
    write_strings(&writer, "list", strings, 2);
    write_key(&writer, TEXT("ke\"y"));
    write_bool(&writer, NULL, true);
    write_json(&writer, "raw", TEXT("[null]"));
    write_close(&writer, '}');
    CHECK_TEXT(buffer_text(&out), "{\"text\":\"line\\n\",\"number\":-7,\"inner\":{},"
                                  "\"list\":[\"a\",\"b\\\"\"],\"ke\\\"y\":true,\"raw\":[null]}");
}
