# SPDX-License-Identifier: Apache-2.0
"""Reserved concurrency: the most that one function may run at a time."""
import concurrent.futures

import pytest
from botocore.exceptions import ClientError

from gate import PYTHON as GATED, Gate

WAITER = {"main.py": GATED + """
def handler(event, context):
    if event.get('waits'):
        at_gate()
    return 'done'
"""}


def test_reserved_concurrency_is_an_upper_limit(daemon):
    client = daemon.boto("lambda")
    with Gate() as gate, concurrent.futures.ThreadPoolExecutor() as pool:
        daemon.create("limited", {**WAITER, **gate.files}, Timeout=60, Environment=gate.environment)
        client.put_function_concurrency(FunctionName="limited", ReservedConcurrentExecutions=1)
        assert client.get_function(FunctionName="limited")["Concurrency"] == {
            "ReservedConcurrentExecutions": 1}
        assert daemon.invoke("limited")[0] == "done"
        running = pool.submit(daemon.invoke, "limited", {"waits": True})
        gate.wait()
        for _ in range(3):
            with pytest.raises(ClientError) as refused:
                daemon.invoke("limited")
            assert (refused.value.response["Reason"]
                    == "ReservedFunctionConcurrentInvocationLimitExceeded")
        gate.open()
        assert running.result()[0] == "done"
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
