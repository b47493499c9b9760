"""The router: who answers, how many at once, what happens when there is no room."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from greenlang_assets.core.errors import GreenlangError
from registry_ops.runtime.router import Router, WorkerKey


class Hall:
    """Makes workers that note who works at once."""

    def __init__(self) -> None:
        self.made: list[Waiter] = []
        self.lock = threading.Lock()
        self.at_once = self.most_at_once = 0

    def start(self) -> Waiter:
        worker = Waiter(self)
        self.made.append(worker)
        return worker

    @property
    def open(self) -> int:
        return sum(not worker.closed for worker in self.made)


class Waiter:
    """Answers after the seconds that it is told; keeps whose inputs it saw."""

    def __init__(self, hall: Hall) -> None:
        self.hall, self.closed, self.seen = hall, 0, []  # type: ignore[var-annotated]

    def call(self, inputs: Any, timeout_s: float | None = None) -> dict[str, Any]:
        assert not self.closed
        with self.hall.lock:
            self.hall.at_once += 1
            self.hall.most_at_once = max(self.hall.most_at_once, self.hall.at_once)
        self.seen.append(inputs.get("who"))
        time.sleep(inputs.get("seconds", 0))
        with self.hall.lock:
            self.hall.at_once -= 1
        return {"outputs": dict(inputs)}

    def request(self, message: Mapping[str, Any], timeout_s: float | None = None) -> dict[str, Any]:
        raise NotImplementedError

    def log(self) -> str:
        return ""

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def hall() -> Hall:
    return Hall()


A, B, C = (WorkerKey("t", letter * 64) for letter in "abc")


def test_a_worker_serves_one_tenant_and_one_artefact_for_life(hall: Hall) -> None:
    router = Router()
    keys = {
        "one": WorkerKey("one", "a" * 64),
        "two": WorkerKey("two", "a" * 64),
        "b": WorkerKey("one", "b" * 64),
    }
    for _ in range(3):
        for who, key in keys.items():
            router.call(key, hall.start, {"who": who}, timeout_s=1)
    assert [set(worker.seen) for worker in hall.made] == [{"one"}, {"two"}, {"b"}]


def test_no_more_workers_of_one_agent_than_allowed_and_everybody_is_answered(hall: Hall) -> None:
    router = Router(per_agent=3)
    with ThreadPoolExecutor(12) as pool:
        answers = list(
            pool.map(
                lambda n: router.call(A, hall.start, {"n": n, "seconds": 0.01}, timeout_s=5)["outputs"]["n"],
                range(60),
            )
        )
    assert answers == list(range(60))
    assert hall.most_at_once <= 3
    assert len(hall.made) == router.workers() <= 3


def test_who_waits_too_long_is_told_to_come_back(hall: Hall) -> None:
    router = Router(per_agent=1)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(router.call, A, hall.start, {"seconds": 0.5}, timeout_s=5)
        time.sleep(0.1)
        with pytest.raises(GreenlangError) as caught:
            router.call(A, hall.start, {}, timeout_s=0.05)
        assert caught.value.code == "ROUTER_BUSY"
        slow.result()
    assert router.call(A, hall.start, {"x": 1}, timeout_s=1) == {"outputs": {"x": 1}}


def test_the_agent_that_was_called_longest_ago_makes_room(hall: Hall) -> None:
    router = Router(most=2)
    for key in (A, B, A, C):
        router.call(key, hall.start, {}, timeout_s=1)
    assert [worker.closed for worker in hall.made] == [0, 1, 0], "B was called longest ago"
    assert router.workers() == hall.open == 2


def test_when_all_are_answering_there_is_no_room(hall: Hall) -> None:
    router = Router(most=1)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(router.call, A, hall.start, {"seconds": 0.3}, timeout_s=5)
        time.sleep(0.1)
        with pytest.raises(GreenlangError) as caught:
            router.call(B, hall.start, {}, timeout_s=1)
        assert caught.value.code == "ROUTER_BUSY"
        slow.result()


def test_a_start_that_fails_takes_up_no_room(hall: Hall) -> None:
    router = Router(most=1, per_agent=1)

    def refused() -> Waiter:
        raise GreenlangError("CERTIFICATE_DIGEST", "no")

    for _ in range(3):
        with pytest.raises(GreenlangError, match="CERTIFICATE_DIGEST"):
            router.call(A, refused, {}, timeout_s=1)
    assert router.workers() == 0
    router.call(A, hall.start, {}, timeout_s=1)


def test_closing_ends_idle_workers_now_and_busy_ones_after_their_answer(hall: Hall) -> None:
    router = Router()
    router.warm(B, hall.start)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(router.call, A, hall.start, {"seconds": 0.3}, timeout_s=5)
        time.sleep(0.1)
        router.close()
        assert hall.made[0].closed == 1
        assert slow.result() == {"outputs": {"seconds": 0.3}}
    assert [worker.closed for worker in hall.made] == [1, 1]
    assert router.workers() == 0
