/* SPDX-License-Identifier: Apache-2.0 */
#include "api/errors.h"

#include "test.h"

static int write_one(enum protocol protocol, const char *code, struct text reason,
                     struct buffer *out)
{
    const struct exception exception = {code, TEXT("It's <bad> & \"wrong\"."), reason, "id-1"};

    buffer_clear(out);
    return errors_write(protocol, &exception, out);
}

TEST(rest_json_exceptions_have_the_members_of_their_model)
{
    static const struct {
        const char *code;
        int status;
        const char *body;
    } cases[] = {
        {"ResourceNotFoundException", 404,
         "{\"Type\":\"User\",\"Message\":\"It's <bad> & \\\"wrong\\\".\"}"},
        {"InvalidParameterValueException", 400,
         "{\"Type\":\"User\",\"message\":\"It's <bad> & \\\"wrong\\\".\"}"},
        {"ValidationException", 400, "{\"message\":\"It's <bad> & \\\"wrong\\\".\"}"},
        {"AccessDeniedException", 403, "{\"Message\":\"It's <bad> & \\\"wrong\\\".\"}"},
        {"ServiceException", 500,
         "{\"Type\":\"Service\",\"Message\":\"It's <bad> & \\\"wrong\\\".\"}"},
        {"PreconditionFailedException", 412,
         "{\"Type\":\"User\",\"message\":\"It's <bad> & \\\"wrong\\\".\"}"},
        {"InvalidSignatureException", 403, "{\"message\":\"It's <bad> & \\\"wrong\\\".\"}"},
        {"NobodyKnowsThisOne", 400, "{\"message\":\"It's <bad> & \\\"wrong\\\".\"}"},
    };
    scoped(buffer_done) struct buffer out = {0};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int status = write_one(PROTOCOL_REST_JSON, cases[i].code, TEXT_NONE, &out);
        CHECK_MSG(status == cases[i].status, "%s: %d", cases[i].code, status);
        CHECK_TEXT(buffer_text(&out), cases[i].body);
    }
}

TEST(throttling_tells_its_reason)
{
    scoped(buffer_done) struct buffer out = {0};

    CHECK(write_one(PROTOCOL_REST_JSON, "TooManyRequestsException",
                    TEXT("ConcurrentInvocationLimitExceeded"), &out) == 429);
    CHECK_TEXT(buffer_text(&out), "{\"Reason\":\"ConcurrentInvocationLimitExceeded\","
                                  "\"Type\":\"User\",\"message\":\"It's <bad> & \\\"wrong\\\".\"}");
}

TEST(json_1_1_exceptions_are_400_and_carry_their_type)
{
    scoped(buffer_done) struct buffer out = {0};

    CHECK(write_one(PROTOCOL_JSON, "ResourceNotFoundException", TEXT_NONE, &out) == 400);
    CHECK_TEXT(buffer_text(&out), "{\"__type\":\"ResourceNotFoundException\","
                                  "\"message\":\"It's <bad> & \\\"wrong\\\".\"}");
    CHECK(write_one(PROTOCOL_JSON, "ServiceUnavailableException", TEXT_NONE, &out) == 503);
}

TEST(query_exceptions_are_xml)
{
    scoped(buffer_done) struct buffer out = {0};

    CHECK(write_one(PROTOCOL_QUERY, "InvalidClientTokenId", TEXT_NONE, &out) == 403);
    CHECK(text_find_text(buffer_text(&out), TEXT("<Code>InvalidClientTokenId</Code>")) < out.len);
    CHECK(text_find_text(buffer_text(&out),
                         TEXT("<Message>It's &lt;bad&gt; &amp; \"wrong\".</Message>")) < out.len);
    CHECK(text_find_text(buffer_text(&out), TEXT("<RequestId>id-1</RequestId>")) < out.len);
    CHECK(write_one(PROTOCOL_QUERY, "IncompleteSignature", TEXT_NONE, &out) == 400);
}

TEST(a_refused_signature_is_named_as_the_protocol_does)
{
    char code[64];

    errors_signature_code(PROTOCOL_REST_JSON, "InvalidSignature", code);
    CHECK_TEXT(text_of(code), "InvalidSignatureException");
    errors_signature_code(PROTOCOL_QUERY, "InvalidSignature", code);
    CHECK_TEXT(text_of(code), "SignatureDoesNotMatch");
    errors_signature_code(PROTOCOL_QUERY, "UnrecognizedClient", code);
    CHECK_TEXT(text_of(code), "InvalidClientTokenId");
    errors_signature_code(PROTOCOL_QUERY, "IncompleteSignature", code);
    CHECK_TEXT(text_of(code), "IncompleteSignature");
}

TEST(sqs_has_two_names_for_an_exception)
{
    static const struct {
        const char *code;
        int status;
        const char *query_code;
    } cases[] = {
        {"QueueDoesNotExist", 400, "AWS.SimpleQueueService.NonExistentQueue"},
        {"QueueNameExists", 400, "QueueAlreadyExists"},
        {"PurgeQueueInProgress", 403, "AWS.SimpleQueueService.PurgeQueueInProgress"},
        {"InvalidParameterValueException", 400, "InvalidParameterValue"},
        {"MissingRequiredParameterException", 400, "MissingParameter"},
        {"InvalidAttributeName", 400, "InvalidAttributeName"},
        {"ResourceNotFoundException", 404, "ResourceNotFoundException"},
        {"ReceiptHandleIsInvalid", 400, "ReceiptHandleIsInvalid"},
    };
    scoped(buffer_done) struct buffer out = {0};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char code[ERRORS_CODE_MAX];
        errors_query_code(cases[i].code, code);
        CHECK_TEXT(text_of(code), cases[i].query_code);
        int status = write_one(PROTOCOL_SQS_JSON, cases[i].code, TEXT_NONE, &out);
        CHECK_MSG(status == cases[i].status, "%s: %d", cases[i].code, status);
    }
    CHECK(write_one(PROTOCOL_SQS_JSON, "QueueDoesNotExist", TEXT_NONE, &out) == 400);
    CHECK_TEXT(buffer_text(&out), "{\"__type\":\"com.amazonaws.sqs#QueueDoesNotExist\","
                                  "\"message\":\"It's <bad> & \\\"wrong\\\".\"}");
    CHECK(write_one(PROTOCOL_SQS_QUERY, "QueueDoesNotExist", TEXT_NONE, &out) == 400);
    CHECK_TEXT(buffer_text(&out),
               "<?xml version=\"1.0\"?><ErrorResponse "
               "xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Type>Sender</Type>"
               "<Code>AWS.SimpleQueueService.NonExistentQueue</Code>"
               "<Message>It's &lt;bad&gt; &amp; \"wrong\".</Message><Detail/></Error>"
               "<RequestId>id-1</RequestId></ErrorResponse>\n");
}
