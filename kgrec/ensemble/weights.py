"""How much each component counts, by how well it ranked for held-out users.

In:   for every component the standard deviation of its scores over a catalogue, and its NDCG alone.
Out:  :class:`ComponentWeights`: a weight for each component, domain, and kind of user.

A component that ranks badly alone is mostly no help beside a good one, and which one that is
differs between graphs: where few users link two domains, random walks and iALS on all domains
know nothing of a cold user, yet all of a warm one. So there is one set of weights for cold users of
a domain and one for warm users, and a user with n items there is between the two.

    weight = given weight * (quality / best quality) ** exponent / standard deviation

Quality is the mean NDCG over held-out users, drawn towards a prior as if ``PSEUDO_USERS`` more had
been asked: for cold users popularity is expected to serve, and anything else half as well, or a
third where nobody links the domain to another, until it has shown more. Components with a fixed
weight are not judged by their ranking alone: texts rank badly alone but tell what no other
component does, and a user's own history speaks for cold items only. Their quality is that of the
best of the others, drawn to the prior likewise. Constants were chosen on validation users.

Shapes: B users   M domains   C components
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NO_OVERLAP_PRIOR", "PRIOR", "ComponentWeights", "Evidence", "component_weights"]

PSEUDO_USERS = 10.0
"""How many held-out users the prior counts as."""

PRIOR = 0.5
"""Quality that is expected of a component for cold users, popularity's being 1."""

NO_OVERLAP_PRIOR = 0.35
"""The same where nobody links their domain to another."""


@dataclass(frozen=True)
class ComponentWeights:
    """A weight for each component, by domain, of cold and of warm users."""

    values: Mapping[str, NDArray[np.float32]]
    """``[2, M]`` of each component by its name: cold users first."""

    def of(self, inside: NDArray[np.integer], domain: int) -> dict[str, NDArray[np.float32]]:
        """The weights of some users, between those of cold and of warm users of the domain.

        Args:
            inside: ``[B]`` number of items that each user has in the domain; with n of them the
                weights of warm users count n / (n + 1).
            domain: Number of the domain.

        Returns:
            ``[B]`` of each component.
        """
        warm = inside / (inside + 1.0)
        return {
            name: np.asarray(
                (1 - warm) * weight[0, domain] + warm * weight[1, domain], dtype=np.float32
            )
            for name, weight in self.values.items()
        }


@dataclass(frozen=True)
class Evidence:
    """What is known of one component for one domain and one kind of user."""

    weight: float
    """Weight where all rank equally well; 0 excludes the component."""
    std: float
    """Standard deviation of a user's scores; a component without any is excluded."""
    ndcg: float
    """Mean NDCG alone; not read where the weight is fixed or nobody was held out."""
    prior: float
    """Quality expected before anybody was asked, popularity's being 1."""
    fixed_weight: bool = False
    """Whether the component is not judged by its NDCG."""


def component_weights(
    components: Mapping[str, Evidence], *, users: int, reference: float, exponent: float
) -> dict[str, float]:
    """The weights for one domain and one kind of user, by component.

    Args:
        components: What is known of each.
        users: Number of held-out users that NDCGs are the mean of. NDCGs that are all zero tell
            nothing, as if nobody had been asked.
        reference: NDCG of popularity for them: priors are relative to it.
        exponent: Power to which a component's quality, relative to the best one's, is raised; 0
            leaves weights as given.

    Returns:
        A weight for each of ``components``; 0 for those that are excluded.

    Example:
        >>> good = Evidence(1.0, 1.0, ndcg=0.2, prior=1.0)
        >>> bad = Evidence(1.0, 1.0, ndcg=0.1, prior=1.0)
        >>> found = component_weights({"good": good, "bad": bad}, users=10**9, reference=0.1,
        ...                           exponent=3.0)
        >>> {name: round(weight, 3) for name, weight in found.items()}
        {'good': 1.0, 'bad': 0.125}
    """
    active = {n: c for n, c in components.items() if c.weight > 0 and c.std > 0}
    judged = [c.ndcg for c in active.values() if not c.fixed_weight]
    quality = {name: component.prior for name, component in active.items()}
    if users and any(judged):
        for name, component in active.items():
            ndcg = max(judged) if component.fixed_weight else component.ndcg
            drawn = users * ndcg + PSEUDO_USERS * component.prior * reference
            quality[name] = drawn / (users + PSEUDO_USERS)
    best = max(quality.values(), default=0.0)
    weights = dict.fromkeys(components, 0.0)
    if best > 0:
        for name, component in active.items():
            weights[name] = component.weight * (quality[name] / best) ** exponent / component.std
    return weights
