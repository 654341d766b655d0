"""Publish and subscribe: PYTHONPATH=bindings/python/python python3 examples/python/pubsub.py"""

import neo_protocol

with neo_protocol.open("mem://") as kernel, kernel.subscribe("readings.*") as readings:
    kernel.publish("readings.indoor", b"20.5")
    kernel.publish("readings.outdoor", b"7.25")
    for message in readings.recv_batch(timeout=1.0):
        print(message.topic, float(message.data))
