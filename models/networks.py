"""Build a network by name, with random or with given weights."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import nn

from hass.errors import Mistake, SpecError
from hass.near import unreadable

from .mobilenet_v2 import mobilenet_v2
from .mobilenet_v3 import mobilenet_v3_large, mobilenet_v3_small
from .resnet import resnet18, resnet50
from .vgg import vgg16

BUILDERS: Mapping[str, Callable[[], nn.Module]] = {
    "resnet18": resnet18,
    "resnet50": resnet50,
    "vgg16": vgg16,
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v3_small": mobilenet_v3_small,
    "mobilenet_v3_large": mobilenet_v3_large,
}
# Batches seen in training: weights written before torch 0.4.1 lack it, and inference ignores it.
_COUNTER = ".num_batches_tracked"
_NAMES_SHOWN = 8
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


def random_network(name: str, seed: int) -> nn.Module:
    """The network with seeded random weights, in evaluation mode.

    Convolutions are drawn after He et al. (arXiv 1502.01852), so that signals neither die nor
    explode on the way. The global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = BUILDERS[name]()
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)
    return network.eval()


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


def trained_network(name: str, weights: Path) -> nn.Module:
    """The network with the weights of a ``.pth`` file, in evaluation mode.

    Args:
        name: a key of ``BUILDERS``.
        weights: a state_dict as torchvision publishes them for the network of that name.

    Raises:
        SpecError: if the file is none, or names or shapes are not those of the network.
    """
    state = _read_state(weights)
    network = BUILDERS[name]()
    wanted = network.state_dict()
    if mistakes := _mistakes(weights, name, state, wanted):
        raise SpecError(mistakes)
    counters = {key: tensor for key, tensor in wanted.items() if key.endswith(_COUNTER)}
    network.load_state_dict({**counters, **state}, strict=True)
    return network.eval()
