"""A service and its caller: PYTHONPATH=bindings/python/python python3 examples/python/service.py"""

import neo_protocol

USERS = {b"user_id_123": b"Ada"}


def users(request: neo_protocol.Request) -> bytes:
    if request.method != "get_user":
        raise LookupError(f"there is no method {request.method}")
    return USERS[request.data]


with neo_protocol.open("mem://") as kernel, kernel.serve("user_service", users):
    print(kernel.call("user_service", "get_user", b"user_id_123").decode())
    try:
        kernel.call("user_service", "get_user", b"user_id_0")
    except neo_protocol.ServiceError as error:
        print("refused:", error)
