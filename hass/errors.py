"""The tree of errors. Every class has an exit code; the command line maps it, nobody else does.

0 done, 1 bug, 2 bad flag or file content, 3 infeasible, 4 model or profile not usable,
5 solver failed, 6 cannot write, 7 worker processes died.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class HassError(Exception):
    """Base of all errors that hass raises on purpose."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in a flag or a file.

    Attributes:
        where: file and place inside it, or the flag: ``parts/x.toml: resources.lut``.
        value: what was found, as text.
        expected: what was expected instead.
    """

    where: str
    value: str
    expected: str

    def __str__(self) -> str:
        return f"{self.where}: got {self.value}, expected {self.expected}"


class SpecError(HassError):
    """A flag or a file's content is wrong. Carries all mistakes found, not only the first."""

    exit_code = 2

    def __init__(self, mistakes: Mistake | Sequence[Mistake]) -> None:
        self.mistakes = (mistakes,) if isinstance(mistakes, Mistake) else tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))

    @classmethod
    def at(cls, where: object, value: object, expected: str) -> SpecError:
        """The common case of a single mistake; ``value`` is shown with ``repr``."""
        return cls(Mistake(str(where), repr(value), expected))


class InfeasibleError(HassError):
    """No folding fits the part. The text is that of the ``Infeasibility`` value it stands for."""

    exit_code = 3


class ModelError(HassError):
    """The model or the profile cannot be used."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class UnsupportedNode:
    """A node of an ONNX graph that hass cannot lower, and the reason."""

    op: str
    node: str
    opset: int
    reason: str

    def __str__(self) -> str:
        return f"{self.op} (node {self.node!r}, opset {self.opset}): {self.reason}"


class UnsupportedOpError(ModelError):
    """The model has nodes that hass cannot lower. Lists all of them."""

    def __init__(self, path: str, nodes: Sequence[UnsupportedNode]) -> None:
        self.path = path
        self.nodes = tuple(nodes)
        lines = "\n".join(f"  {node}" for node in self.nodes)
        super().__init__(f"{path}: {len(self.nodes)} unsupported node(s)\n{lines}")


class GraphError(ModelError):
    """The graph is malformed: a cycle, a missing tensor, shapes that do not meet."""


class ProfileError(ModelError):
    """A profile does not belong to the graph, or lacks what is asked of it."""


class SolverError(HassError):
    """A solver stopped without an answer."""

    exit_code = 5


class OutputError(HassError):
    """A file or a folder cannot be written."""

    exit_code = 6


class WorkerError(HassError):
    """Processes that worked on a search died again and again."""

    exit_code = 7
