"""Requests at a steady rate from a process of its own: ``python -m benchmarks.http_load < order.json``.

Belongs here: sending, and measuring from the moment a request was due, so that a server that falls behind
cannot hide it. Does not belong here: what is asked (``http_lookups``).

The order is one JSON object: ``port``, ``token``, ``paths`` (asked in turn), ``rate`` per second,
``seconds``, ``connections``. The answer is one: requests, failures, rate reached, percentiles in
milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    """Send one request on a kept connection and read the whole answer; returns its status."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    length = next(int(line[15:]) for line in lines if line.lower().startswith(b"content-length:"))
    await reader.readexactly(length)
    return int(lines[0].split(b" ")[1])


async def _load(order: dict[str, Any]) -> dict[str, Any]:
    host, port = "127.0.0.1", order["port"]
    requests = [
        (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {order['token']}\r\n"
            "Accept: application/json\r\n\r\n"
        ).encode()
        for path in order["paths"]
    ]
    idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(order["connections"]):
        idle.put_nowait(await asyncio.open_connection(host, port))
    spent: list[float] = []
    failed = 0

    async def one(request: bytes, due: float, counted: bool) -> None:
        nonlocal failed
        connection = await idle.get()
        status = await _ask(*connection, request)
        idle.put_nowait(connection)
        if counted:
            spent.append((time.perf_counter() - due) * 1000)
            failed += status != 200

    rate, warm = order["rate"], order["rate"]  # the first second is not counted
    began = time.perf_counter()
    tasks = set()
    for number in range(warm + int(rate * order["seconds"])):
        due = began + number / rate
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(one(requests[number % len(requests)], due, number >= warm))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    took = time.perf_counter() - began - warm / rate
    spent.sort()
    return {
        "requests": len(spent),
        "failed": failed,
        "asked per second": rate,
        "answered per second": round(len(spent) / took),
        **{
            f"p{share}_ms": round(spent[min(len(spent) - 1, int(len(spent) * share / 100))], 2)
            for share in (50, 95, 99)
        },
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_load(json.load(sys.stdin)))))
