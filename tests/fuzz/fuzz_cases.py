"""The inputs of the fuzzer: each follows from a seed and its number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from fuzz_bombs import BOMBS
from fuzz_mutate import MUTATIONS
from fuzz_seeds import seed_model
from fuzz_values import pick
from google.protobuf.message import DecodeError

_MOST_BYTES = 4_000_000  # of a case; nested graphs double


@dataclass(frozen=True, slots=True)
class Case:
    """One input.

    Attributes:
        name: how it was made.
        content: the file's bytes.
    """

    name: str
    content: bytes


def flipped(content: bytes, rng: np.random.Generator) -> bytes:
    """A file with some bits flipped, bytes cut out or doubled, or its end gone."""
    data = bytearray(content)
    if not data:
        return b"\0"
    place = int(rng.integers(len(data)))
    span = int(rng.integers(1, 40))
    match int(rng.integers(5)):
        case 0:
            return bytes(data[:place])
        case 1:
            del data[place : place + span]
        case 2:
            data[place:place] = data[place : place + span]
        case 3:
            data[place : place + span] = rng.integers(0, 256, span, np.uint8).tobytes()
        case _:
            for _ in range(int(rng.integers(1, 9))):
                data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    return bytes(data)


def nested(rng: np.random.Generator) -> bytes:
    """Graphs in attributes of nodes of graphs, deeper than protobuf builds them."""
    graph = b""
    for _ in range(pick(rng, [20, 34, 500, 5000])):
        for field in (6, 5, 1):  # AttributeProto.g, NodeProto.attribute, GraphProto.node
            graph = _field(field, graph)
    return seed_model(0).SerializeToString() + _field(7, graph)  # ModelProto.graph: is merged


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field of protobuf."""
    size, length = len(content), bytearray()
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + content


def case_of(seed: int, number: int) -> Case:
    """Case ``number``: a bomb, a network with one to four kinds of damage, or flipped bits."""
    rng = np.random.default_rng([seed, number])
    kind = rng.random()
    if kind < 0.005:
        return Case("nested", nested(rng))
    if kind < 0.12:
        bomb = pick(rng, BOMBS)
        return Case(bomb.__name__, bomb(rng).SerializeToString())
    index = int(rng.integers(4))
    model = seed_model(index)
    names = [f"seed{index}"]
    if kind < 0.8:
        for _ in range(int(rng.choice([1, 1, 2, 4]))):
            mutation = pick(rng, MUTATIONS)
            try:
                mutation(model, rng)
            except (ValueError, TypeError, DecodeError):  # what protobuf itself refuses to hold
                continue
            names.append(mutation.__name__)
            if model.ByteSize() > _MOST_BYTES:
                break
    content = model.SerializeToString()
    if kind > 0.7:
        names.append("flipped")
        content = flipped(content, rng)
    return Case("+".join(names), content)
