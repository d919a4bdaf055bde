"""The interface that every recommender keeps, and base classes that do what all have in common.

In:   :class:`~kgrec.data.interactions.Interactions` to learn from; then
      :class:`~kgrec.data.histories.Histories` of users, known to the recommender or not.
Out:  a score for every item of one domain.

All recommenders are inductive: when they score, a user is a history, not an id. So a user whose
interactions were hidden and a user whom training never saw are the same case.

Shapes: B users   I items   I_d items of the scored domain   P users of the interactions
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Generic, Protocol, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.errors import InputError
from kgrec.section import Section
from kgrec.vectors import Vectors

__all__ = [
    "BaseRecommender",
    "BaseVectorRecommender",
    "OnProgress",
    "Recommender",
    "RecommenderSettings",
    "Scores",
    "State",
    "VectorRecommender",
    "ignore_progress",
]

Scores: TypeAlias = NDArray[np.float32]

State: TypeAlias = dict[str, NDArray[Any]]
"""Arrays by name: all that a fitted recommender needs beside its settings and the interactions."""

OnProgress: TypeAlias = Callable[[float, str], None]
"""Called with the fraction that is done (0 to 1) and a few words on what is being done."""


def ignore_progress(_fraction: float, _doing: str) -> None:
    """Do nothing: for callers who do not show progress."""


class RecommenderSettings(Section):
    """Base of every recommender's settings, which stand beside its class."""


class Recommender(Protocol):
    """Fitted on interactions; scores the items of a domain for users known by their histories."""

    @property
    def name(self) -> str:
        """The name in the tables of a benchmark."""
        ...

    def fit(
        self,
        data: Interactions,
        *,
        seed: int = 0,
        domains: Sequence[int] | None = None,
        on_progress: OnProgress = ...,
    ) -> Self:
        """Learn from ``data`` and return this recommender.

        Args:
            data: All interactions that may be used; hidden ones are not in it.
            seed: The only source of randomness; the same seed gives the same scores.
            domains: Numbers of the domains that will be scored; None: all. Many recommenders learn
                something for each scored domain, and a benchmark of one direction skips the others.
            on_progress: Called with the fraction that is done.

        Raises:
            InputError: ``data`` lacks something that the recommender needs: texts, or an order.
        """
        ...

    def score(self, users: Histories, domain: int) -> Scores:
        """``[B, I_d]`` scores, higher is better, columns as ``data.items_of(domain)``.

        Raises:
            InputError: The recommender was not fitted for ``domain``.
        """
        ...


class VectorRecommender(Recommender, Protocol):
    """A recommender whose scores are inner products of user and item vectors.

    Such a recommender can be a component of the ensemble: a run keeps its state by name, and
    lookups multiply its vectors.
    """

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B]`` rows, by which the items of ``domain`` are scored.

        Raises:
            InputError: The histories lack the order that the recommender reads.
        """
        ...

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d]`` rows, in the order of ``data.items_of(domain)``."""
        ...

    @property
    def paths_add_up(self) -> bool:
        """Whether a user's sparse columns are the sum of those of each item of their history.

        Then a run keeps the sparse part of the score as an item-to-item matrix, and lookups read
        :meth:`dense_user_vectors` only.
        """
        ...

    def dense_user_vectors(self, users: Histories, domain: int) -> Scores:
        """``[B, D]`` the dense columns of :meth:`user_vectors`, without computing the others."""
        ...

    def state(self) -> State:
        """Everything that :meth:`from_state` needs, as numpy arrays by name.

        A file of safetensors holds them, so numbers and names of settings are not among them.
        """
        ...

    @classmethod
    def from_state(
        cls, settings: Any, state: Mapping[str, NDArray[Any]], data: Interactions
    ) -> Self:
        """The fitted recommender whose :meth:`state` this is; its scores are the same.

        Args:
            settings: The settings that it was fitted with.
            state: The state after a fit for all domains.
            data: The interactions that it was fitted on; text vectors may be missing.
        """
        ...

    def refit(
        self, data: Interactions, *, seed: int = 0, on_progress: OnProgress = ...
    ) -> VectorRecommender:
        """A new recommender with the same settings, fitted on nearly the same interactions.

        Where solving is iterative, it goes on from this recommender's result: that is quicker, and
        the result is close to the one that was weighed.

        Args:
            data: The interactions to fit on.
            seed: Seed of all random numbers.
            on_progress: Called with the steps done and the steps in all.
        """
        ...


S = TypeVar("S", bound=RecommenderSettings)


