/* SPDX-License-Identifier: Apache-2.0 */
#include "api/events_priv.h"

/* What AWS's EventBridge has and Evoke does not serve yet: known by name, so that the answer says
 * which action is missing. */

#define NOT_YET EVENTS, PLACE_SHARD, NULL, NULL, NULL

const struct action events_unserved_actions[] = {
    {"ActivateEventSource", NOT_YET},
    {"CreateEndpoint", NOT_YET},
    {"CreatePartnerEventSource", NOT_YET},
    {"DeactivateEventSource", NOT_YET},
    {"DeleteEndpoint", NOT_YET},
    {"DeletePartnerEventSource", NOT_YET},
    {"DescribeEndpoint", NOT_YET},
    {"DescribeEventSource", NOT_YET},
    {"DescribePartnerEventSource", NOT_YET},
    {"ListEndpoints", NOT_YET},
    {"ListEventSources", NOT_YET},
    {"ListPartnerEventSourceAccounts", NOT_YET},
    {"ListPartnerEventSources", NOT_YET},
    {"PutPartnerEvents", NOT_YET},
    {"UpdateEndpoint", NOT_YET},
    {0},
};
