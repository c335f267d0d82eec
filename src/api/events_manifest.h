/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/api_priv.h"
#include "model/manifest.h"

/* Whether the rule that function.yaml asks for (NULL: no file) can be made. False: answered. */
bool events_check_manifest(struct call *call, struct text name, const struct manifest *manifest);
/* Makes the rule of a function what its function.yaml says (NULL: the function has none, or is
 * gone), then goes on with then(). Control thread. The call fails when it cannot be stored. */
void events_follow_manifest(struct call *call, struct text name, const struct manifest *manifest,
                            call_f *then);
