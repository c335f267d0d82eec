# SPDX-License-Identifier: Apache-2.0
"""What the function knows of itself."""
import os


def handler(event, context):
    return {
        "function_name": context.function_name,
        "function_version": context.function_version,
        "init_type": os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE"),
    }
