"""The statement that turns the interactions of a log into relationships.

In:   the view ``raw_interactions`` of :mod:`loaders.staging` and the table ``rating_scale``.
Out:  SQL that makes the table ``INTERACTED``, one row a relationship, sorted by its key.

Events of one user, item and kind are merged: the last one stands, by time, where times are equal
or unknown by the order of the log. Their number and the first time are kept. Events with an id
stay apart; where every event is kept, those without one get a name of their own (``@`` and the
Unix seconds, then ``#`` and a number from the second event of that second on). The name depends
on nothing else in the log, so that a log which has grown names its old events as before.
"""

from __future__ import annotations

from loaders.records import NO_RATING_WEIGHT

__all__ = ["merge_interactions"]

_BEFORE_ALL = -1
"""Stands for an unknown time, which comes before every known one."""

# One number is compared several times faster than a struct: seconds first, then the row.
_PLACE = f'coalesce("at", {_BEFORE_ALL})::HUGEINT * (1::HUGEINT << 62) + seq'
_PLACE_BY_COLUMN = f'(coalesce("at", {_BEFORE_ALL}), coalesce("order", seq), seq)'

_NAMED_EVENTS = """(
    SELECT * REPLACE (coalesce(event,
        coalesce('@' || "at", '') || CASE WHEN nth > 1 OR "at" IS NULL THEN '#' || nth ELSE '' END
    ) AS event)
    FROM (SELECT *, row_number() OVER (
              PARTITION BY "user", item, kind, event, "at" ORDER BY "order", seq) AS nth
          FROM raw_interactions))"""


def merge_interactions(*, has_order: bool, has_events: bool, keep_events: bool) -> str:
    """The statement, as short as the log allows.

    Args:
        has_order: Whether rows say their order; otherwise it is that of ``seq``.
        has_events: Whether rows have event ids.
        keep_events: Whether each event becomes a relationship of its own.
    """
    apart = has_events or keep_events
    return f"""
CREATE TABLE "INTERACTED" AS
SELECT source, target, kind,
       CASE WHEN rating < 0 THEN {NO_RATING_WEIGHT} ELSE least(1.0, rating / scale) END AS weight,
       count, "at", first_at, "order", {"event" if apart else "'' AS event"}
FROM (
    SELECT "user" AS source, item AS target, kind,
           {"coalesce(event, '') AS event," if apart else ""}
           arg_max(coalesce(rating, -1.0), place) AS rating,
           arg_max({'coalesce("order", seq)' if has_order else "seq"}, place) AS "order",
           count(*) AS count, min("at") AS first_at, max("at") AS "at"
    FROM (SELECT *, {_PLACE_BY_COLUMN if has_order else _PLACE} AS place
          FROM {_NAMED_EVENTS if keep_events else "raw_interactions"})
    GROUP BY {"source, target, kind" + (", coalesce(event, '')" if apart else "")})
LEFT JOIN rating_scale ON domain = split_part(target, ':', 1)
ORDER BY source, target, kind{", event" if apart else ""};
"""
