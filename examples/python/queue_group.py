"""A queue group: each message goes to one of the members, whichever is free.

PYTHONPATH=bindings/python/python python3 examples/python/queue_group.py
"""

from concurrent.futures import ThreadPoolExecutor

import neo_protocol


def unload(bags: neo_protocol.Subscription) -> int:
    return sum(1 for _ in bags)


with neo_protocol.open("mem://") as kernel, ThreadPoolExecutor() as threads:
    members = [
        threads.submit(unload, kernel.subscribe("bags.*", group="belt")) for _ in range(3)
    ]
    for bag in range(1, 301):
        kernel.publish("bags.JFK", bag.to_bytes(4, "little"))
    # Members receive what is queued, then learn that the kernel is closed.
    kernel.close()
    done = [member.result() for member in members]
    print(f"{sum(done)} bags by {len(done)} members")
