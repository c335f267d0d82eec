/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

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
};

struct exception {
    const char *code; /* "ResourceNotFoundException", one of the table's or any other */
    struct text message;
    struct text reason; /* of a TooManyRequestsException; TEXT_NONE: none */
    const char *request_id;
};

/* The body, appended, and the HTTP status. Codes of the table are literals, others get 400. */
int errors_write(enum protocol protocol, const struct exception *exception, struct buffer *out);

/* What a refused signature is called: SigV4's name ("InvalidSignature") in the words of the
 * protocol ("InvalidSignatureException", "SignatureDoesNotMatch"). */
void errors_signature_code(enum protocol protocol, const char *name, char out[static 64]);

/* The exception for a failure inside Evoke. */
const char *errors_code_of(enum error_code code);
