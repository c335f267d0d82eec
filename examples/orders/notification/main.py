# SPDX-License-Identifier: Apache-2.0
"""Tells the customer."""


def handler(event, _context):
    order = event["detail"]
    print(f"order {order['id']}: parcel {order['parcel']} is on its way")
