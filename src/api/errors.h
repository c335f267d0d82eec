/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"

/*
 * How AWS's exceptions look on the wire: one table from the exception's name to its HTTP
 * status and the form of its body.
 */
enum protocol {
    PROTOCOL_REST_JSON, /* Lambda, and Evoke's own actions */
    PROTOCOL_JSON,      /* JSON 1.1: CloudWatch Logs */
    PROTOCOL_QUERY,     /* STS: XML */
    PROTOCOL_SQS_JSON,  /* JSON 1.0, with the query protocol's code in a header */
    PROTOCOL_SQS_QUERY, /* SQS as older clients speak it: XML */
};
static inline bool protocol_is_query(enum protocol protocol)
{
    return protocol == PROTOCOL_QUERY || protocol == PROTOCOL_SQS_QUERY;
}

/* What the body of a REST-JSON exception has. */
enum exception_look {
    LOOK_LAMBDA,     /* whose fault it is, and "message" or "Message", as the table says */
    LOOK_BARE,       /* nothing but "Message", as the Scheduler has it */
    LOOK_BARE_SMALL, /* nothing but "message", as API Gateway has it */
};

struct exception {
    const char *code; /* "ResourceNotFoundException", one of the table's or any other */
    struct text message;
    struct text reason; /* of a TooManyRequestsException; TEXT_NONE: none */
    const char *request_id;
    enum exception_look look;
};

/* The body, appended, and the HTTP status. Codes of the table are literals, others get 400. */
int errors_write(enum protocol protocol, const struct exception *exception, struct buffer *out);

/* What SQS's query protocol calls an exception: its own name, or the same without
 * "Exception". Out has room for any literal of the API. */
#define ERRORS_CODE_MAX 80
void errors_query_code(const char *code, char out[static ERRORS_CODE_MAX]);

/* What a refused signature is called: SigV4's name ("InvalidSignature") in the words of the
 * protocol ("InvalidSignatureException", "SignatureDoesNotMatch"). */
void errors_signature_code(enum protocol protocol, const char *name, char out[static 64]);

/* The exception for a failure inside Evoke. */
const char *errors_code_of(enum error_code code);
