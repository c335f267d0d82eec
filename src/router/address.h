/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* An IP address as a value of an event or a pattern: in the forms that Java's InetAddress
 * takes without asking a name server. IPv4 within IPv6 (::ffff:a00:1) is IPv4. */
struct address {
    uint8_t bytes[16];
    unsigned len; /* 4 or 16 */
};

/* Whether text looks like one: digits, dots and colons in the right places. */
bool address_is_alike(struct text text);
bool address_parse(struct text text, struct address *ret);
/* Clears what is behind the first bits bits. */
void address_mask(struct address *address, unsigned bits);
