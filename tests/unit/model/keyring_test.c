/* SPDX-License-Identifier: Apache-2.0 */
#include "model/keyring.h"

#include <sys/stat.h>

#include "base/mem.h"
#include "base/path.h"
#include "test.h"

#define HOLDER "000000000000/us-east-1/thumbnail"
#define SECRET "abcdefghijklmnopqrstuvwxyz/+ABCDEFGHIJKL" /* 40 characters */
#define KEY_ID "AKIAIOSFODNN7EXAMPLE"

static void make_folder(char folder[static 64])
{
    memcpy(folder, "/tmp/evoke-keyring-XXXXXX", 26);
    CHECK(mkdtemp(folder));
}

static void remove_folder(const char *folder)
{
    struct error err;

    CHECK(path_remove_tree(folder, &err) == 0);
}

static struct keyring *open_keyring(const char *folder)
{
    struct error err;
    struct keyring *keyring = keyring_open(folder, &err);

    CHECK_MSG(keyring, "%s", err.text);
    return keyring;
}

static enum key_kind find(const struct keyring *keyring, const char *access_key, const char *token,
                          struct key *ret)
{
    return keyring_find(keyring, text_of(access_key), text_of(token), ret);
}

TEST(the_root_key_is_made_once_and_read_again)
{
    char folder[64];
    struct key first, second;
    struct stat status;

    make_folder(folder);
    scoped(keyring_free) struct keyring *made = open_keyring(folder);
    scoped(keyring_free) struct keyring *read = open_keyring(folder);
    CHECK(strlen(keyring_root_key(made)) == ACCESS_KEY_LEN);
    CHECK(strncmp(keyring_root_key(made), "AKIA", 4) == 0);
    CHECK_TEXT(text_of(keyring_root_key(read)), keyring_root_key(made));
    CHECK(find(made, keyring_root_key(made), "", &first) == KEY_ROOT && first.kind == KEY_ROOT);
    CHECK(find(read, keyring_root_key(made), "", &second) == KEY_ROOT);
    CHECK(strlen(first.secret) == SECRET_KEY_LEN);
    CHECK_TEXT(text_of(second.secret), first.secret);

    scoped(free) char *path = path_join(folder, "credentials");
    CHECK(stat(path, &status) == 0 && (status.st_mode & 07777) == 0600);
    remove_folder(folder);
}

TEST(two_daemons_have_different_keys)
{
    char one[64], other[64];

    make_folder(one);
    make_folder(other);
    scoped(keyring_free) struct keyring *a = open_keyring(one), *b = open_keyring(other);
    CHECK(strcmp(keyring_root_key(a), keyring_root_key(b)) != 0);
    remove_folder(one);
    remove_folder(other);
}

TEST(a_root_key_with_a_session_token_is_unknown)
{
    char folder[64];
    struct key key;

    make_folder(folder);
    scoped(keyring_free) struct keyring *keyring = open_keyring(folder);
    CHECK(find(keyring, keyring_root_key(keyring), "token", &key) == KEY_UNKNOWN);
    CHECK(key.kind == KEY_UNKNOWN && key.secret[0] == '\0');
    remove_folder(folder);
}

