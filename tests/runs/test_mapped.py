"""Arrays of a file of safetensors that stay in the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from safetensors.numpy import load_file, save_file

from kgrec.runs.mapped import read_arrays

ARRAYS = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "none": np.zeros((0, 4), np.float32),
    "numbers": np.array([3, -1], np.int64),
    "flags": np.array([True, False, True]),
    "places": np.array([7], np.int32),
}


def test_all_arrays_come_back_as_the_library_reads_them(tmp_path: Path) -> None:
    save_file(ARRAYS, tmp_path / "file", metadata={"format": "np"})
    wanted, found = load_file(tmp_path / "file"), read_arrays(tmp_path / "file")
    assert found.keys() == wanted.keys() == ARRAYS.keys()
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_arrays_are_parts_of_the_file_and_cannot_be_written_to(tmp_path: Path) -> None:
    save_file(ARRAYS, tmp_path / "file")
    found = read_arrays(tmp_path / "file")
    assert all(not array.flags.owndata for array in found.values() if array.size)
    parts = (found["a"].ravel(), np.zeros(6, np.int32), np.array([0, 6], np.int32))
    assert np.shares_memory(sp.csr_matrix(parts, shape=(1, 9), copy=False).data, found["a"])
    with pytest.raises(ValueError, match="read-only"):
        found["a"][0, 0] = 1.0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"abc", "only 3 bytes"),
        ((99).to_bytes(8, "little") + b"{}", "the header claims 99 bytes"),
        ((2).to_bytes(8, "little") + b"{]", "Expecting"),
        (
            (62).to_bytes(8, "little")
            + b'{"a": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}ab',
            "a is of type BF16",
        ),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read_arrays(tmp_path / "file")
