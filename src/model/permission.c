/* SPDX-License-Identifier: Apache-2.0 */
#include "model/permission.h"

#include "base/scoped.h"

/* A condition that what is asked says nothing of is not met. */
static bool meets(const char *condition, struct text value)
{
    return !*condition || (value.len > 0 && text_is_like(value, text_of(condition)));
}

static bool equals(const char *condition, struct text value)
{
    return !*condition || text_equal(text_of(condition), value);
}

static bool is_principal(struct text principal, const struct permission_ask *ask)
{
    const struct text names[] = {TEXT("*"), ask->service, ask->role, ask->session};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (names[i].len > 0 && text_equal(principal, names[i]))
            return true;
    return false;
}

static bool applies(const struct permission *permission, const struct permission_ask *ask)
{
    bool by_url = text_is_set(ask->url_auth_type);

    return equals(permission->qualifier, ask->qualifier) &&
           is_principal(text_of(permission->principal), ask) &&
           text_is_like(ask->action, text_of(permission->action)) &&
           meets(permission->source_arn, ask->source_arn) &&
           equals(permission->source_account, ask->source_account) &&
           equals(permission->function_url_auth_type, ask->url_auth_type) &&
           (!permission->has_invoked_via_function_url ||
            permission->invoked_via_function_url == by_url) &&
           !*permission->event_source_token && !*permission->principal_org_id;
}

bool permission_lets(const struct function *function, const struct permission_ask *ask)
{
    for (size_t i = 0; i < function->permission_count; i++)
        if (applies(&function->permissions[i], ask))
            return true;
    return false;
}
