/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/api.h"

struct address_files;
struct doors;
struct waf;

/* What `evoke gateway reload` reads again, one after the other: certificates, lists of addresses,
 * rules of the firewall. One request at a time, further ones wait. Of the control thread. */
struct reloading;

/* For the rest of the process. waf may be NULL. */
struct reloading *reloading_new(struct loop *control, struct doors *doors,
                                struct address_files *files, struct waf *waf);
struct reloader *reloading_reloader(struct reloading *reloading);
