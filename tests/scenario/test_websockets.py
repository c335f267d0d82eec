# SPDX-License-Identifier: Apache-2.0
"""WebSocket APIs: a real client on one side, functions and boto3 on the other."""
import json
import urllib.parse

import botocore.exceptions
import pytest
import websocket

from chat import Chat


@pytest.fixture(scope="module")
def chat(tmp_path_factory):
    from evoke_daemon import Daemon

    daemon = Daemon(tmp_path_factory.mktemp("sockets") / "data", "--shards", 2).start()
    try:
        yield Chat(daemon)
    finally:
        daemon.stop()


def test_a_message_runs_the_route_that_it_selects(chat):
    client = chat.open("?mark=ann")
    connect = chat.connected("ann")
    client.send(json.dumps({"action": "echo", "text": "hi"}))
    assert json.loads(client.recv()[len("echo "):]) == {"action": "echo", "text": "hi"}
    message = chat.heard("MESSAGE")

    at = connect["requestContext"]
    assert connect["queryStringParameters"] == {"mark": "ann"}
    assert connect["multiValueQueryStringParameters"] == {"mark": ["ann"]}
    assert at["routeKey"] == "$connect" and at["apiId"] == chat.api and at["stage"] == "dev"
    assert at["requestId"] == at["extendedRequestId"]
    assert len(at["connectionId"]) == 16 and at["connectionId"].endswith("=")
    assert at["connectedAt"] <= at["requestTimeEpoch"] and at["messageDirection"] == "IN"
    assert "body" not in connect and connect["isBase64Encoded"] is False
    assert message["requestContext"]["connectionId"] == at["connectionId"]
    assert message["requestContext"]["routeKey"] == "echo"
    assert message["requestContext"]["messageId"]
    assert "headers" not in message
    client.close()


def test_the_end_of_a_connection_is_told(chat):
    client = chat.open("?mark=first")
    connect = chat.connected("first")
    client.close(status=4001, reason=b"done")
    event = chat.disconnected(connect)
    assert event["requestContext"]["disconnectStatusCode"] == 4001
    assert event["requestContext"]["disconnectReason"] == "done"

    client = chat.open("?mark=second")
    connect = chat.connected("second")
    client.sock.close()
    assert chat.disconnected(connect)["requestContext"]["disconnectStatusCode"] == 1006


@pytest.mark.parametrize("query, status", [("?status=403", 403), ("?status=401", 401),
                                           ("?fail=1", 502)])
def test_a_connection_can_be_refused(chat, query, status):
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        chat.open(query)
    assert caught.value.status_code == status


def test_a_subprotocol_is_agreed_on(chat):
    client = chat.open("?protocol=1", subprotocols=["chat", "other"])
    assert client.subprotocol == "chat"
    client.close()


def test_what_selects_nothing_is_an_error(chat):
    client = chat.open()
    for message in ('{"action": "unknown"}', "no JSON", '{"action": "$connect"}', "{}"):
        client.send(message)
        error = json.loads(client.recv())
        assert error["message"] == "Forbidden" and error["connectionId"] and error["requestId"]
    client.send('{"action": "break"}')
    assert json.loads(client.recv())["message"] == "Internal server error"
    client.close()


def test_functions_and_others_reach_a_connection_by_its_id(chat):
    """Sixteen connections on two shards: each is reached, whichever shard is asked."""
    chat.daemon.boto("sqs").purge_queue(QueueUrl=chat.queue)
    clients = [chat.open() for _ in range(16)]
    ids = []
    for client in clients:
        client.send('{"action": "post"}')
        assert client.recv() == "posted"
        ids.append(chat.heard("MESSAGE")["requestContext"]["connectionId"])
    assert len(set(ids)) == 16
    for number, (client, connection) in enumerate(zip(clients, ids)):
        chat.manage().post_to_connection(ConnectionId=connection, Data=f"to {number}".encode())
        assert client.recv() == f"to {number}"
    chat.manage().post_to_connection(ConnectionId=ids[1], Data=b"\xff no text")
    assert clients[1].recv_data() == (websocket.ABNF.OPCODE_BINARY, b"\xff no text")
    shown = chat.manage().get_connection(ConnectionId=ids[0])
    assert shown["Identity"]["SourceIp"] == "127.0.0.1"
    assert shown["ConnectedAt"] <= shown["LastActiveAt"]
    chat.manage().delete_connection(ConnectionId=ids[0])
    assert clients[0].recv_data()[0] == websocket.ABNF.OPCODE_CLOSE
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        chat.manage().post_to_connection(ConnectionId=ids[0], Data=b"late")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 410
    for client in clients[1:]:
        client.close()


def test_connections_are_managed_by_signed_requests_only(chat):
    client = chat.open("?mark=managed")
    connection = chat.connected("managed")["requestContext"]["connectionId"]
    path = f"/apis/{chat.api}/dev/@connections/{urllib.parse.quote(connection)}"
    status, _, body = chat.daemon.get(path, method="POST", body=b"forged")
    assert status == 403, body
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        chat.manage().post_to_connection(ConnectionId="short", Data=b"x")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        chat.manage().post_to_connection(ConnectionId=connection, Data=b"x" * 131073)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    client.ping("are you there")
    assert client.recv_data(control_frame=True) == (websocket.ABNF.OPCODE_PONG, b"are you there")
    client.close()


def test_frames_are_held_to_the_limits(chat):
    client = chat.open()
    client.send(b"raw", opcode=websocket.ABNF.OPCODE_BINARY)
    opcode, frame = client.recv_data()
    assert (opcode, frame[:2]) == (websocket.ABNF.OPCODE_CLOSE, (1003).to_bytes(2, "big"))
    client = chat.open()
    client.send("x" * (33 << 10))
    opcode, frame = client.recv_data()
    assert (opcode, frame[:2]) == (websocket.ABNF.OPCODE_CLOSE, (1009).to_bytes(2, "big"))


def test_a_request_that_is_no_handshake_is_told_so(chat):
    status, headers, _ = chat.daemon.get(f"/apis/{chat.api}/dev")
    assert status == 426 and headers["sec-websocket-version"] == "13"
    assert (headers["upgrade"], headers["connection"]) == ("websocket", "Upgrade")
    status, _, _ = chat.daemon.get(f"/apis/{chat.api}/dev/deeper")
    assert status == 404


def test_a_silent_client_is_told_goodbye(make_daemon):
    client = Chat(make_daemon("--websocket-idle", 1)).open()
    opcode, frame = client.recv_data()
    assert (opcode, frame[:2]) == (websocket.ABNF.OPCODE_CLOSE, (1001).to_bytes(2, "big"))


def test_a_stopping_daemon_says_goodbye(make_daemon):
    daemon = make_daemon()
    chat = Chat(daemon)
    busy = chat.open()
    busy.send('{"action": "echo"}')
    busy.recv()
    daemon.stop()
    opcode, frame = busy.recv_data()
    assert (opcode, frame[:2]) == (websocket.ABNF.OPCODE_CLOSE, (1001).to_bytes(2, "big"))
