"""Where torch computes."""

from __future__ import annotations

import pytest
import torch

from kgrec.device import pick_device
from kgrec.errors import TrainingError


def test_a_gpu_that_is_not_there_is_said() -> None:
    if torch.cuda.is_available():
        assert pick_device("cuda").type == "cuda"
    else:
        with pytest.raises(TrainingError, match="no GPU was found; use --device auto or cpu"):
            pick_device("cuda")
    assert pick_device("cpu").type == "cpu"
