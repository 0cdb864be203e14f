"""The models of the workloads, layer by layer, in torch; for the peer `skorch` of `peers.py`."""

import itertools
from typing import Any

import torch
from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "elu": nn.ELU, "silu": nn.SiLU}


class Stack(nn.Module):  # type: ignore[misc] # torch is looked at by its users only
    """Layers one after another, of which each row gets its class's scores."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Any) -> Any:
        """Return scores by class."""
        return self.layers(x)


class Wine(Stack):
    """A small network with batch statistics."""

    def __init__(self, units: int, activation: str) -> None:
        hidden = [nn.Linear(13, units), nn.BatchNorm1d(units), ACTIVATIONS[activation]()]
        super().__init__(*hidden, nn.Linear(units, 3))


class Cancer(Stack):
    """Two layers with dropout."""

    def __init__(self, units: int, dropout: float) -> None:
        first = [nn.Linear(30, units), nn.ReLU(), nn.Dropout(dropout)]
        super().__init__(*first, nn.Linear(units, units), nn.ReLU(), nn.Linear(units, 2))


class Big(Stack):
    """Three layers."""

    def __init__(self, units: int) -> None:
        wide = [20, units, units, units]
        hidden = [[nn.Linear(a, b), nn.ReLU()] for a, b in itertools.pairwise(wide)]
        super().__init__(*(layer for pair in hidden for layer in pair), nn.Linear(units, 2))


class Convolution(Stack):
    """A convolution over an area."""

    size = 8

    def __init__(self, filters: int) -> None:
        places = ((self.size - 2) // 2) ** 2
        hidden = [nn.Conv2d(1, filters, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
        super().__init__(*hidden, nn.Linear(filters * places, 10))

    def forward(self, x: Any) -> Any:
        """Return scores by class; torch has the features before the places."""
        return super().forward(x.permute(0, 3, 1, 2))


class Convolution28(Convolution):
    """A convolution over a larger area."""

    size = 28


class Recurrent(nn.Module):  # type: ignore[misc] # torch is looked at by its users only
    """A recurrent layer over 20 steps."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.lstm, self.last = nn.LSTM(4, units, batch_first=True), nn.Linear(units, 2)

    def forward(self, x: Any) -> Any:
        """Return scores by class."""
        return self.last(self.lstm(x)[0][:, -1])


class Text(nn.Module):  # type: ignore[misc] # torch is looked at by its users only
    """An embedding of words, averaged."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.words, self.last = nn.Embedding(1_000, units), nn.Linear(units, 2)

    def forward(self, x: Any) -> Any:
        """Return scores by class."""
        return self.last(self.words(x.to(torch.int64)).mean(dim=1))


NETWORKS: dict[str, type[nn.Module]] = {
    "wine48": Wine,
    "cancer": Cancer,
    "big": Big,
    "digits8": Convolution,
    "digits28": Convolution28,
    "lstm": Recurrent,
    "text": Text,
}
