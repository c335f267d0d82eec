/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_priv.h"

/* What API Gateway has and Evoke does not: told by name rather than "no such path". */

/* clang-format off */
#define UNSERVED(name, method, path)                                                               \
    {name, APIGATEWAY, method, path, BODY_NONE, 0, ACCESS_SIGNED, PLACE_SHARD, NULL, NULL, NULL}

const struct action apigateway_unserved_actions[] = {
    UNSERVED("CreateVpcLink", METHOD_POST, "/v2/vpclinks"),
    UNSERVED("GetVpcLinks", METHOD_GET, "/v2/vpclinks"),
    UNSERVED("GetVpcLink", METHOD_GET, "/v2/vpclinks/{vpcLinkId}"),
    UNSERVED("UpdateVpcLink", METHOD_PATCH, "/v2/vpclinks/{vpcLinkId}"),
    UNSERVED("DeleteVpcLink", METHOD_DELETE, "/v2/vpclinks/{vpcLinkId}"),
    UNSERVED("GetModelTemplate", METHOD_GET, "/v2/apis/{apiId}/models/{modelId}/template"),
    UNSERVED("CreateRestApi", METHOD_POST, "/restapis"),
    UNSERVED("ImportRestApi", METHOD_PUT, "/restapis"),
    UNSERVED("GetRestApis", METHOD_GET, "/restapis"),
    UNSERVED("GetRestApi", METHOD_GET, "/restapis/{restapi_id}"),
    UNSERVED("DeleteRestApi", METHOD_DELETE, "/restapis/{restapi_id}"),
    UNSERVED("GetAccount", METHOD_GET, "/account"),
    UNSERVED("UpdateAccount", METHOD_PATCH, "/account"),
    UNSERVED("CreateVpcLink", METHOD_POST, "/vpclinks"),
    UNSERVED("GetVpcLinks", METHOD_GET, "/vpclinks"),
    UNSERVED("CreateDomainName", METHOD_POST, "/domainnames"),
    UNSERVED("GetDomainNames", METHOD_GET, "/domainnames"),
    {0},
};
/* clang-format on */
