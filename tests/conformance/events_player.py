# SPDX-License-Identifier: Apache-2.0
"""Plays recorded cases of EventBridge: what a player of Lambda's cases does, and the set-up
steps, services and spellings that belong to events."""
import datetime
import json
import re
import time
import uuid

import player

ACCOUNT, REGION = player.ACCOUNT, player.REGION
DEADLINE_S = 60  # for what never comes

# What these allowed is allowed here without.
PERMISSIONS = {("iam", "create_role"), ("iam", "put_role_policy"), ("logs", "put_resource_policy"),
               ("$fixture", "create_role_event_bus_source_to_bus_target")}
FIXTURES = {"create_api_destination", "create_connection", "create_lambda_function",
            "events_create_archive", "events_create_default_or_custom_event_bus",
            "events_create_event_bus", "events_log_group", "events_put_rule",
            "put_events_with_filter_to_sqs", "sqs_as_events_target", "sqs_create_queue",
            "sqs_get_queue_arn"}
SERVICES = {"events": "AWSEvents.", "sqs": "AmazonSQS.", "logs": "Logs_20140328."}
# Values the recordings' fixtures knew by name.
NAMES = {"connection_name", "destination_name", "secondary_account_id"}


def why_not(case):
    """None, or why this case cannot be played here."""
    if not case["matches"]:
        return "unplayable: no answer belongs to a call"
    if "regions1" in case["test"]:
        return "unplayable: needs a second region"
    if "test_put_target_id_validation" in case["test"]:
        return "unplayable: an id of 65 characters was recorded as a shorter one"
    reasons = [_why_not_call(call) for call in case["calls"]]
    return next((reason for reason in reasons if reason), None)


def _why_not_call(call):
    service, op = call["service"], call["op"]
    if (service, op) in PERMISSIONS or (service == "$fixture" and op in FIXTURES):
        return None
    if service == "$fixture":
        return f"unplayable: {op} needs a second account or region"
    if service not in SERVICES and (service, op) != ("lambda_", "add_permission"):
        return f"other service: {service}.{op}"
    return None


