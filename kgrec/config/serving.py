"""Settings of what a run keeps to answer lookups quickly.

In:   plain data.
Out:  a frozen model; a wrong value is refused. Nothing here knows what the settings do.
"""

from __future__ import annotations

from pydantic import PositiveInt

from kgrec.section import Section

__all__ = ["ServingSettings"]


class ServingSettings(Section):
    """Serving vectors and item-to-item matrices of a run."""

    width: PositiveInt = 128
    """Number of dimensions of a serving vector, of which an item has one and a user one for each
    target domain. Their inner product stands for the whole score; more dimensions come nearer to it
    and need more memory and time. Fewer are kept where a domain has fewer items."""
    sample_users: PositiveInt = 2000
    """Largest number of users whose scores decide the directions of serving vectors, for each
    target domain; more take longer when a run is written."""
    item_paths: PositiveInt = 400
    """Number of other items that an item of a history leads to at most, for each component and
    target domain; the strongest are kept. Lower it where the run takes too much space."""
