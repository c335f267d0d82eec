# SPDX-License-Identifier: Apache-2.0
"""Sends the parcel."""
import json

import boto3


def handler(event, _context):
    parcel = {**event["detail"], "parcel": f"P-{event['detail']['id']}"}
    boto3.client("events").put_events(Entries=[{
        "EventBusName": "orders", "Source": "shop.shipping", "DetailType": "sent",
        "Detail": json.dumps(parcel)}])
