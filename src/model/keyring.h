/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"

/*
 * Access keys. The account's root key lives in DIR/credentials; each instance gets a key
 * of its own that ends with it. Instance keys are not stored: the key id holds a slot and
 * a random number, the slot says whether that number is alive, and secret and session
 * token are derived from the key id with a secret of this daemon's life. So any thread
 * checks a key without a lock, and a dead instance's key is dead at once.
 */
struct keyring;

#define ACCESS_KEY_LEN 20
#define SECRET_KEY_LEN 40

/* Reads DIR/credentials, or makes it (mode 0600, AWS shared-credentials format, profile
 * default). */
struct keyring *keyring_open(const char *data_folder, struct error *err);
void keyring_free(struct keyring *keyring);
DEFINE_SCOPED(struct keyring *, keyring_free)

struct instance_key {
    char access_key[ACCESS_KEY_LEN + 1]; /* "ASIA..." */
    char secret[SECRET_KEY_LEN + 1];
    char session_token[400];
};
/* Any thread. holder: the function's key (account/region/name), at most 200 bytes. */
void keyring_issue(struct keyring *keyring, struct text holder, struct instance_key *ret);
void keyring_revoke(struct keyring *keyring, const char *access_key);

enum key_kind { KEY_UNKNOWN, KEY_ROOT, KEY_INSTANCE };
struct key {
    enum key_kind kind;
    char secret[SECRET_KEY_LEN + 1];
    char session_token[400]; /* "" for the root key */
    char holder[201];        /* account/region/name for an instance's key */
};
/* Any thread. session_token is what the request carries: an instance's holder is read
 * from it after its seal has been checked. KEY_UNKNOWN for dead and forged ones. */
enum key_kind keyring_find(const struct keyring *keyring, struct text access_key,
                           struct text session_token, struct key *ret);
const char *keyring_root_key(const struct keyring *keyring);
