# SPDX-License-Identifier: Apache-2.0
"""Reserved concurrency: the most that one function may run at a time."""
import threading

import pytest
from botocore.exceptions import ClientError

WAITER = {"main.py": """
def handler(event, context):
    import time
    time.sleep(event.get('seconds', 0))
    return 'done'
"""}


def test_reserved_concurrency_is_an_upper_limit(daemon):
    daemon.create("limited", WAITER)
    client = daemon.boto("lambda")
    client.put_function_concurrency(FunctionName="limited", ReservedConcurrentExecutions=1)
    assert client.get_function(FunctionName="limited")["Concurrency"] == {
        "ReservedConcurrentExecutions": 1}
    assert daemon.invoke("limited")[0] == "done"

    outcomes = []

    def call():
        try:
            outcomes.append(daemon.invoke("limited", {"seconds": 1})[0])
        except ClientError as refused:
            outcomes.append(refused.response["Reason"])

    # More calls than one instance can run one after the other before the first has ended.
    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("done") >= 1
    assert outcomes.count("ReservedFunctionConcurrentInvocationLimitExceeded") >= 1
    # What was refused holds nothing.
    assert daemon.invoke("limited")[0] == "done"


def test_without_any_reserved_concurrency_nothing_runs(daemon):
    daemon.create("stopped", WAITER)
    client = daemon.boto("lambda")
    client.put_function_concurrency(FunctionName="stopped", ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        daemon.invoke("stopped")
    client.delete_function_concurrency(FunctionName="stopped")
    assert daemon.invoke("stopped")[0] == "done"


def test_reservations_leave_room_for_other_functions(daemon):
    daemon.create("greedy", WAITER)
    client = daemon.boto("lambda")
    with pytest.raises(ClientError) as refused:
        client.put_function_concurrency(FunctionName="greedy", ReservedConcurrentExecutions=950)
    assert "below its minimum value of [100]" in str(refused.value)
    unreserved = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    client.put_function_concurrency(FunctionName="greedy",
                                    ReservedConcurrentExecutions=unreserved - 100)
    limits = client.get_account_settings()["AccountLimit"]
    assert limits["UnreservedConcurrentExecutions"] == 100
    client.delete_function(FunctionName="greedy")
