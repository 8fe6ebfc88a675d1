"""threefry: the bits behind JAX's random numbers. Only jax is needed."""

import json
from pathlib import Path

# The known answers of Random123 1.09, threefry2x32 with 20 rounds: key, counter, words.
PUBLISHED = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]
KEYS = [(0, 0), (0, 1), (1, 0), (0, 42), (0xDEADBEEF, 0x12345678), (0x80000000, 0x7FFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF)]
COUNTERS = [(0, 0), (0, 1), (1, 0), (0, 2), (7, 0xFFFFFFFF), (0x80000000, 0x80000000), (0xFFFFFFFF, 0xFFFFFFFF)]
SEEDS = [0, 1, 42, 2**31, 2**32 - 1, 2**32, 2**40 + 17, 2**53 - 1]
FOLDS = [0, 1, 2, 1000, 2**31, 2**32 - 1]


def generate() -> None:
    import jax
    import jax.numpy as jnp
    from jax.extend.random import threefry_2x32

    jax.config.update("jax_enable_x64", True)

    def words(key, counter):
        return threefry_2x32(jnp.array(key, jnp.uint32), jnp.array(counter, jnp.uint32)).tolist()

    def data(key):
        return jax.random.key_data(key).tolist()

    for key, counter, expected in PUBLISHED:
        assert words(key, counter) == list(expected), (key, counter)
    pairs = [(k, c) for k, c, _ in PUBLISHED] + [(k, c) for k in KEYS for c in COUNTERS]
    folds = [(seed, by) for seed in (0, 42, 2**40 + 17) for by in FOLDS]
    make = lambda seed: jax.random.key(seed, impl="threefry2x32")
    document = {
        "threefry": [{"key": list(k), "counter": list(c), "words": words(k, c)} for k, c in pairs],
        "keys": [{"seed": seed, "key": data(make(seed))} for seed in SEEDS],
        "folds": [{"seed": seed, "by": by, "key": data(jax.random.fold_in(make(seed), by))} for seed, by in folds],
    }
    path = Path(__file__).parent / "files" / "threefry.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document) + "\n")