class BaseRecommender(Generic[S]):
    """Keeps the :class:`Recommender` interface; a subclass writes ``_fit`` and ``score``.

    Take :class:`BaseVectorRecommender` instead wherever a score is an inner product, or linear in
    the history. Where it is neither, ``no_vectors`` says why.
    """

    settings_class: ClassVar[type[RecommenderSettings]] = RecommenderSettings
    """The settings that stand beside the class."""
    trials: ClassVar[tuple[dict[str, Any], ...]] = ({},)
    """Settings that tuning tries on validation users: at most 20, the first is the default."""
    reads_text: ClassVar[bool] = False
    """Whether it uses ``data.item_text`` where that is given."""
    needs_text: ClassVar[bool] = False
    """Whether it cannot be fitted without ``data.item_text``."""
    no_vectors: ClassVar[str] = "its scores are not inner products of user and item vectors"
    """Why it cannot be a component of the ensemble; unused where it has vectors."""

    name: str = "recommender"
    settings: S
    data: Interactions
    targets: Sequence[int] = ()
    """The domains that it was fitted for."""

    def __init__(self, settings: S | None = None, **values: Any) -> None:
        """Keep the settings; nothing is read and nothing learned.

        Args:
            settings: All settings; None: the defaults, with ``values`` in place of some.
            values: Settings by name, as the fields of ``settings_class``.
        """
        if settings is not None and values:
            raise TypeError(f"give settings or single values, got both: {', '.join(values)}")
        self.settings = settings or self.settings_class(**values)  # type: ignore[assignment]

    def fit(
        self,
        data: Interactions,
        *,
        seed: int = 0,
        domains: Sequence[int] | None = None,
        on_progress: OnProgress = ignore_progress,
    ) -> Self:
        """Learn from ``data``; see :meth:`Recommender.fit`."""
        self._begin(data, domains)
        self._fit(seed, on_progress)
        on_progress(1.0, self.name)
        return self

    def score(self, users: Histories, domain: int) -> Scores:
        """``[B, I_d]`` scores of one domain's items."""
        raise NotImplementedError

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        """Learn from ``self.data`` for the domains ``self.targets``; nothing to learn: ``pass``."""
        raise NotImplementedError(f"{type(self).__name__} must define _fit")

    def _begin(self, data: Interactions, domains: Sequence[int] | None) -> None:
        self.data = data
        self.targets = list(range(data.num_domains)) if domains is None else list(domains)

    def _require_fitted(self, domain: int) -> None:
        if domain not in self.targets:
            raise InputError(
                f"{self.name} was fitted for domains {list(self.targets)}, not for {domain}; "
                f"name it in fit(domains=...)"
            )


class BaseVectorRecommender(BaseRecommender[S]):
    """Keeps the :class:`VectorRecommender` interface.

    A subclass writes ``_fit``, ``user_vectors`` and ``item_vectors``, and names in ``arrays`` the
    attributes that ``_fit`` sets and that scoring needs. What follows quickly from the interactions
    alone is set in ``_prepare``, and is not part of the state. A recommender that learns for each
    target domain separately overrides ``state`` and ``_restore`` with :func:`one_state` and
    :func:`by_domain` of :mod:`kgrec.recommenders.states`.
    """

    arrays: ClassVar[tuple[str, ...]] = ()
    """Attributes that are the state."""

    @property
    def paths_add_up(self) -> bool:
        """See :attr:`VectorRecommender.paths_add_up`."""
        return False

    _items_of: dict[int, Vectors]

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B]`` rows for recommendations from ``domain``."""
        raise NotImplementedError

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d]`` rows, as ``data.items_of(domain)``."""
        raise NotImplementedError

    def dense_user_vectors(self, users: Histories, domain: int) -> Scores:
        """``[B, D]``; a subclass whose paths add up overrides it where both parts cost time."""
        return self.user_vectors(users, domain).dense

    def score(self, users: Histories, domain: int) -> Scores:
        """``[B, I_d]`` inner products of user and item vectors.

        Raises:
            InputError: The recommender was not fitted for ``domain``.
        """
        self._require_fitted(domain)
        if domain not in self._items_of:
            self._items_of[domain] = self.item_vectors(domain)
        return self.user_vectors(users, domain).products(self._items_of[domain])

    def state(self) -> State:
        """The arrays that ``arrays`` names."""
        return {name: getattr(self, name) for name in self.arrays}

    @classmethod
    def from_state(
        cls, settings: Any, state: Mapping[str, NDArray[Any]], data: Interactions
    ) -> Self:
        """See :meth:`VectorRecommender.from_state`."""
        made = cls(settings)
        made._begin(data, None)
        made._restore(state)
        return made

    def refit(
        self, data: Interactions, *, seed: int = 0, on_progress: OnProgress = ignore_progress
    ) -> Self:
        """Fit anew; a subclass that can go on from its own result does so."""
        return type(self)(self.settings).fit(data, seed=seed, on_progress=on_progress)

    def _prepare(self) -> None:
        """Set what follows from ``self.data`` and the settings alone."""

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        for name in self.arrays:
            setattr(self, name, state[name])

    def _begin(self, data: Interactions, domains: Sequence[int] | None) -> None:
        super()._begin(data, domains)
        self._items_of = {}
        self._prepare()
