/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/address.h"

#include "base/mem.h"
#include "guard/fields.h"

struct addresses {
    struct ranges *allow, *deny; /* NULL: not set */
    struct address_file *deny_file, *bots_file, *geo_file;
    uint16_t *allowed_countries, *denied_countries; /* each ends with 0 */
};

void addresses_free(struct addresses *addresses)
{
    if (!addresses)
        return;
    ranges_free(addresses->allow);
    ranges_free(addresses->deny);
    address_file_close(addresses->deny_file);
    address_file_close(addresses->bots_file);
    address_file_close(addresses->geo_file);
    free(addresses->allowed_countries);
    free(addresses->denied_countries);
    free(addresses);
}

static int read_networks(const json_t *part, const char *name, struct ranges **ret,
                         struct error *err)
{
    const json_t *list = NULL, *item;
    size_t i;

    if (fields_texts(part, "addresses", name, &list, err) < 0)
        return -1;
    if (!list)
        return 0;
    *ret = ranges_new();
    json_array_foreach(list, i, item)
    {
        struct error why;
        const struct text text = {json_string_value(item), json_string_length(item)};
        if (ranges_add(*ret, text, 1, &why) < 0)
            return error_set(err, ERROR_INVALID, "addresses.%s[%zu]: %s", name, i, why.text);
    }
    ranges_build(*ret);
    return 0;
}

static int read_file(const json_t *part, const char *name, enum address_file_kind kind,
                     struct address_files *files, struct address_file **ret, struct error *err)
{
    struct text path = TEXT_NONE;
    struct error why;

    if (fields_text(part, "addresses", name, &path, err) < 0)
        return -1;
    if (!text_is_set(path))
        return 0;
    if (!files)
        return error_set(err, ERROR_INVALID, "addresses.%s: there are no files here", name);
    *ret = address_file_open(files, kind, path, &why);
    return *ret ? 0 : error_set(err, why.code, "addresses.%s: %s", name, why.text);
}

static int read_country_list(const json_t *countries, const char *name, uint16_t **ret,
                             struct error *err)
{
    const json_t *list = NULL, *item;
    size_t i;

    if (fields_texts(countries, "addresses.countries", name, &list, err) < 0)
        return -1;
    if (!list)
        return 0;
    *ret = mem_zalloc((json_array_size(list) + 1) * sizeof **ret);
    json_array_foreach(list, i, item)
    {
        (*ret)[i] = address_country(text_of(json_string_value(item)));
        if (!(*ret)[i])
            return error_set(err, ERROR_INVALID,
                             "addresses.countries.%s[%zu] must be a country of two letters", name,
                             i);
    }
    return 0;
}

static int read_countries(const json_t *part, struct addresses *addresses, struct error *err)
{
    static const char *const names[] = {"allow", "deny", NULL};
    const json_t *countries = json_object_get(part, "countries");

    if (!countries)
        return 0;
    if (fields_check(countries, "addresses.countries", names, err) < 0)
        return -1;
    if (!addresses->geo_file)
        return error_set(err, ERROR_INVALID,
                         "addresses.countries needs addresses.geo-file beside it");
    if (read_country_list(countries, "allow", &addresses->allowed_countries, err) < 0)
        return -1;
    return read_country_list(countries, "deny", &addresses->denied_countries, err);
}

struct addresses *addresses_compile(const json_t *part, struct address_files *files,
                                    struct error *err)
{
    static const char *const names[] = {"allow",    "deny",      "deny-file", "bots-file",
                                        "geo-file", "countries", NULL};
    scoped(addresses_free) struct addresses *addresses = mem_new(struct addresses);

    if (fields_check(part, "addresses", names, err) < 0 ||
        read_networks(part, "allow", &addresses->allow, err) < 0 ||
        read_networks(part, "deny", &addresses->deny, err) < 0 ||
        read_file(part, "deny-file", ADDRESS_FILE_NETWORKS, files, &addresses->deny_file, err) <
            0 ||
        read_file(part, "bots-file", ADDRESS_FILE_PHRASES, files, &addresses->bots_file, err) < 0 ||
        read_file(part, "geo-file", ADDRESS_FILE_COUNTRIES, files, &addresses->geo_file, err) < 0 ||
        read_countries(part, addresses, err) < 0)
        return NULL;
    return take(addresses);
}

static bool is_among(uint16_t country, const uint16_t *countries)
{
    for (; *countries; countries++)
        if (*countries == country)
            return true;
    return false;
}

static bool may_country(const struct addresses *addresses, uint16_t country)
{
    if (addresses->denied_countries && is_among(country, addresses->denied_countries))
        return false;
    return !addresses->allowed_countries || is_among(country, addresses->allowed_countries);
}

enum address_verdict addresses_check(const struct addresses *addresses,
                                     const struct sockaddr_storage *peer, struct text user_agent)
{
    address_number address = 0;
    bool has_address = ranges_address(peer, &address);

    if (addresses->deny && has_address && ranges_find(addresses->deny, address))
        return ADDRESS_DENIED;
    if (addresses->deny_file && has_address && address_file_find(addresses->deny_file, address))
        return ADDRESS_DENIED_BY_FILE;
    if (addresses->allow && !(has_address && ranges_find(addresses->allow, address)))
        return ADDRESS_NOT_ALLOWED;
    if (addresses->geo_file &&
        !may_country(addresses, has_address ? address_file_find(addresses->geo_file, address) : 0))
        return ADDRESS_COUNTRY;
    if (addresses->bots_file && address_file_match(addresses->bots_file, user_agent))
        return ADDRESS_BOT;
    return ADDRESS_PASS;
}
