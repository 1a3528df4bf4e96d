"""The network of the extra ``semantic`` in JAX, which tells how a loss changes with each of its numbers.

What is tuned are what its layers add and the scales of its norms: 30,720 of 22 million numbers (BitFit; Ben Zaken,
Goldberg and Ravfogel, 2022). All others stay as they are in the file of weights.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# JAX says of many types only a part

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

HEADS = 12
FORBIDDEN = -1e9
PARTS = ("query", "key", "value", "attention", "wider", "narrower")
"""The matrices of a layer, in the order of the file."""

COMMON = ("pieces", "places", "rarity")
"""What there is besides them: vectors of pieces of words and of places, and how much each piece counts."""

Numbers: TypeAlias = npt.NDArray[np.float32]
Arrays: TypeAlias = Mapping[str, jax.Array]
Pieces: TypeAlias = npt.NDArray[np.int32]
"""The numbers of the pieces of several texts, a row each: 0 where there is none."""


class Network(NamedTuple):
    """The network.

    Attributes:
        sizes: How many numbers each part has that is tuned, by its name in the file.
        tuned: All of them, one after the other.
        fixed: The matrices.
    """

    sizes: Mapping[str, int]
    tuned: Numbers
    fixed: Mapping[str, Numbers]


class Batch(NamedTuple):
    """Some requests, and what they are told from.

    Attributes:
        asked: The requests.
        documents: What serves them, in the same order, and as many others.
        before: The vectors of the documents before anything was tuned.
        same: Which documents serve each request as well; they are no wrong answers.
    """

    asked: Pieces
    documents: Pieces
    before: Numbers
    same: npt.NDArray[np.bool_]


def read(weights: bytes) -> Network:
    """Return the network of the file of weights."""
    there = {one.name: numpy_helper.to_array(one) for one in onnx.load_from_string(weights).graph.initializer}
    tuned = {name: found for name, found in there.items() if name.endswith(".bias") or "LayerNorm" in name}
    matrices = sorted(int(name[4:-2]) for name in there if name.startswith("val_") and name.endswith("_q"))
    fixed = {
        f"{layer}.{part}": _whole(there, f"val_{matrices[layer * len(PARTS) + place]}")
        for layer in range(len(matrices) // len(PARTS))
        for place, part in enumerate(PARTS)
    }
    pieces = _whole(there, "inner.embeddings.word_embeddings.weight")
    places = _whole(there, "inner.embeddings.position_embeddings.weight")
    kinds = there["inner.embeddings.token_type_embeddings.weight"].astype(np.float32)
    fixed |= {"pieces": pieces + kinds[0], "places": places}
    return Network({name: part.size for name, part in tuned.items()}, np.concatenate([*tuned.values()]), fixed)


def _whole(there: Mapping[str, npt.NDArray[Any]], name: str) -> Numbers:
    return (there[f"{name}_q"].astype(np.float32) * there[f"{name}_scale"]).astype(np.float32)


def slopes(
    network: Network, rarity: Numbers, *, sharpness: float, cost: float
) -> Callable[[Numbers, Batch], tuple[float, Numbers]]:
    """Return what returns the loss of a batch, and how that changes with each number that is tuned.

    The loss is that of a softmax over how like each request is to the documents, and what it costs that these move away
    from where they were.

    Args:
        network: Where the other numbers are from.
        rarity: How much each piece of a word counts.
        sharpness: How much a likeness counts.
        cost: What it costs.
    """

    def loss(tuned: jax.Array, fixed: Arrays, batch: Batch) -> jax.Array:
        asked = vectors(tuned, fixed, jnp.asarray(batch.asked), sizes=network.sizes)
        documents = vectors(tuned, fixed, jnp.asarray(batch.documents), sizes=network.sizes)
        scores = jnp.where(batch.same, FORBIDDEN, sharpness * (asked @ documents.T))
        right = jnp.arange(len(scores))
        moved = 1 - (documents * batch.before).sum(axis=1)
        return -jax.nn.log_softmax(scores, axis=1)[right, right].mean() + cost * sharpness * moved.mean()

    fixed = {name: jnp.asarray(one) for name, one in {**network.fixed, "rarity": rarity}.items()}
    changes = jax.jit(jax.value_and_grad(loss))

    def slope(tuned: Numbers, batch: Batch) -> tuple[float, Numbers]:
        lost, found = changes(tuned, fixed, batch)
        return float(lost), np.asarray(found)

    return slope


def vectors(tuned: jax.Array, fixed: Arrays, numbers: jax.Array, *, sizes: Mapping[str, int]) -> jax.Array:
    """Return the vector of each text."""
    part = dict(zip(sizes, jnp.split(tuned, np.cumsum([*sizes.values()])[:-1]), strict=True))
    there = numbers > 0
    states = fixed["pieces"][numbers] + fixed["places"][: numbers.shape[1]]
    states = _norm(states, part, "inner.embeddings.LayerNorm")
    unseen = jnp.where(there[:, None, None, :], 0.0, FORBIDDEN)
    for layer in range((len(fixed) - len(COMMON)) // len(PARTS)):
        states = _layer(states, part, fixed, layer=layer, unseen=unseen)
    added = (states * (fixed["rarity"][numbers] * there)[:, :, None]).sum(axis=1)
    return added / jnp.linalg.norm(added, axis=1, keepdims=True)


def _layer(states: jax.Array, part: Arrays, fixed: Arrays, *, layer: int, unseen: jax.Array) -> jax.Array:
    name = f"inner.encoder.layer.{layer}"
    texts, length, width = states.shape

    def through(given: jax.Array, matrix: str, addition: str) -> jax.Array:
        return given @ fixed[f"{layer}.{matrix}"] + part[f"{name}.{addition}.bias"]

    def heads(matrix: str) -> jax.Array:
        found = through(states, matrix, f"attention.self.{matrix}")
        return found.reshape(texts, length, HEADS, width // HEADS).transpose(0, 2, 1, 3)

    likeness = heads("query") @ heads("key").transpose(0, 1, 3, 2) / (width // HEADS) ** 0.5
    seen = jax.nn.softmax(likeness + unseen, axis=-1) @ heads("value")
    seen = seen.transpose(0, 2, 1, 3).reshape(texts, length, width)
    states = _norm(
        states + through(seen, "attention", "attention.output.dense"), part, f"{name}.attention.output.LayerNorm"
    )
    wider = jax.nn.gelu(through(states, "wider", "intermediate.dense"), approximate=False)
    return _norm(states + through(wider, "narrower", "output.dense"), part, f"{name}.output.LayerNorm")


def _norm(states: jax.Array, part: Arrays, name: str) -> jax.Array:
    centred = states - states.mean(axis=-1, keepdims=True)
    spread = jnp.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
    return centred / spread * part[f"{name}.weight"] + part[f"{name}.bias"]
