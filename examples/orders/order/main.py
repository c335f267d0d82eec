# SPDX-License-Identifier: Apache-2.0
"""Takes an order and says that it was placed."""
import json

import boto3


def handler(order, _context):
    boto3.client("events").put_events(Entries=[{
        "EventBusName": "orders", "Source": "shop.order", "DetailType": "placed",
        "Detail": json.dumps(order)}])
    return {"accepted": order["id"]}
