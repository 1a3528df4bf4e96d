"""How the extra semantic is tuned: by the network that it runs, towards what serves a request, and always alike.

Run in an environment that has JAX and ONNX.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias

import pytest
from tests.loading import loaded

from vsm_mcp.acquisition.discovery.index.documents import Document

WHY = "the extra semantic is not installed: pip install 'vsm_mcp[semantic]'"
Thing: TypeAlias = Any  # of a type that one of the scripts has, or that is not installed

np: Thing = pytest.importorskip("numpy", reason=WHY)
pytest.importorskip("onnxruntime", reason=WHY)
for package in ("onnx", "jax"):
    pytest.importorskip(package, reason=f"allowed: needs {package}: pip install {package}")

SCRIPTS = Path(__file__).parents[3] / "scripts"
WIDTH = 24
MOST = 64


@pytest.fixture(scope="module")
def net() -> Iterator[ModuleType]:
    sys.path.insert(0, str(SCRIPTS))
    yield loaded(SCRIPTS / "minilm_network.py")
    sys.path.remove(str(SCRIPTS))


@pytest.fixture(scope="module")
def tune(net: ModuleType) -> ModuleType:
    assert net.__name__ in sys.modules, "what tunes looks for the network there"
    return loaded(SCRIPTS / "tune_meaning.py")


def test_what_is_tuned_is_what_the_embedder_runs(net: ModuleType, tune: ModuleType) -> None:
    texts = ["convert time zones", "make a presentation", "play the violin"]
    network, rarity = net.read(tune.weights()), tune.rarities(texts)
    fixed = {**network.fixed, "rarity": np.frombuffer(rarity, np.uint8).astype(np.float32)}
    numbers = tune._padded(tune.pieces_of(texts))
    chance = np.random.default_rng(0)
    for tuned in (network.tuned, network.tuned + chance.normal(0, 0.02, network.tuned.shape).astype(np.float32)):
        ours = np.asarray(net.vectors(tuned, as_jax(fixed), numbers, sizes=network.sizes))
        theirs = tune.vectors_of(texts, tune.kept(rarity, network.sizes, tuned, made_from=""))
        assert np.abs(ours - theirs).max() < 0.002
    assert sum(network.sizes.values()) == len(network.tuned) == 30_720


def test_requests_come_nearer_to_what_serves_them_always_alike(little: "Little") -> None:
    tuned = little.learn(cost=0.0, rounds=40)
    assert (tuned == little.learn(cost=0.0, rounds=40)).all()
    assert little.served(tuned) == 8 > little.served(little.network.tuned)


def test_documents_stay_where_they_are_the_more_it_costs(little: "Little") -> None:
    def moved(cost: float) -> float:
        _, documents = little.vectors(little.learn(cost=cost, rounds=10))
        return float(1 - (documents * little.seen.pools["servers"].vectors).sum(axis=1).mean())

    assert moved(5.0) < moved(0.0) / 2


class Little(NamedTuple):
    """A network of two layers, and eight requests of two pieces each: nothing that serves them has those."""

    net: ModuleType
    tune: ModuleType
    network: Thing
    seen: Thing

    def learn(self, *, cost: float, rounds: int) -> Thing:
        settings = self.tune.Settings(batch=4, rounds=rounds, step=0.05, cost=cost)
        return self.tune.learn(self.seen, range(8), network=self.network, settings=settings)

    def vectors(self, tuned: Thing) -> tuple[Thing, Thing]:
        rarity = np.frombuffer(self.seen.rarity, np.uint8).astype(np.float32)
        fixed = as_jax({**self.network.fixed, "rarity": rarity})
        both = (np.array(some, dtype=np.int32) for some in (self.seen.pieces, self.seen.pools["servers"].pieces))
        asked, documents = (self.net.vectors(tuned, fixed, some, sizes=self.network.sizes) for some in both)
        return np.asarray(asked), np.asarray(documents)

    def served(self, tuned: Thing) -> int:
        asked, documents = self.vectors(tuned)
        return int(((asked @ documents.T).argmax(axis=1) == np.arange(8)).sum())


@pytest.fixture
def little(net: ModuleType, tune: ModuleType) -> Little:
    made = Little(net, tune, network_of(net), seen=None)
    documents = [Document(key=f"{n}", name=f"{n}") for n in range(8)]
    asked = [tune.Request("", f"{n}", "servers", "say", "clerk") for n in range(8)]
    rows = {one.key: row for row, one in enumerate(documents)}
    pool = tune.Pool(documents, rows, pieces=[[n + 1, n + 2] for n in range(8)], vectors=np.zeros((8, WIDTH)))
    seen = tune.Seen(asked, [[n + 11, n + 14] for n in range(8)], [()] * 8, {"servers": pool}, bytes([1] * 30))
    _, before = made._replace(seen=seen).vectors(made.network.tuned)
    return made._replace(seen=replace(seen, pools={"servers": replace(pool, vectors=before)}))


def network_of(net: ModuleType) -> Thing:
    """Return one that knows 30 pieces and nothing else."""
    chance = np.random.default_rng(0)
    shapes = {"wider": (WIDTH, 2 * WIDTH), "narrower": (2 * WIDTH, WIDTH)}
    names = [f"{layer}.{part}" for layer in range(2) for part in net.PARTS]
    fixed = {name: chance.normal(0, 0.2, shapes.get(name[2:], (WIDTH, WIDTH))) for name in names}
    fixed |= {"pieces": chance.normal(size=(30, WIDTH)), "places": chance.normal(0, 0.1, size=(MOST, WIDTH))}
    names = [f"inner.encoder.layer.{layer}" for layer in range(2)]
    additions = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense")
    sizes = {f"{name}.{part}.bias": WIDTH for name in names for part in (*additions, "output.dense")}
    sizes |= {f"{name}.intermediate.dense.bias": 2 * WIDTH for name in names}
    norms = [f"{name}.{norm}" for name in names for norm in ("attention.output.LayerNorm", "output.LayerNorm")]
    norms.append("inner.embeddings.LayerNorm")
    sizes |= {f"{norm}.{kind}": WIDTH for norm in norms for kind in ("weight", "bias")}
    tuned = np.concatenate([np.full(size, float(name.endswith("weight"))) for name, size in sizes.items()])
    return net.Network(sizes, tuned.astype(np.float32), {name: one.astype(np.float32) for name, one in fixed.items()})


def as_jax(numbers: dict[str, Thing]) -> dict[str, Thing]:
    import jax.numpy as jnp  # noqa: PLC0415 - may be absent

    return {name: jnp.asarray(one) for name, one in numbers.items()}
