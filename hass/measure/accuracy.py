"""Top-1 accuracy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..errors import ProfileError
from ..graph import FloatArray, Graph
from ..sparsity import Accuracy
from .dataset import Dataset
from .progress import ProgressCallback
from .session import open_session
from .splits import IndexArray, Split

Hits = npt.NDArray[np.bool_]  # image -> whether its class was found

OUTPUT = "output"  # name that write_model gives the network's output

# ImageNet networks with a background class in front of the 1,000 classes.
BACKGROUND_OUTPUTS = 1001

# Input words of a batch: 16 images of 224x224x3, where onnxruntime has come within 5 % of its
# best rate on two cores and a network's feature maps still take little memory.
BATCH_WORDS = 16 * 224 * 224 * 3
MOST_IMAGES = 64


def batch_size(words_per_image: int, batch_words: int = BATCH_WORDS) -> int:
    """Images per batch, at least 1."""
    return max(1, min(MOST_IMAGES, batch_words // words_per_image))


def label_offset(outputs: int, dataset: Dataset) -> int:
    """What is added to a label to give the index of its output.

    Raises:
        ProfileError: if the outputs do not fit the classes of the data.
    """
    if outputs == BACKGROUND_OUTPUTS:
        fits = dataset.classes == outputs - 1
        if fits or (not dataset.classes_known and dataset.classes < outputs):
            return 1
    if outputs == dataset.classes or (not dataset.classes_known and outputs > dataset.classes):
        return 0
    raise ProfileError(
        f"the network has {outputs} outputs, but the data ({dataset.name}) {dataset.classes} "
        f"classes; expected as many, or 1000 classes for 1001 outputs (background first)"
    )


def found_classes(outputs: FloatArray | IndexArray, labels: IndexArray, dataset: Dataset) -> Hits:
    """(n,) whether an image's highest output is that of its label.

    Args:
        outputs: (n, classes) of the network.
        labels: (n,).
        dataset: tells the classes.

    Raises:
        ProfileError: if the outputs are not one number per class.
    """
    offset = _offset_of(outputs, dataset)
    return np.asarray(outputs.argmax(axis=1) == labels + offset)


def margins_of(outputs: FloatArray, labels: IndexArray, dataset: Dataset) -> FloatArray:
    """(n,) by how much the output of an image's class is above the highest of all others.

    Args and raises: as of ``found_classes``.
    """
    classes = labels + _offset_of(outputs, dataset)
    images = np.arange(len(outputs))
    others = outputs.copy()
    others[images, classes] = -np.inf
    return np.asarray(outputs[images, classes] - others.max(axis=1))


def _offset_of(outputs: FloatArray | IndexArray, dataset: Dataset) -> int:
    if outputs.ndim != 2:
        raise ProfileError(
            f"the network puts out {outputs.shape[1:]} per image, expected one number per class"
        )
    return label_offset(outputs.shape[1], dataset)


def count_correct(outputs: FloatArray | IndexArray, labels: IndexArray, dataset: Dataset) -> int:
    """Images whose highest output is that of their label; see ``found_classes``."""
    return int(np.count_nonzero(found_classes(outputs, labels, dataset)))


def require_classes(graph: Graph) -> None:
    """Raise a ProfileError if a network does not put out one number per class."""
    if len(graph.outputs) > 1:
        raise ProfileError(
            f"{graph.name}: has {len(graph.outputs)} outputs, expected one: a number per class"
        )
    if not graph.classifies:
        raise ProfileError(f"{graph.name}: puts out maps, expected one number per class")


def require_images(dataset: Dataset, split: Split) -> None:
    """Raise a ProfileError if a split is empty."""
    if dataset.count(split) == 0:
        raise ProfileError(
            f"the data ({dataset.name}) have no image in the {split.value} split "
            f"(splits: {dataset.split_rule})"
        )


def measure_hits(
    model_bytes: bytes,
    dataset: Dataset,
    split: Split,
    *,
    limit: int | None = None,
    progress: ProgressCallback | None = None,
    enough: Callable[[Hits], bool] | None = None,
) -> Hits:
    """Image by image, whether a network as ``write_model`` puts it out finds the class.

    The same bytes and images give the same answers.

    Args:
        model_bytes: the network.
        dataset: labelled images.
        split: which of them.
        limit: the first so many of the split; None: all.
        progress: called after each batch.
        enough: asked after each batch, with what is known; True: the rest is not run.

    Returns:
        (n,) for the first n images, all of them unless ``enough`` was reached.

    Raises:
        ProfileError: if onnxruntime refuses the network, its outputs do not fit the classes, or
            the split is empty.
        SpecError: if an image cannot be read.
    """
    require_images(dataset, split)
    session = open_session(model_bytes)
    if len(session.output_names) > 1:
        raise ProfileError(
            f"the network has {len(session.output_names)} outputs, expected one: a number per class"
        )
    total = min(dataset.count(split), limit if limit is not None else dataset.count(split))
    hits = np.zeros(total, dtype=np.bool_)
    done = 0
    for batch in dataset.batches(split, batch_size(dataset.frame.words), total):
        (outputs,) = session.run((OUTPUT,), batch.images)
        end = done + batch.labels.size
        hits[done:end] = found_classes(outputs, batch.labels, dataset)
        done = end
        if progress is not None:
            progress(done, total)
        if enough is not None and done < total and enough(hits[:done]):
            break
    return hits[:done]


def measure_accuracy(
    model_bytes: bytes,
    dataset: Dataset,
    split: Split,
    *,
    limit: int | None = None,
    progress: ProgressCallback | None = None,
) -> Accuracy:
    """Top-1 accuracy of a network as ``write_model`` puts it out; see ``measure_hits``."""
    hits = measure_hits(model_bytes, dataset, split, limit=limit, progress=progress)
    return Accuracy(int(np.count_nonzero(hits)), len(hits))
