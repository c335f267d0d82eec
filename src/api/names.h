/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/text.h"

/*
 * The names AWS gives things, matched by hand rather than by a regular expression engine:
 * patterns run on what strangers send. Each matcher takes the whole text, as AWS does.
 */

/* What a function name in a request says: "name", "name:qualifier", any part of an ARN up to
 * the whole. Parts that are not there are TEXT_NONE. */
struct function_name {
    struct text region, account, name, qualifier;
};

enum name_style {
    NAME_PLAIN,      /* FunctionName */
    NAME_NAMESPACED, /* NamespacedFunctionName: dots, $LATEST.PUBLISHED */
    NAME_URL,        /* FunctionUrlFunctionName: 64 characters, no version numbers */
};

bool name_parse(struct text source, enum name_style style, struct function_name *ret);

/* As columns of the validation tables want them. */
bool name_is_function(struct text text);
bool name_is_namespaced_function(struct text text);
bool name_is_url_function(struct text text);
bool name_is_qualifier(struct text text);
bool name_is_alias(struct text text);         /* a word that is not all digits */
bool name_is_version(struct text text);       /* "$LATEST" or digits */
bool name_is_url_qualifier(struct text text);
bool name_is_role_arn(struct text text);
bool name_is_arn(struct text text);
bool name_is_destination(struct text text); /* an ARN, kafka://NAME, or empty */
bool name_is_dead_letter(struct text text); /* an ARN of any service, or empty */
bool name_is_taggable(struct text text);
bool name_is_statement_id(struct text text);
bool name_is_namespaced_statement_id(struct text text);
bool name_is_permission_action(struct text text);
bool name_is_account(struct text text);
bool name_is_org(struct text text);
bool name_is_event_source_token(struct text text);
bool name_is_variable(struct text text);
bool name_is_log_group(struct text text);
bool name_is_log_stream(struct text text);
bool name_is_tag_text(struct text text);
bool name_is_tag_key(struct text text); /* the same, 1 to 128 bytes */
bool name_has_no_blanks(struct text text);
bool name_is_bucket(struct text text);
