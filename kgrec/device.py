"""The device that a tensor program runs on, by the name that a user gives.

In:   ``auto``, ``cpu`` or ``cuda``.
Out:  a torch device. Importing this module does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgrec.errors import TrainingError

if TYPE_CHECKING:
    import torch

__all__ = ["pick_device"]


def pick_device(name: str) -> torch.device:
    """``auto`` is a GPU where there is one.

    Raises:
        TrainingError: ``cuda`` is asked for and not there.
    """
    import torch

    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise TrainingError("--device cuda: no GPU was found; use --device auto or cpu")
    return torch.device("cuda" if name == "cuda" or (name == "auto" and available) else "cpu")
