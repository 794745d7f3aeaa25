"""Train the bundled network: ``python -m hass.models.train_digits -o models/digits``.

Writes ``digits.onnx``, ``digits.npz`` and ``dataset.toml``. One thread, seeded and deterministic,
so that the same torch build writes the same network. The test images are looked at once, at the
end; nothing is chosen by them.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import torch
from torch import nn

from hass.files import make_folder, write_bytes_atomic, write_text_atomic

from .digits_data import SPLIT_SIZES, TRAIN, Digits, npz_bytes, split_digits, toml_text
from .digits_net import DigitsNet
from .onnx_export import onnx_bytes

SEED = 0
EPOCHS = 60
BATCH = 32
PEAK_LEARNING_RATE = 0.01
WEIGHT_DECAY = 1e-2
LABEL_SMOOTHING = 0.05
SHIFT_PIXELS = 1  # augmentation: the image moves by up to this much, zeros come in


def _shifted(frames: torch.Tensor, blank: float, generator: torch.Generator) -> torch.Tensor:
    """Each of the (n, 1, 8, 8) frames moved by its own random offset."""
    reach = 2 * SHIFT_PIXELS + 1
    padded = nn.functional.pad(frames, (SHIFT_PIXELS,) * 4, value=blank)
    corners = torch.randint(reach, (len(frames), 2), generator=generator).tolist()
    height, width = frames.shape[2:]
    return torch.stack(
        [
            frame[:, row : row + height, column : column + width]
            for frame, (row, column) in zip(padded, corners, strict=True)
        ]
    )


def train(digits: Digits) -> DigitsNet:
    """The network after training on the split ``train``, in evaluation mode."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    images, labels = (torch.from_numpy(array) for array in digits.frames(TRAIN))
    blank = float((0.0 - digits.mean) / digits.std)
    network = DigitsNet()
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=WEIGHT_DECAY)
    steps = -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, PEAK_LEARNING_RATE, total_steps=EPOCHS * steps
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=LABEL_SMOOTHING)
    network.train()
    for epoch in range(EPOCHS):
        total = 0.0
        order = torch.randperm(len(images), generator=generator)
        for start in range(0, len(images), BATCH):
            chosen = order[start : start + BATCH]
            loss = loss_of(network(_shifted(images[chosen], blank, generator)), labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach()) * len(chosen)
        if (epoch + 1) % 10 == 0:
            click.echo(f"epoch {epoch + 1}/{EPOCHS}: loss {total / len(images):.4f}", err=True)
    return network.eval()


def correct(network: DigitsNet, digits: Digits, split: str) -> int:
    """Number of images of a split that are classified right."""
    images, labels = digits.frames(split)
    with torch.no_grad():
        predicted = network(torch.from_numpy(images)).argmax(1).numpy()
    return int(np.count_nonzero(predicted == labels))


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder.")
def main(output: Path) -> None:
    """Train the digits network and write it with its data split."""
    digits = split_digits()
    network = train(digits)
    folder = make_folder(output)
    write_bytes_atomic(folder / "digits.onnx", onnx_bytes(network, (1, 8, 8)))
    write_bytes_atomic(folder / "digits.npz", npz_bytes(digits))
    write_text_atomic(folder / "dataset.toml", toml_text(digits))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    click.echo(f"{parameters} parameters, {torch.__version__=}")
    for split in (TRAIN, *SPLIT_SIZES):
        count = int(np.count_nonzero(digits.split == split))
        right = correct(network, digits, split)
        click.echo(f"{split}: {right}/{count} = {100 * right / count:.2f} %")


if __name__ == "__main__":
    main()