TEST(a_credentials_file_is_read_strictly)
{
    static const struct {
        const char *content;
        const char *error; /* after the file's name; NULL: it is fine */
    } cases[] = {
        {"[default]\naws_access_key_id = " KEY_ID "\naws_secret_access_key = " SECRET "\n", NULL},
        {"# mine\r\n[default]\r\n\r\naws_secret_access_key=" SECRET
         "\r\n;\naws_access_key_id=" KEY_ID,
         NULL},
        {"", ": 'aws_access_key_id' is missing; remove the file to get a new key"},
        {"[default]\naws_access_key_id = " KEY_ID "\n",
         ": 'aws_secret_access_key' is missing; remove the file to get a new key"},
        {"aws_access_key_id = " KEY_ID "\n", ":1: expected '[default]' first"},
        {"[default]\n[default]\n", ":2: the file has one profile, '[default]'"},
        {"[other]\n", ":1: the file has one profile, '[default]'"},
        {"[default]\nregion = us-east-1\n", ":2: 'region' is not known here"},
        {"[default]\naws_access_key_id\n", ":2: expected 'name = value'"},
        {"[default]\naws_access_key_id = " KEY_ID "\naws_access_key_id = " KEY_ID "\n",
         ":3: 'aws_access_key_id' is given twice"},
        {"[default]\naws_access_key_id = AKIAshort\n",
         ":2: 'aws_access_key_id' must be 20 capital letters and digits that do not begin with "
         "ASIA"},
        {"[default]\naws_access_key_id = ASIAIOSFODNN7EXAMPLE\n",
         ":2: 'aws_access_key_id' must be 20 capital letters and digits that do not begin with "
         "ASIA"},
        {"[default]\naws_secret_access_key = " SECRET "M\n",
         ":2: 'aws_secret_access_key' must be 40 characters without blanks"},
        {"[default]\naws_secret_access_key =\n",
         ":2: 'aws_secret_access_key' must be 40 characters without blanks"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char folder[64];
        struct error err = {0};
        struct key key;

        make_folder(folder);
        scoped(free) char *path = path_join(folder, "credentials");
        CHECK(path_write(path, text_of(cases[i].content), 0600, &err) == 0);
        scoped(keyring_free) struct keyring *keyring = keyring_open(folder, &err);
        if (cases[i].error) {
            scoped(free) char *want = mem_format("%s%s", path, cases[i].error);
            CHECK_MSG(!keyring, "case %zu was accepted", i);
            CHECK(err.code == ERROR_INVALID);
            CHECK_TEXT(text_of(err.text), want);
        } else {
            CHECK_MSG(keyring, "%s", err.text);
            CHECK(find(keyring, KEY_ID, "", &key) == KEY_ROOT);
            CHECK_TEXT(text_of(key.secret), SECRET);
        }
        remove_folder(folder);
    }
}

TEST(a_missing_data_folder_is_an_error)
{
    struct error err = {0};

    CHECK(!keyring_open("/nonexistent/evoke", &err));
    CHECK(err.code != 0 && err.text[0]);
}

TEST(an_instance_key_is_known_with_its_token_until_it_is_revoked)
{
    char folder[64];
    struct instance_key issued;
    struct key key;

    make_folder(folder);
    scoped(keyring_free) struct keyring *keyring = open_keyring(folder);
    keyring_issue(keyring, TEXT(HOLDER), &issued);
    CHECK(strlen(issued.access_key) == ACCESS_KEY_LEN);
    CHECK(strncmp(issued.access_key, "ASIA", 4) == 0);
    CHECK(strlen(issued.secret) == SECRET_KEY_LEN);
    CHECK(find(keyring, issued.access_key, issued.session_token, &key) == KEY_INSTANCE);
    CHECK(key.kind == KEY_INSTANCE);
    CHECK_TEXT(text_of(key.secret), issued.secret);
    CHECK_TEXT(text_of(key.session_token), issued.session_token);
    CHECK_TEXT(text_of(key.holder), HOLDER);

    keyring_revoke(keyring, issued.access_key);
    CHECK(find(keyring, issued.access_key, issued.session_token, &key) == KEY_UNKNOWN);
    CHECK(key.secret[0] == '\0' && key.holder[0] == '\0');
    keyring_revoke(keyring, issued.access_key); /* a second time changes nothing */
    remove_folder(folder);
}

TEST(a_token_serves_its_own_key_only)
{
    char folder[64];
    struct instance_key one, other;
    struct key key;

    make_folder(folder);
    scoped(keyring_free) struct keyring *keyring = open_keyring(folder);
    keyring_issue(keyring, TEXT(HOLDER), &one);
    keyring_issue(keyring, TEXT(HOLDER), &other);
    CHECK(strcmp(one.access_key, other.access_key) != 0);
    CHECK(strcmp(one.secret, other.secret) != 0);
    CHECK(find(keyring, one.access_key, other.session_token, &key) == KEY_UNKNOWN);
    CHECK(find(keyring, one.access_key, "", &key) == KEY_UNKNOWN);
    CHECK(find(keyring, other.access_key, other.session_token, &key) == KEY_INSTANCE);
    remove_folder(folder);
}

TEST(no_altered_character_of_key_or_token_is_accepted)
{
    char folder[64];
    struct instance_key issued;
    struct key key;

    make_folder(folder);
    scoped(keyring_free) struct keyring *keyring = open_keyring(folder);
    keyring_issue(keyring, TEXT(HOLDER), &issued);
    for (char *at = issued.session_token; *at; at++) {
        char was = *at;
        *at = was == 'x' ? 'y' : 'x';
        CHECK_MSG(find(keyring, issued.access_key, issued.session_token, &key) == KEY_UNKNOWN,
                  "character %zu of the token", (size_t)(at - issued.session_token));
        *at = was;
    }
    for (char *at = issued.access_key; *at; at++) {
        char was = *at;
        *at = was == 'Q' ? 'R' : 'Q';
        CHECK_MSG(find(keyring, issued.access_key, issued.session_token, &key) == KEY_UNKNOWN,
                  "character %zu of the key", (size_t)(at - issued.access_key));
        *at = was;
    }
    CHECK(find(keyring, issued.access_key, issued.session_token, &key) == KEY_INSTANCE);
    remove_folder(folder);
}

TEST(strange_keys_and_tokens_are_unknown)
{
    char folder[64], long_token[2000];
    struct instance_key issued;
    struct key key;

    memset(long_token, 'A', sizeof long_token);
    make_folder(folder);
    scoped(keyring_free) struct keyring *keyring = open_keyring(folder);
    keyring_issue(keyring, TEXT(HOLDER), &issued);

    const struct {
        struct text access_key, token;
    } cases[] = {
        {TEXT_NONE, TEXT_NONE},
        {TEXT("ASIA"), text_of(issued.session_token)},
        {TEXT("ASIAAAAAAAAAAAAAAAAA"), text_of(issued.session_token)},
        {TEXT("ASIA1111111111111111"), text_of(issued.session_token)},
        {TEXT("ASIA\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), text_of(issued.session_token)},
        {text_of(issued.access_key), text_from(long_token, sizeof long_token)},
        {text_of(issued.access_key), text_from(long_token, 399)},
        {text_of(issued.access_key), text_from(long_token, 40)},
        {text_of(issued.access_key), TEXT("AAAAA")},
        {text_of(issued.access_key), TEXT("====")},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_MSG(keyring_find(keyring, cases[i].access_key, cases[i].token, &key) == KEY_UNKNOWN,
                  "case %zu was accepted", i);
    remove_folder(folder);
}

TEST(keys_of_another_life_are_unknown)
{
    char folder[64];
    struct instance_key issued;
    struct key key;

    make_folder(folder);
    scoped(keyring_free) struct keyring *before = open_keyring(folder);
    scoped(keyring_free) struct keyring *after = open_keyring(folder);
    keyring_issue(before, TEXT(HOLDER), &issued);
    CHECK(find(after, issued.access_key, issued.session_token, &key) == KEY_UNKNOWN);
    remove_folder(folder);
}

TEST(the_longest_and_the_empty_holder_come_back)
{
    char folder[64], holder[200];
    struct instance_key issued;
    struct key key;

    make_folder(folder);
    scoped(keyring_free) struct keyring *keyring = open_keyring(folder);
    memset(holder, 'h', sizeof holder);
    for (size_t len = 0; len <= sizeof holder; len += sizeof holder) {
        keyring_issue(keyring, text_from(holder, len), &issued);
        CHECK(find(keyring, issued.access_key, issued.session_token, &key) == KEY_INSTANCE);
        CHECK(strlen(key.holder) == len && strspn(key.holder, "h") == len);
    }
    remove_folder(folder);
}

/* 65536 keys fit; the next one is dead and disturbs none of them. */
TEST(a_full_keyring_issues_dead_keys)
{
    enum { SLOTS = 65536 };
    char folder[64];
    struct instance_key first, issued;
    struct key key;

    make_folder(folder);
    scoped(keyring_free) struct keyring *keyring = open_keyring(folder);
    keyring_issue(keyring, TEXT(HOLDER), &first);
    for (size_t i = 1; i < SLOTS; i++)
        keyring_issue(keyring, TEXT(HOLDER), &issued);
    CHECK(find(keyring, issued.access_key, issued.session_token, &key) == KEY_INSTANCE);
    keyring_issue(keyring, TEXT(HOLDER), &issued);
    CHECK(find(keyring, issued.access_key, issued.session_token, &key) == KEY_UNKNOWN);
    CHECK(find(keyring, first.access_key, first.session_token, &key) == KEY_INSTANCE);

    keyring_revoke(keyring, issued.access_key); /* must not free another key's slot */
    keyring_issue(keyring, TEXT(HOLDER), &issued);
    CHECK(find(keyring, issued.access_key, issued.session_token, &key) == KEY_UNKNOWN);
    keyring_revoke(keyring, first.access_key);
    keyring_issue(keyring, TEXT(HOLDER), &issued);
    CHECK(find(keyring, issued.access_key, issued.session_token, &key) == KEY_INSTANCE);
    remove_folder(folder);
}
