/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/scan.h"
#include "router/transform.h"

/*
 * An InputTemplate and the paths of its InputPathsMap. Where a value goes decides how it is
 * written:
 *
 *     template                 variable         where           is written as
 *     JSON ("{" or "[" first)  any              outside quotes  JSON; "" when missing
 *                              string           within quotes   its characters, unescaped
 *                              other            within quotes   JSON, which breaks the string
 *                                                               when it has quotes itself
 *     string                   string           within quotes   its characters, unescaped
 *                              other            within quotes   JSON without its quotes
 *
 * A missing value within quotes is nothing. The result of a JSON template must be JSON; its
 * blanks are removed. That of a string template is not looked at and keeps its quotes.
 */
struct template;

/* From {"InputPathsMap"?, "InputTemplate"} (borrowed) of the target of that id. */
struct template *template_compile(const json_t *transformer, struct text target_id,
                                  struct error *err);
void template_free(struct template *template);
DEFINE_SCOPED(struct template *, template_free)

/* As transform_apply(); event is the scanned envelope. */
int template_fill(const struct template *template, const struct scan_value *event,
                  const struct transform_facts *facts, struct buffer *out, struct error *err);