class Player(player.Player):
    def __init__(self, daemon):
        super().__init__(daemon)
        self.names = {name: f"{name.replace('_', '-')}-{uuid.uuid4().hex[:8]}" for name in NAMES}
        self.names["secondary_account_id"] = "222222222222"
        self.buses, self.rules, self.archives, self.called = [], [], [], {}
        self.function = None

    def close(self):
        for bus, rule in self.rules:
            targets = self.send("events", "list_targets_by_rule", {"Rule": rule, "EventBusName": bus})
            ids = [target["Id"] for target in targets.get("Targets", [])]
            if ids:
                self.send("events", "remove_targets",
                          {"Rule": rule, "EventBusName": bus, "Ids": ids})
            self.send("events", "delete_rule", {"Name": rule, "EventBusName": bus})
        for name in self.archives:
            self.send("events", "delete_archive", {"ArchiveName": name})
        for name in self.buses:
            self.send("events", "delete_event_bus", {"Name": name})
        super().close()

    # --- calls ---

    def send(self, service, op, params):
        if service == "lambda_":
            return normal(self.client.call(op, params))
        name = "".join(word.capitalize() for word in op.split("_"))
        answer = self.client.call_target(service, SERVICES[service] + name, params,
                                         "1.0" if service == "sqs" else "1.1")
        return normal(answer)

    def _call(self, call, awaited=None):
        service, op = call["service"], call["op"]
        params = self._fill(call["params"])
        if (service, op) in PERMISSIONS:
            arn = f"arn:aws:iam::{ACCOUNT}:role/any"
            return {"Role": {"Arn": arn}, "RoleArn": arn} if op == "create_role" else arn
        if service == "$fixture":
            answer = getattr(self, op)(params, self._fill(call.get("args", [])))
        else:
            answer = self._settled(service, op, params)
        if not isinstance(answer, dict):
            return answer
        assert ("Error" in answer) == bool(call.get("expect_error")), f"{op}: {answer}"
        self.called[call["id"]] = (service, op, params)
        self._remember(op, params)
        return {"error": answer} if "Error" in answer else answer

    def _remember(self, op, params):
        """What is to be taken away afterwards."""
        if op in ("put_rule", "events_put_rule"):
            self.rules.append((params.get("EventBusName", "default"), params.get("Name")))
        if op == "create_event_bus":
            self.buses.append(params["Name"])

    def _settled(self, service, op, params):
        """Answers that the recording waited for: a message, the end of a replay."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            answer = self.send(service, op, params)
            waiting = ((op == "receive_message" and not answer.get("Messages")) or
                       (op == "describe_replay" and answer.get("State") in ("STARTING", "RUNNING"))
                       or (op == "describe_log_streams" and not answer.get("logStreams")))
            if not waiting or time.monotonic() > deadline or "delivery_failure" in self.test:
                return answer
            time.sleep(0.02)

    def again(self, call_id):
        """The answer of that call by now, for reads that follow what is still under way."""
        service, op, params = self.called[call_id]
        if not op.startswith(("describe_", "list_")):
            return None
        return self.send(service, op, params)

    def play(self, case):
        self.test = case["test"]
        return super().play(case)

    # --- set-up steps ---

    def events_create_event_bus(self, params, _args):
        params.setdefault("Name", f"test-bus-{uuid.uuid4().hex[:8]}")
        self.buses.append(params["Name"])
        return self.send("events", "create_event_bus", params)

    def events_create_default_or_custom_event_bus(self, _params, args):
        if args[0] == "default":
            return ["default", f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"]
        name = f"test-bus-{uuid.uuid4().hex[:8]}"
        return [name, self.events_create_event_bus({"Name": name}, [])["EventBusArn"]]

    def events_create_archive(self, params, _args):
        params.setdefault("ArchiveName", f"test-archive-{uuid.uuid4().hex[:8]}")
        params.setdefault("EventSourceArn", f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default")
        self.archives.append(params["ArchiveName"])
        return self.send("events", "create_archive", params)

    def events_put_rule(self, params, _args):
        params.setdefault("Name", f"rule-{uuid.uuid4().hex[:8]}")
        return self.send("events", "put_rule", params)

    def create_connection(self, _params, args):
        if len(args) == 1:
            args = [args[0]["type"], {args[0]["key"]: args[0]["parameters"]}]
        return self.send("events", "create_connection",
                         {"Name": self.names["connection_name"], "AuthorizationType": args[0],
                          "AuthParameters": args[1]})

    def create_api_destination(self, params, _args):
        return self.send("events", "create_api_destination",
                         {"Name": self.names["destination_name"], **params})

    def events_log_group(self, _params, _args):
        name = f"/aws/events/{uuid.uuid4().hex[:8]}"
        return {"log_group_name": name,
                "log_group_arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"}

    def sqs_create_queue(self, params, _args):
        params.setdefault("QueueName", f"queue-{uuid.uuid4().hex[:8]}")
        answer = self.send("sqs", "create_queue", params)
        assert "QueueUrl" in answer, answer
        return answer["QueueUrl"]

    @staticmethod
    def sqs_get_queue_arn(_params, args):
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{args[0].rsplit('/', 1)[-1]}"

    def sqs_as_events_target(self, _params, _args):
        url = self.sqs_create_queue({}, [])
        return [url, self.sqs_get_queue_arn({}, [url])]

    def create_lambda_function(self, params, args):
        self.function = params["func_name"]
        return super().create_lambda_function(params, args)

    def put_events_with_filter_to_sqs(self, params, _args):
        bus = params.get("event_bus_name") or self.events_create_event_bus({}, []) and self.buses[-1]
        rule, (url, arn) = f"rule-{uuid.uuid4().hex[:8]}", self.sqs_as_events_target({}, [])
        target = {"Id": "target", "Arn": arn}
        if params.get("input_path"):
            target["InputPath"] = params["input_path"]
        if params.get("input_transformer"):
            target["InputTransformer"] = params["input_transformer"]
        self.rules.append((bus, rule))
        self.send("events", "put_rule", {"Name": rule, "EventBusName": bus,
                                         "EventPattern": json.dumps(params["pattern"])})
        self.send("events", "put_targets", {"Rule": rule, "EventBusName": bus, "Targets": [target]})
        messages = []
        for entries, should_match, *_rest in params["entries_asserts"]:
            entries = [{**entry, "EventBusName": bus} for entry in entries]
            put = self.send("events", "put_events", {"Entries": entries})
            assert put["FailedEntryCount"] == 0, put
            if should_match:
                messages += self._receive(url, len(entries))
            else:
                self._must_stay_empty(bus, url)
        return messages

    def _receive(self, url, count):
        messages, deadline = [], time.monotonic() + DEADLINE_S
        while len(messages) < count and time.monotonic() < deadline:
            answer = self.send("sqs", "receive_message",
                               {"QueueUrl": url, "WaitTimeSeconds": 1, "MaxNumberOfMessages": 10})
            for message in answer.get("Messages", []):
                self.send("sqs", "delete_message",
                          {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]})
                messages.append(message)
        assert len(messages) == count, messages
        return messages

    def _must_stay_empty(self, _bus, url):
        """What was put before this question was asked is there, or never comes: events are
        accepted with all that follows from them."""
        answer = self.send("sqs", "receive_message", {"QueueUrl": url, "WaitTimeSeconds": 1})
        assert not answer.get("Messages"), answer

    # --- values ---

    def _fill(self, value):
        if isinstance(value, dict) and set(value) == {"$dt"}:
            return datetime.datetime.fromisoformat(value["$dt"]).timestamp()
        return super()._fill(value)

    def _look_up(self, path):
        name = path.split(".", 1)[0]
        if name in self.names:
            return self.names[name]
        if path.startswith("any:") and "check_expected_lambda_log_events_length" in path:
            return self._logged_events()
        return super()._look_up(path)

    def _logged_events(self):
        """The events that the function of the case printed."""
        wanted, deadline = len(self.wanted_events), time.monotonic() + DEADLINE_S
        while True:
            answer = self.client.call("filter_log_events",
                                      {"logGroupName": f"/aws/lambda/{self.function}"})
            events = [json.loads(line["message"]) for line in answer.get("events", [])
                      if line["message"].startswith("{")]
            if len(events) >= wanted or time.monotonic() > deadline:
                return normal(events)
            time.sleep(0.05)

    def _match(self, case, match, last):
        label, expected = match["label"], case["expected"][match["label"]]
        self.wanted_events = expected
        if "check_expected_lambda_log_events_length" in str(match["value"]):
            return label, _by_source(expected), _by_source(self._logged_events())
        if isinstance(expected, dict) and "exception_message" in expected:
            return label, _exception(expected["exception_message"]), last["error"]
        label, expected, actual = super()._match(case, match, last)
        return label, _readable(expected), actual


def normal(answer):
    """As the recordings hold it: documents within strings parsed."""
    if isinstance(answer, list):
        return [normal(one) for one in answer]
    if not isinstance(answer, dict):
        return answer
    return {key: _normal_member(key, value) for key, value in answer.items()}


def _normal_member(key, value):
    if key in ("EventPattern", "Body", "Policy", "message") and isinstance(value, str):
        try:
            parsed = json.loads(value)
        except ValueError:
            return value
        return parsed if isinstance(parsed, (dict, list)) else value
    return normal(value)



def _by_source(events):
    """Events in no order: each has an id of its own, so that placeholders say nothing."""
    return sorted(({**event, "id": "id"} for event in events), key=lambda event: event["source"])


def _readable(expected):
    """Spellings of placeholders that other recordings have not."""
    text = json.dumps(expected)
    text = re.sub(r"<<([a-z-]+)>:(\d+)>", r"<\1:\2>", text)
    text = re.sub(r'"(target-(arn|id)(-one|-two)?)"', r'"<\1>"', text)
    return json.loads(text.replace("at time date,", "at time <date>,"))


def _exception(expected):
    """An error whose text was recorded with its place in the source, and shortened beside."""
    error = dict(expected["Error"])
    error["Message"] = error.pop("MessageRaw", error["Message"])
    return {**expected, "Error": error}
