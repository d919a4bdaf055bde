"""Protocols: each a pure function from a snapshot to a split.

None of them looks at a hidden row for anything but ``positives``; none draws a random number
except from its seed.
"""

from kgrec.evaluation.protocols.cold_item import cold_item
from kgrec.evaluation.protocols.few_shot import few_shot
from kgrec.evaluation.protocols.overlap import few_overlap
from kgrec.evaluation.protocols.published import leave_one_out, source_cold
from kgrec.evaluation.protocols.strict_cold import strict_cold_user
from kgrec.evaluation.protocols.time import by_time

__all__ = [
    "by_time",
    "cold_item",
    "few_overlap",
    "few_shot",
    "leave_one_out",
    "source_cold",
    "strict_cold_user",
]
