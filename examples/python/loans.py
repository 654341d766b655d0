"""Loans: a large message is written once, in the kernel's memory, and every reader reads it there.

PYTHONPATH=bindings/python/python python3 examples/python/loans.py
"""

import ctypes

import neo_protocol

SAMPLES = 1 << 16


def address(message: neo_protocol.Message) -> int | None:
    """Where its bytes lie: the first field of the interpreter's Py_buffer."""
    found = ctypes.create_string_buffer(256)
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(message), found, 0)
    where = ctypes.c_void_p.from_buffer(found).value
    ctypes.pythonapi.PyBuffer_Release(found)
    return where


with neo_protocol.open("mem://") as kernel:
    readers = [kernel.subscribe(pattern) for pattern in ("radar.sweep", "radar.>")]
    publisher = kernel.publisher("radar.sweep")
    with publisher.loan(SAMPLES) as sweep:  # sent at its end
        sweep[:] = bytes(range(256)) * (SAMPLES // 256)
    publisher.loan(SAMPLES).abort()

    first, second = (reader.recv() for reader in readers)
    print(f"{len(first)} bytes, the last is {memoryview(first)[-1]}")
    print("both readers read the same memory:", str(address(first) == address(second)).lower())
    print("left in the queues:", sum(reader.queued for reader in readers))
