"""The base of every group of settings.

A field's docstring is its reference: ``kgrec config explain`` prints it. Settings stand beside what
they set: those of a recommender beside its class, those of the whole in :mod:`kgrec.config`.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Section"]


class Section(BaseModel):
    """Base of every group of settings: unknown names are refused, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
