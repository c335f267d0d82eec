/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* web/docs.html, as the build embeds it. */
extern const char docs_page[];
extern const size_t docs_page_len;
