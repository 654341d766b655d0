"""A service: a worker answers calls; its failures and its absence are the caller's errors.

PYTHONPATH=bindings/python/python python3 examples/python/service.py
"""

import neo_protocol


def gate(request: neo_protocol.Request) -> bytes | None:
    # Raised, the text would stand behind the name of the exception.
    if request.method != "of":
        request.reply_error(f"no method {request.method}")
    elif request.data != b"AA1":
        request.reply_error(f"no gate for {request.data.decode()}")
    else:
        return b"B22"
    return None


with neo_protocol.open("mem://") as kernel:
    gates = kernel.serve("gates", gate)
    print("AA1 leaves from", kernel.call("gates", "of", b"AA1").decode())
    for service, flight in (("gates", b"ZZ9"), ("lounges", b"AA1")):
        try:
            kernel.call(service, "of", flight)
        except neo_protocol.Error as error:
            print(f"{service}: {error}")
    kernel.close()
    gates.join()
    print("the worker ended")
