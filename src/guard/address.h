/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/json.h"
#include "guard/address_file.h"

/*
 * Which clients may come at all, by their address and user agent: "addresses" of a route.
 *
 *   {allow: [network...], deny: [network...], deny-file: path, bots-file: path,
 *    geo-file: path, countries: {allow: [XX...], deny: [XX...]}}
 *
 * What denies wins. With an allow list only its networks pass; with countries.allow only
 * networks that the geo file puts there, so that an unknown address does not. A client on a
 * socket of this machine has no address: no list holds it.
 */
struct addresses;

enum address_verdict {
    ADDRESS_PASS,
    ADDRESS_NOT_ALLOWED, /* there is an allow list and it is not in it */
    ADDRESS_DENIED,
    ADDRESS_DENIED_BY_FILE,
    ADDRESS_COUNTRY,
    ADDRESS_BOT,
};

/* Immutable but for its files. May block to read them. files outlives it; without (NULL) a
 * setting of a file is an error. */
struct addresses *addresses_compile(const json_t *part, struct address_files *files,
                                    struct error *err);
void addresses_free(struct addresses *addresses);
DEFINE_SCOPED(struct addresses *, addresses_free)

/* Any thread. */
enum address_verdict addresses_check(const struct addresses *addresses,
                                     const struct sockaddr_storage *peer, struct text user_agent);
