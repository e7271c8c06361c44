"""The messages that the Python peers send, and whose echoes they expect."""
import json
import random


def messages():
    rng = random.Random(7)
    for n in range(200):
        yield json.dumps({"sensor": n % 7, "value": rng.randrange(1000), "unit": "kPa", "ok": True})
    yield ""
    yield b""
    yield "온도가 올라가고 있습니다 😀 " * 40
    yield rng.randbytes(5000)
    yield "x" * 200_000
    yield bytes(rng.choice(b"abcd") for _ in range(70_000))
