"""Build a network by name, with random or with given weights."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from hass.errors import Mistake, SpecError
from hass.near import unreadable

from . import (
    alexnet,
    densenet,
    detector,
    efficientnet,
    googlenet,
    inception,
    mnasnet,
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3,
    regnet,
    repvgg,
    resnet,
    shufflenet_v2,
    small,
    sound,
    squeezenet,
    unet,
    vgg,
)
from .blocks import Builder, Shape, SizedBuilder
from .registry import BY_NAME, shape_text

_ANY_SIZE: Mapping[str, Builder] = {
    name: builder
    for family in (
        densenet,
        detector,
        efficientnet,
        googlenet,
        inception,
        mnasnet,
        mobilenet_v1,
        mobilenet_v2,
        mobilenet_v3,
        regnet,
        repvgg,
        resnet,
        shufflenet_v2,
        small,
        sound,
        squeezenet,
        unet,
    )
    for name, builder in family.BUILDERS.items()
}
# Layers of these depend on the size of the frame.
_SIZED: Mapping[str, SizedBuilder] = {**alexnet.SIZED_BUILDERS, **vgg.SIZED_BUILDERS}
NAMES = frozenset({*_ANY_SIZE, *_SIZED})
# Only training needs these parts of published weights.
_TRAINING_ONLY: Mapping[str, tuple[str, ...]] = {
    "googlenet": ("aux1.", "aux2."),
    "inception_v3": ("AuxLogits.",),
}
# Batches seen in training: weights written before torch 0.4.1 lack it, and inference ignores it.
_COUNTER = ".num_batches_tracked"
_NAMES_SHOWN = 8
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)
# What torch's unpickler lets through when it meets bytes that are no weights.
_UNREADABLE = (
    OSError,
    EOFError,
    RuntimeError,
    ArithmeticError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    pickle.PickleError,
    struct.error,
)


def build(name: str, input_shape: Shape | None = None) -> nn.Module:
    """The network, for frames of another shape than the usual one if wished.

    Args:
        name: one of ``NAMES``.
        input_shape: of a frame; the registry's without it.
    """
    if name in _SIZED:
        return _SIZED[name](BY_NAME[name].input_shape if input_shape is None else input_shape)
    return _ANY_SIZE[name]()


def check_shape(name: str, input_shape: Shape) -> None:
    """Refuse frames that a network cannot take.

    Raises:
        SpecError: if they have other channels than the registry's, or are too small.
    """
    usual = BY_NAME[name].input_shape
    expected = f"frames like {shape_text(usual)}, of any size that the layers of {name} can take"
    if len(input_shape) != len(usual) or input_shape[0] != usual[0]:
        raise SpecError.at("--input", shape_text(input_shape), expected)
    try:
        with torch.device("meta"), torch.no_grad():  # shapes only
            build(name, input_shape).eval()(torch.zeros(1, *input_shape))
    except (RuntimeError, ValueError) as error:
        why = str(error).splitlines()[0]
        raise SpecError.at("--input", f"{shape_text(input_shape)} ({why})", expected) from error


def random_network(name: str, seed: int, input_shape: Shape | None = None) -> nn.Module:
    """The network with seeded random weights (``draw_weights``), in evaluation mode.

    The global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(name, input_shape)
        draw_weights(network)
    return network.eval()


def draw_weights(network: nn.Module) -> None:
    """Draw weights from torch's global generator.

    Convolutions are drawn after He et al. (arXiv 1502.01852), so that signals neither die nor
    explode on the way.
    """
    for module in network.modules():
        if isinstance(module, _CONVOLUTIONS):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)


def _read_state(path: Path) -> dict[str, torch.Tensor]:
    expected = "a .pth file with the state_dict of the network: a mapping of names to tensors"
    if not path.is_file():
        raise unreadable(path, None, expected)
    try:
        # weights_only: a weight file is data, and never runs code
        state = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise SpecError.at(path, first_line, expected) from error
    if not isinstance(state, dict):
        raise SpecError.at(path, type(state).__name__, expected)
    strangers = [key for key, value in state.items() if not isinstance(value, torch.Tensor)]
    if strangers or not state:
        shown = ", ".join(map(str, strangers[:_NAMES_SHOWN])) or "nothing"
        raise SpecError.at(path, f"a mapping that holds {shown}", expected)
    return state


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _mistakes(
    path: Path, name: str, state: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]
) -> list[Mistake]:
    missing = [key for key in wanted if key not in state and not key.endswith(_COUNTER)]
    unexpected = [key for key in state if key not in wanted]
    mistakes = []
    if missing:
        mistakes.append(
            Mistake(str(path), f"{len(missing)} missing keys", f"{name} has {_listed(missing)}")
        )
    if unexpected:
        text = f"{len(unexpected)} unexpected keys ({_listed(unexpected)})"
        mistakes.append(Mistake(str(path), text, f"only names of {name}"))
    mistakes += [
        Mistake(f"{path}: {key}", f"shape {tuple(state[key].shape)}", f"{tuple(tensor.shape)}")
        for key, tensor in wanted.items()
        if key in state and state[key].shape != tensor.shape
    ]
    return mistakes


def trained_network(name: str, weights: Path, input_shape: Shape | None = None) -> nn.Module:
    """The network with the weights of a ``.pth`` file, in evaluation mode.

    Args:
        name: one of ``NAMES``.
        weights: a state_dict as torchvision publishes them for the network of that name. What only
            training needs is left out, and names of old files are those of new ones.
        input_shape: as of ``build``.

    Raises:
        SpecError: if the file is none, or names or shapes are not those of the network.
    """
    unused = _TRAINING_ONLY.get(name, ())
    state = {
        densenet.current_name(key): tensor
        for key, tensor in _read_state(weights).items()
        if not key.startswith(unused)
    }
    network = build(name, input_shape)
    wanted = network.state_dict()
    if mistakes := _mistakes(weights, name, state, wanted):
        raise SpecError(mistakes)
    counters = {key: tensor for key, tensor in wanted.items() if key.endswith(_COUNTER)}
    network.load_state_dict({**counters, **state}, strict=True)
    return network.eval()
