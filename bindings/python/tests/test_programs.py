"""The example programs run, and a plug-in in C uses the kernel of its Python host."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import neo_protocol
from conftest import LONG, PACKAGE

ROOT = PACKAGE.parent.parent.parent
EXAMPLES = ROOT / "examples" / "python"


def output(program: str, *words: str) -> str:
    environment = dict(os.environ, PYTHONPATH=str(PACKAGE))
    environment.pop("NEO_URL", None)
    outcome = subprocess.run(
        [sys.executable, str(EXAMPLES / program), *words],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


@pytest.mark.parametrize(
    "topic", ["pubsub", "queue_group", "service", "slow_consumer", "loans"]
)
def test_the_examples_print_what_every_language_prints(topic: str) -> None:
    assert output(f"{topic}.py") == (EXAMPLES.parent / topic / "expected.txt").read_text()


def test_the_example_with_asyncio_prints_its_answer() -> None:
    assert output("asyncio_service.py") == "Response: Ada, who is user_id_123\n"


def test_a_month_of_flights_adds_up() -> None:
    month = json.loads(output("flights.py", str(ROOT / "examples/data/flights-2013-01.csv.gz")))
    assert month["published"] == 27_004 and month["timed_out"] == 0
    assert month["desks"]["total"] == [27_004, 26_483, 265_801]
    assert month["jfk"]["total"][0] == 9_161 and len(month["board"]) == 307
    for name, account in month["accounts"].items():
        routed = 9_161 if name == "jfk" else 27_004
        assert account["delivered"] + account["lost"] + account["queued"] == routed, name
        assert account["received"] == account["delivered"], name
        assert account["told_lost"] == account["lost"], name
    flights, departed, minutes = month["desks"]["carriers"]["UA"]
    assert month["means"]["UA"] == [minutes / departed, departed]


PLUGIN = r"""
#include "neo.h"
#include <string.h>

/* Publishes, by the table alone: this file is linked to nothing. */
int publish_from_c(const neo_capsule_t *capsule)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_publish_result_t result = NEO_PUBLISH_RESULT_INIT;
    neo_slice_t topic = {(const uint8_t *)"from.c", 6};
    neo_status_t status =
        capsule->api->publish_to(capsule->kernel, topic, "hello", 5, &result, &err);
    return status == NEO_OK ? (int)result.accepted : status;
}
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
def test_a_plug_in_in_c_uses_the_kernel_of_its_host(tmp_path: Path) -> None:
    (tmp_path / "plugin.c").write_text(PLUGIN)
    library = str(tmp_path / "plugin.so")
    include = f"-I{ROOT / 'include'}"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-Wall", "-Werror", include, "plugin.c", "-o", library],
        cwd=tmp_path,
        check=True,
    )
    publish = ctypes.CDLL(library).publish_from_c
    publish.argtypes = [ctypes.c_void_p]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.argtypes, pointer.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p
    with neo_protocol.open("mem://") as kernel, kernel.subscribe("from.*") as subscription:
        capsule = kernel.__neo_capsule__()
        assert publish(pointer(capsule, b"neo.api.v1")) == 1
        message = subscription.recv(timeout=LONG)
        assert (message.topic, message.data) == ("from.c", b"hello")
        del message
        kernel.close()
        assert publish(pointer(capsule, b"neo.api.v1")) == neo_protocol.Code.CLOSED
        del capsule
