"""Counting what a torch module multiplies."""

from __future__ import annotations

import torch

_WITH_MACS = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.ConvTranspose2d, torch.nn.Linear)


def macs_of(network: torch.nn.Module, input_shape: tuple[int, ...]) -> int:
    """Multiply-accumulates of one frame, in evaluation mode; nothing is computed on meta."""
    total = 0

    def count(module: torch.nn.Module, given: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal total
        # each weight meets every position of the output, or of what a transposed one spreads out
        positions = given[0] if isinstance(module, torch.nn.ConvTranspose2d) else output
        total += module.weight.numel() * positions.shape[2:].numel()

    hooks = [
        module.register_forward_hook(count)
        for module in network.modules()
        if isinstance(module, _WITH_MACS)
    ]
    weight = next(network.parameters())
    with torch.no_grad():
        network.eval()(torch.zeros(1, *input_shape, device=weight.device))
    for hook in hooks:
        hook.remove()
    return total
