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
    with file.open("rb") as opened:
        start = opened.read(8)
        if len(start) < 8:
            raise ValueError(f"only {len(start)} bytes")
        length, size = int.from_bytes(start, "little"), file.stat().st_size
        if length > size - 8:
            raise ValueError(f"the header claims {length:,} bytes of {size:,}")
        header = json.loads(opened.read(length))
    found: dict[str, NDArray[Any]] = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in _TYPES:
            raise ValueError(f"{name} is of type {entry['dtype']}")
        dtype, shape = _TYPES[entry["dtype"]], tuple(entry["shape"])
        if 0 in shape:
            found[name] = np.zeros(shape, dtype)
            continue
        # A map for each array: scipy copies arrays that are small parts of another.
        offset = 8 + length + entry["data_offsets"][0]
        part = np.memmap(file, dtype, mode="r", offset=offset, shape=shape)
        found[name] = np.asarray(part)
    return found
