"""What training changes and what it must not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from hass.errors import ProfileError
from hass.graph import Weights
from hass.measure import Dataset, Split, open_dataset
from hass.measure.npz_file import NumericArray
from hass.measure.splits import IndexArray
from hass.models import digits_paths
from hass.onnx_io import ImportedModel, read_model
from hass.ops import Input
from hass.prune import pruned_weights
from hass.recover.images import Shares, shares_of, training_batches, varied
from hass.recover.progress import Loss
from hass.sparsity import Settings, SparsitySetting

torch = pytest.importorskip("torch", reason="torch trains networks: make test installs it")
from hass.recover import train as module  # noqa: E402 - only where torch is
from hass.recover.train import Trained, Training, pace, train  # noqa: E402

SHORT = Training(steps=6, learning_rate=1e-2, seed=0)


@dataclass
class Told:
    """What a listener heard; ``then`` is done at every step."""

    then: Callable[[int], None] = lambda done: None
    steps: list[int] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)

    def stepped(self, done: int, total: int) -> None:
        self.steps.append(done)
        self.then(done)

    def judged(self, loss: Loss, total: int) -> None:
        self.losses.append(loss)

    def measuring(self, what: str, done: int, total: int) -> None:
        raise AssertionError("nothing is measured while training")


@dataclass(frozen=True)
class Watched:
    """A source of images that remembers which were read."""

    inner: object
    read_indices: set[int]

    def read(self, indices: IndexArray) -> NumericArray:
        self.read_indices.update(int(i) for i in indices)
        return self.inner.read(indices)  # type: ignore[attr-defined,no-any-return]


@pytest.fixture(scope="module")
def model() -> ImportedModel:
    return read_model(digits_paths()[0])


@pytest.fixture(scope="module")
def data(model: ImportedModel) -> Dataset:
    return open_dataset(digits_paths()[1], model.graph.of_type(Input)[0].out)


@pytest.fixture(scope="module")
def clips(model: ImportedModel) -> Settings:
    return {layer.name: SparsitySetting(0.5, 0.1) for layer in model.graph.convs}


def _train(
    model: ImportedModel,
    data: Dataset,
    clips: Settings,
    training: Training = SHORT,
    told: Told | None = None,
) -> Trained:
    shares = shares_of(data, 32)
    return train(model.graph, model.weights, clips, data, shares, training, told or Told())


@pytest.fixture(scope="module")
def trained(model: ImportedModel, data: Dataset, clips: Settings) -> Trained:
    return _train(model, data, clips)


def test_training_comes_nearer_to_the_dense_network(trained: Trained) -> None:
    assert [loss.step for loss in trained.losses] == list(range(7))
    assert trained.best == min(trained.losses, key=lambda loss: loss.nats)
    assert trained.best.nats < 0.8 * trained.losses[0].nats
    assert not trained.interrupted


def test_zeros_stay_and_all_else_is_trained(
    model: ImportedModel, clips: Settings, trained: Trained
) -> None:
    pruned = pruned_weights(model.weights, clips)
    for name, before in pruned.items():
        after = trained.weights[name]
        if name.endswith(".weight"):
            assert (after[before == 0] == 0).all()
            assert (after != before)[before != 0].mean() > 0.9, name
        else:
            assert (after != before).any(), name
    assert pruned_weights(trained.weights, clips).digest == trained.weights.digest


def test_the_same_seed_gives_the_same_weights_on_any_number_of_threads(
    model: ImportedModel,
    data: Dataset,
    clips: Settings,
    trained: Trained,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "thread_count", lambda: 3)
    again = _train(model, data, clips)
    assert again.weights.digest == trained.weights.digest
    assert again.losses == trained.losses
    other = _train(model, data, clips, replace(SHORT, steps=1, seed=1))
    assert other.losses[1] != trained.losses[1]


def test_torch_is_left_as_it_was_found(trained: Trained) -> None:
    assert not torch.are_deterministic_algorithms_enabled()


def test_only_calibration_images_are_read(
    model: ImportedModel, data: Dataset, clips: Settings
) -> None:
    source = Watched(data.source, set())
    _train(model, replace(data, source=source), clips, replace(SHORT, steps=3))
    assert source.read_indices == {int(i) for i in data.indices[Split.CALIBRATION]}


def test_images_that_judge_are_not_trained_on(data: Dataset) -> None:
    shares = shares_of(data, 32)
    source = Watched(data.source, set())
    batches = list(islice(training_batches(replace(data, source=source), shares, 0), 6))
    assert [len(batch) for batch in batches] == [32, 32, 4] * 2
    assert not np.array_equal(batches[0], batches[3])
    first = {int(i) for i in data.indices[Split.CALIBRATION][: shares.held_out]}
    assert not source.read_indices & first


def test_steps_so_long_that_all_is_lost_leave_the_weights_as_they_were(
    model: ImportedModel, data: Dataset, clips: Settings
) -> None:
    lost = _train(model, data, clips, Training(steps=2, learning_rate=1e30, seed=0))
    assert lost.best.step == 0
    assert lost.weights.digest == pruned_weights(model.weights, clips).digest


def test_ctrl_c_keeps_the_best_so_far(
    model: ImportedModel, data: Dataset, clips: Settings, trained: Trained
) -> None:
    def interrupt(done: int) -> None:
        if done == 4:  # and has not been judged
            raise KeyboardInterrupt

    stopped = _train(model, data, clips, told=Told(then=interrupt))
    assert stopped.interrupted
    assert stopped.losses == trained.losses[:4]
    assert stopped.best == min(trained.losses[:4], key=lambda loss: loss.nats)
    assert stopped.best.step > 0
    assert stopped.weights.digest != pruned_weights(model.weights, clips).digest


@pytest.mark.parametrize(
    ("count", "profile", "expected"),
    [
        (100, 32, Shares(32, 68)),
        (500, 64, Shares(100, 400)),
        (100, 64, Shares(50, 50)),
        (10**6, 64, Shares(1000, 999_000)),
        (2, 64, Shares(1, 1)),
    ],
)
def test_shares_of_the_calibration_split(
    data: Dataset, count: int, profile: int, expected: Shares
) -> None:
    sized = replace(data, indices={**data.indices, Split.CALIBRATION: np.zeros(count, np.int64)})
    assert shares_of(sized, profile) == expected


def test_one_image_is_too_few(data: Dataset) -> None:
    one = replace(data, indices={**data.indices, Split.CALIBRATION: np.zeros(1, np.int64)})
    with pytest.raises(ProfileError, match="1 image in the calibration split, expected at least 2"):
        shares_of(one, 64)


def test_variations_keep_shape_and_range() -> None:
    images = np.random.default_rng(0).normal(size=(6, 2, 16, 9)).astype(np.float32)
    made = varied(images, np.random.default_rng(1))
    assert made.shape == images.shape
    assert made.dtype == np.float32
    assert images.min() <= made.min() <= made.max() <= images.max()
    assert np.array_equal(made, varied(images, np.random.default_rng(1)))
    assert not np.array_equal(made, varied(images, np.random.default_rng(2)))


def test_the_pace_rises_then_falls_to_nothing() -> None:
    paces = [pace(done, 100) for done in range(100)]
    assert paces.index(max(paces)) == 9
    assert paces[:10] == sorted(paces[:10])
    assert paces[9:] == sorted(paces[9:], reverse=True)
    assert paces[-1] < 1e-3


def test_weights_are_a_value(trained: Trained) -> None:
    assert isinstance(trained.weights, Weights)
    assert not trained.weights["stem_stem.0_Conv.bias"].flags.writeable


def test_memory_bounds_the_images_that_run_together(
    model: ImportedModel, clips: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = sum(layer.out.words for layer in model.graph)
    monkeypatch.setattr(module, "SHARD_WORDS", 3 * words)
    monkeypatch.setattr(module, "MOST_WORDS", 7 * words)
    monkeypatch.setattr(module, "thread_count", lambda: 64)
    pair = module._Pair(model.graph, model.weights, clips)
    assert (pair.shard, pair.workers) == (3, 2)
