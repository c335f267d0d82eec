import os


def handler(event, context):
    """Called once for each event: an HTTP request to its URL, or what `evoke invoke` sends."""
    query = event.get("queryStringParameters") or {}
    name = query.get("name") or event.get("name") or "world"

    print(f"greeting {name}")
    return {"message": f"{os.environ['GREETING']}, {name}"}
