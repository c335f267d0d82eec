/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/mem.h"
#include "http/request_parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct head {
    struct http_request request;
    struct http_field fields[HTTP_FIELDS_MAX];
    struct request_parser parser;
    enum parse_result result;
    size_t used;
};

static void parse(struct head *head, char *bytes, size_t size, size_t step)
{
    size_t known = 0;

    request_parser_init(&head->parser, &head->request, head->fields);
    do {
        known = known + step < size ? known + step : size;
        head->result = request_parse(&head->parser, bytes, known, &head->used);
    } while (head->result == PARSE_MORE && known < size);
}

/* Whatever is accepted is framed in one way only. */
static void check(const struct http_request *request)
{
    struct text length = http_header(request, TEXT("content-length"));
    struct text coding = http_header(request, TEXT("transfer-encoding"));
    int64_t number;

    assert(request->path.len > 0 && (request->path.at[0] == '/' || request->path.at[0] == '*'));
    assert(request->http_1_0 || request->host.len > 0);
    assert(!text_is_set(length) || !text_is_set(coding));
    assert((request->content_length < 0) == text_is_set(coding));
    if (text_is_set(length))
        assert(text_to_int(length, 0, INT64_MAX, &number) && number == request->content_length);
}

/* What applications see of the target is in ASCII and without blanks, and read as before. */
static void check_target(struct http_request *request)
{
    scoped(arena_done) struct arena arena = {0};
    const struct text host = request->host;

    request_target_encode(request, &arena);
    for (size_t i = 0; i < request->target.len; i++)
        assert(request->target.at[i] > ' ' && request->target.at[i] < 0x7f);
    assert(request->path.len > 0 && (request->path.at[0] == '/' || request->path.at[0] == '*'));
    assert(text_equal(request->host, host));
}

/* Input: the size of pieces, a request. The pieces must make no difference. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    scoped(free) char *whole = mem_copy(data + 1, size - 1);
    scoped(free) char *pieces = mem_copy(data + 1, size - 1);
    static struct head once, again;

    parse(&once, whole, size - 1, size);
    parse(&again, pieces, size - 1, (size_t)data[0] + 1);
    assert(once.result == again.result);
    if (once.result == PARSE_BAD)
        assert(once.parser.status >= 400 && again.parser.status >= 400 && once.parser.reason);
    if (once.result != PARSE_DONE)
        return 0;
    check(&once.request);
    assert(once.used == again.used && once.used <= size - 1);
    assert(once.request.field_count == again.request.field_count);
    assert(once.parser.keep_alive == again.parser.keep_alive);
    check_target(&once.request);
    return 0;
}
