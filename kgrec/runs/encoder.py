"""The text encoder of a run, as it was trained: needed for free texts only.

In:   the encoder's settings and the weights that the run keeps of it.
Out:  the encoder. Importing this module imports torch and transformers.
"""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from kgrec.config import TextSettings
from kgrec.errors import RunError
from kgrec.text.encoder import TextEncoder

__all__ = ["load_encoder"]


def load_encoder(settings: TextSettings, learned: Path) -> TextEncoder:
    """The encoder that ``settings`` name, with the weights of the file ``learned``.

    Args:
        settings: The text settings of the run.
        learned: File of the weights that training changed.

    Raises:
        RunError: The weights are not those of such an encoder.
    """
    encoder = TextEncoder.load(settings)
    try:
        encoder.take(load_file(learned))
    except (OSError, KeyError, RuntimeError, SafetensorError) as error:
        raise RunError(f"{learned} does not fit its encoder ({error}); train anew") from error
    return encoder.eval()
