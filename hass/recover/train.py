"""Training what a design left of a network to say what the whole network says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch.nn import functional

from ..graph import FloatArray, Graph, Weights
from ..intmath import ceil_div
from ..measure import Dataset, Split, batch_size
from ..prune import pruned_weights
from ..sparsity import NO_CLIPS, Settings, act_thresholds_of
from ..threads import thread_count
from .images import Shares, training_batches
from .network import NetworkModule
from .progress import Listener, Loss

CHECKS = 20  # of the loss on the images that are held out
SHARD = 8  # images of a batch that run together, on one thread
SHARD_WORDS = 16 << 20  # of all maps of a shard; a step of training keeps about three of each
MOST_WORDS = 8 * SHARD_WORDS  # of the shards that run at the same time


@dataclass(frozen=True, slots=True)
class Training:
    """How to train.

    Attributes:
        steps: batches of ``BATCH`` images.
        learning_rate: of Adam at its highest; it falls to zero along half a cosine.
        seed: of the order of the images and of how they are varied.
    """

    steps: int
    learning_rate: float
    seed: int


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of it.

    Attributes:
        weights: those of the smallest loss; what was zero is zero.
        losses: from before the first step on, ``CHECKS`` times at equal distances.
        best: the smallest of them, the first among equal ones.
        interrupted: Ctrl-C ended it early.
    """

    weights: Weights
    losses: tuple[Loss, ...]
    best: Loss
    interrupted: bool


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread per shard, so that the sums of a gradient are taken in the same order on every
    machine. Torch's own threads also wait for each other by spinning: on a busy machine they take
    ten times as long together as one of them alone."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)


def divergence(dense: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
    """Sum over images of the Kullback-Leibler divergence of the classes' probabilities from those
    of the dense network, in nats; both (n, classes) logits."""
    return functional.kl_div(
        functional.log_softmax(outputs, 1),
        functional.log_softmax(dense, 1),
        reduction="sum",
        log_target=True,
    )


class _Pair:
    """The dense network, and what a design left of it."""

    def __init__(self, graph: Graph, weights: Weights, settings: Settings) -> None:
        pruned = pruned_weights(weights, settings)
        self._dense = NetworkModule(graph, weights, act_thresholds_of(NO_CLIPS))
        self.clipped = NetworkModule(graph, pruned, act_thresholds_of(settings))
        self.parameters = list(self.clipped.parameters())
        self.kept = [
            torch.ones_like(array) if name.endswith(".bias") else (array != 0).to(array.dtype)
            for name, array in zip(pruned, self.parameters, strict=True)
        ]
        words = sum(layer.out.words for layer in graph)
        self.shard = max(1, min(SHARD, SHARD_WORDS // words))
        self.workers = max(1, min(thread_count(), MOST_WORDS // (self.shard * words)))

    def loss(self, images: torch.Tensor) -> torch.Tensor:
        """The divergence of a shard, summed."""
        with torch.no_grad():
            dense = self._dense(images)
        return divergence(dense, self.clipped(images))

    def gradients(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Those of ``loss`` by every parameter."""
        return torch.autograd.grad(self.loss(images), self.parameters)

    def shards(self, images: FloatArray) -> Sequence[torch.Tensor]:
        """Images in portions that run on one thread each."""
        return torch.split(torch.from_numpy(images), self.shard)


def _held_out_loss(pair: _Pair, pool: ThreadPoolExecutor, data: Dataset, shares: Shares) -> float:
    """Nats per image."""

    def loss(images: torch.Tensor) -> float:
        with torch.no_grad():
            return float(pair.loss(images))

    total = 0.0
    for batch in data.batches(Split.CALIBRATION, batch_size(data.frame.words), shares.held_out):
        total += math.fsum(pool.map(loss, pair.shards(batch.images)))
    return total / shares.held_out


def _step(
    pair: _Pair, pool: ThreadPoolExecutor, optimiser: torch.optim.Optimizer, images: FloatArray
) -> None:
    sums: list[torch.Tensor] | None = None
    for gradients in pool.map(pair.gradients, pair.shards(images)):  # in the order of the shards
        sums = (
            list(gradients)
            if sums is None
            else [total + part for total, part in zip(sums, gradients, strict=True)]
        )
    for parameter, total, kept in zip(pair.parameters, sums or (), pair.kept, strict=True):
        parameter.grad = total * kept / len(images)
    optimiser.step()


def pace(done: int, total: int) -> float:
    """Of the learning rate, after ``done`` of ``total`` steps: up in a tenth of them, so that
    Adam knows its gradients before it takes long steps, then down to 0 along half a cosine."""
    rising = max(1, total // 10)
    share = done / total
    return min(1.0, (done + 1) / rising) * 0.5 * (1.0 + math.cos(math.pi * share))


def size_of(array: torch.Tensor) -> float:
    """Root mean square of what is not zero: what a step is measured by."""
    kept = array.detach()[array != 0]
    return float(kept.square().mean().sqrt()) if kept.numel() else 0.0


def _alone() -> None:
    torch.set_num_threads(1)  # torch counts the threads of each of ours apart


def train(
    graph: Graph,
    weights: Weights,
    settings: Settings,
    dataset: Dataset,
    shares: Shares,
    training: Training,
    listener: Listener,
) -> Trained:
    """Train the weights that a design's clips leave, so that the clipped network puts out what
    the dense one does.

    The loss is the divergence of the classes' probabilities, and needs no labels. Weights that are
    zero stay zero; biases are trained. The same arguments give the same weights on one kind of
    processor, whatever the number of threads.

    Args:
        graph, weights: the dense network, which puts out logits.
        settings: the design's clips.
        dataset: images of its calibration split are used, and no others.
        shares: which of them train, and which choose among the steps.
        training: how.
        listener: told about progress.

    Raises:
        KeyboardInterrupt: on Ctrl-C before the loss is known once.
        SpecError: if an image cannot be read.
    """
    pair = _Pair(graph, weights, settings)
    optimiser = torch.optim.Adam(
        [{"params": [array], "size": size_of(array)} for array in pair.parameters]
    )
    total = training.steps
    with _one_thread(), ThreadPoolExecutor(pair.workers, initializer=_alone) as pool:

        def judged(step: int) -> Loss:
            loss = Loss(step, _held_out_loss(pair, pool, dataset, shares))
            listener.judged(loss, total)
            return loss

        first = judged(0)
        state = Trained(pair.clipped.weights(), (first,), first, interrupted=False)
        batches = training_batches(dataset, shares, training.seed)
        try:
            for done, images in enumerate(islice(batches, total)):
                for group in optimiser.param_groups:
                    group["lr"] = training.learning_rate * pace(done, total) * group["size"]
                _step(pair, pool, optimiser, images)
                listener.stepped(done + 1, total)
                if done + 1 == total or (done + 1) % ceil_div(total, CHECKS) == 0:
                    loss = judged(done + 1)
                    if loss.nats < state.best.nats:
                        state = replace(state, weights=pair.clipped.weights(), best=loss)
                    state = replace(state, losses=(*state.losses, loss))
        except KeyboardInterrupt:
            return replace(state, interrupted=True)
    return state
