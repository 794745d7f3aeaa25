"""What stands before the first clip of a network is the same in every trial: it is run once.

The network is cut behind the last layers that no clip reaches. Where, follows from the clips alone,
never from what is kept: so a network gives the same answers whatever ran before it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from .. import ops
from ..cuts import Cut, all_cuts, cutting_order, graph_between
from ..graph import FloatArray, Graph, Weights, macs_per_frame
from ..narrow import Narrowed
from ..onnx_io import write_model
from ..prune import pruned_weights
from ..sparsity import Settings, act_thresholds_of
from .accuracy import OUTPUT, Hits, batch_size, found_classes, margins_of, require_images
from .dataset import Dataset
from .progress import ProgressCallback
from .session import Session, open_session
from .splits import IndexArray, Split

KEPT_WORDS = 64 << 20  # of all maps that are kept: 256 MiB of float32
LEAST_SHARE = 0.1  # of the network's MACs in front of a cut: with fewer the cut costs what it saves


def network_macs(graph: Graph) -> int:
    """MACs of one frame of all layers."""
    return sum(macs_per_frame(graph, layer.name) for layer in graph.convs)


def cuts_before(graph: Graph) -> dict[str, Cut | None]:
    """Conv2d layer -> the last cut in front of it, in the order of cutting."""
    order = {name: place for place, name in enumerate(cutting_order(graph))}
    cuts = sorted(all_cuts(graph), key=lambda cut: order[cut.last])
    found: dict[str, Cut | None] = {}
    for name in order:
        if isinstance(graph[name].op, ops.Conv2d):
            before = [cut for cut in cuts if order[cut.last] < order[name]]
            found[name] = before[-1] if before else None
    return found


def crossing_maps(outputs: FloatArray, cut: Cut) -> FloatArray:
    """What a part puts out, as maps: a map of one position comes out as a vector."""
    across = cut.crossing
    return outputs.reshape(-1, across.channels, across.height, across.width)


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a network says of images.

    Attributes:
        hits: (n,) whether it finds the class.
        margins: (n,) by how much it puts the class above the others: see ``margins_of``.
    """

    hits: Hits
    margins: FloatArray


@dataclass(slots=True)
class _Kept:
    """The part before a cut, and its images' maps, as far as they have run."""

    session: Session
    maps: list[FloatArray]


class Fronts:
    """Answers of one network under many settings, on the images of a split.

    Args:
        graph, weights: the dense network.
        dataset: labelled images.
        split, limit: the first so many of which split; None: all.
        narrow: of clipped weights: the network's narrow words; None: there are none.
        kept_words: of all maps that are kept between calls.
    """

    def __init__(
        self,
        graph: Graph,
        weights: Weights,
        dataset: Dataset,
        split: Split,
        limit: int | None,
        narrow: Callable[[Weights], Narrowed] | None = None,
        kept_words: int = KEPT_WORDS,
    ) -> None:
        require_images(dataset, split)
        self._graph, self._weights = graph, weights
        self._dataset, self._split = dataset, split
        count = dataset.count(split)
        self._total = count if limit is None else min(count, limit)
        self._narrow = narrow
        self._order = cutting_order(graph)
        self._cuts = cuts_before(graph)
        self._kept_words = kept_words
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def cut_for(self, clipped: Iterable[str]) -> Cut | None:
        """The last cut in front of all these Conv2d layers whose maps may be kept; None: there is
        none, or too little stands before it."""
        names = frozenset(clipped)
        cut: Cut | None = None
        for name, before in self._cuts.items():
            if before is not None and before.crossing.words * self._total <= self._kept_words:
                cut = before
            if name in names:
                break
        else:
            return None
        if cut is None:
            return None
        front = graph_between(self._graph, self._order, None, cut).graph
        enough = network_macs(front) >= LEAST_SHARE * network_macs(self._graph)
        return cut if enough else None

    def hits(
        self,
        settings: Settings,
        *,
        progress: ProgressCallback | None = None,
        enough: Callable[[Hits], bool] | None = None,
    ) -> Hits:
        """Image by image, whether the network under these clips finds the class.

        Args and raises: as of ``measure_hits``.
        """
        hits = np.zeros(self._total, dtype=np.bool_)
        done = 0
        for outputs, labels in self._outputs(settings):
            end = done + labels.size
            hits[done:end] = found_classes(outputs, labels, self._dataset)
            done = end
            if progress is not None:
                progress(done, self._total)
            if enough is not None and done < self._total and enough(hits[:done]):
                break
        return hits[:done]

    def answers(self, settings: Settings, *, progress: ProgressCallback | None = None) -> Answers:
        """``hits`` of all images, and how clear they are.

        Args and raises: as of ``measure_hits``.
        """
        hits, margins = [], []
        done = 0
        for outputs, labels in self._outputs(settings):
            hits.append(found_classes(outputs, labels, self._dataset))
            margins.append(margins_of(outputs, labels, self._dataset))
            done += labels.size
            if progress is not None:
                progress(done, self._total)
        return Answers(np.concatenate(hits), np.concatenate(margins))

    def _outputs(self, settings: Settings) -> Iterator[tuple[FloatArray, IndexArray]]:
        """Outputs and labels, batch by batch."""
        cut = self.cut_for(name for name in self._cuts if name in settings)
        behind = graph_between(self._graph, self._order, cut, None).graph
        pruned = pruned_weights(self._weights, settings)
        thresholds = act_thresholds_of(settings)
        session = self._session(behind, pruned, thresholds)
        kept = None if cut is None else self._front(cut)
        size = batch_size(self._dataset.frame.words)
        for number, batch in enumerate(self._dataset.batches(self._split, size, self._total)):
            maps = batch.images
            if kept is not None and cut is not None:
                if number == len(kept.maps):
                    (outputs,) = kept.session.run((OUTPUT,), batch.images)
                    kept.maps.append(crossing_maps(outputs, cut))
                maps = kept.maps[number]
            (outputs,) = session.run((OUTPUT,), maps)
            yield outputs, batch.labels

    def _session(self, part: Graph, weights: Weights, thresholds: Mapping[str, float]) -> Session:
        words = Narrowed(weights, {}) if self._narrow is None else self._narrow(weights)
        operands = words.within(part)
        return open_session(
            write_model(part, words.weights, act_thresholds=thresholds, operands=operands)
        )

    def _front(self, cut: Cut) -> _Kept:
        """The part before a cut; others' maps are dropped, the oldest first, where all of both
        are too many."""
        kept = self._kept.get(cut.last)
        if kept is None:
            part = graph_between(self._graph, self._order, None, cut).graph
            kept = _Kept(self._session(part, self._weights, {}), [])
            self._kept[cut.last] = kept
        self._kept.move_to_end(cut.last)
        words: Mapping[str, int] = {
            before.last: before.crossing.words * self._total
            for before in self._cuts.values()
            if before is not None
        }
        while sum(words[last] for last in self._kept) > self._kept_words and len(self._kept) > 1:
            self._kept.popitem(last=False)
        return kept
