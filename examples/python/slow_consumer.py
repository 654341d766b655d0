"""Slow consumers: each subscription says what happens when it is full, and losses are told.

PYTHONPATH=bindings/python/python python3 examples/python/slow_consumer.py
"""

import neo_protocol

with neo_protocol.open("mem://") as kernel:
    readers = {
        "DropOldest": kernel.subscribe("ticks", depth=4, policy="drop_oldest"),
        "DropNewest": kernel.subscribe("ticks", depth=4, policy="drop_newest"),
        "Latest": kernel.subscribe("ticks", depth=4, policy="latest"),
    }
    dropped = sum(kernel.publish("ticks", bytes([tick])).dropped for tick in range(1, 11))

    told = 0
    for policy, subscription in readers.items():
        messages = subscription.recv_batch(timeout=0)
        lost = sum(message.lost_before for message in messages) + subscription.take_lost()
        print(f"{policy}: received {[message.data[0] for message in messages]}, lost {lost}")
        told += lost
    print(f"the publisher was told of {dropped} losses, the readers of {told}")
