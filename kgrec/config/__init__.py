"""Settings, as frozen pydantic models that cannot hold a wrong value.

In:   a shipped config's name or a YAML file, and ``--set a.b=c`` overrides.
Out:  :class:`Settings`, or one clear sentence that names the setting.

    model.py      the text encoder, the joint model and its alignment terms
    training.py   the training loop
    settings.py   all of them together, with the components of the ensemble
    files.py      reads YAML files and shipped configs
    resolve.py    lays overrides over what was read, and checks it

The settings of a recommender stand beside its class, those of the ensemble in
:mod:`kgrec.ensemble.settings`. A field's docstring is its reference: ``kgrec config explain``
prints it. Nothing here knows what the settings do.
"""

from __future__ import annotations

from kgrec.config.files import names, parse_yaml, read
from kgrec.config.model import AlignSettings, ModelSettings, TextSettings
from kgrec.config.resolve import load_settings, resolve
from kgrec.config.settings import Settings, default_components
from kgrec.config.training import TrainSettings

__all__ = [
    "AlignSettings",
    "ModelSettings",
    "Settings",
    "TextSettings",
    "TrainSettings",
    "default_components",
    "load_settings",
    "names",
    "parse_yaml",
    "read",
    "resolve",
]
