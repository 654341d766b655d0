"""Publish and subscribe: a pattern with `*` hears every topic that it matches.

PYTHONPATH=bindings/python/python python3 examples/python/pubsub.py
"""

import neo_protocol

with neo_protocol.open("mem://") as kernel, kernel.subscribe("flights.*.arrived") as arrivals:
    kernel.publish("flights.AA1.arrived", b"LAX")
    kernel.publish("flights.AA1.departed", b"JFK")
    kernel.publish("flights.DL42.arrived", b"ATL")
    for message in arrivals.recv_batch(timeout=1.0):
        print(f"{message.topic}: {message.data.decode()}")
