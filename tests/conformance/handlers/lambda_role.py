# SPDX-License-Identifier: Apache-2.0
"""Who the function is, as STS sees it. The endpoint is told because a boto3 as old as
Debian's does not read AWS_ENDPOINT_URL."""
import os

import boto3


def handler(event, context):
    sts = boto3.client("sts", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    identity = sts.get_caller_identity()
    return {key: identity[key] for key in ("Account", "Arn", "UserId")}
