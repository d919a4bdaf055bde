"""Reads a file of safetensors as arrays that stay in the file.

In:   a file in the format of safetensors (https://github.com/huggingface/safetensors).
Out:  arrays by name that cannot be written to. The system reads a page of the file when it is first
      used, and processes that map the same file share its pages.

The library's own reader for numpy copies every array.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_arrays"]

_TYPES = {
    "F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32,
    "I16": np.int16, "I8": np.int8, "U8": np.uint8, "U16": np.uint16, "U32": np.uint32,
    "U64": np.uint64, "BOOL": np.bool_,
}  # fmt: skip


def read_arrays(file: Path) -> dict[str, NDArray[Any]]:
    """All arrays of ``file``, memory-mapped.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not in this format, or holds numbers that numpy has no type for.
    """
    whole = np.asarray(np.memmap(file, dtype=np.uint8, mode="r"))
    if len(whole) < 8:
        raise ValueError(f"only {len(whole)} bytes")
    length = int(whole[:8].view("<u8")[0])
    if length > len(whole) - 8:
        raise ValueError(f"the header claims {length:,} bytes of {len(whole):,}")
    header = json.loads(whole[8 : 8 + length].tobytes())
    found: dict[str, NDArray[Any]] = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in _TYPES:
            raise ValueError(f"{name} is of type {entry['dtype']}")
        start, end = entry["data_offsets"]
        part = whole[8 + length + start : 8 + length + end]
        found[name] = part.view(_TYPES[entry["dtype"]]).reshape(entry["shape"])
    return found
