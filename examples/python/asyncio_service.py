"""A service and its caller with asyncio.

PYTHONPATH=bindings/python/python python3 examples/python/asyncio_service.py
"""

import asyncio

import neo_protocol


async def get_user(request: neo_protocol.Request) -> bytes:
    await asyncio.sleep(0.01)  # a database would be asked here
    return b"Ada, who is " + request.data


async def main() -> None:
    async with neo_protocol.NeoClient() as client:
        await client.connect()
        async with client.serve("user_service", get_user), asyncio.timeout(5):
            response = await client.call("user_service", "get_user", b"user_id_123")
            print(f"Response: {response.decode()}")


if __name__ == "__main__":
    asyncio.run(main())
