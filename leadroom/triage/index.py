"""The term index in the database: the same few statements on SQLite and Postgres.

A search adds up whole numbers inside the database, so both give the same order. Only these functions touch
`TermCount` and `Posting`.
"""

from collections.abc import Iterable, Mapping, Sequence

from django.db import connection

from leadroom.triage.engine.terms import SCALE, TITLE_MARK, Weighed
from leadroom.triage.models import Posting, TermCount

MOST_READ = 6_000
"""Postings that one search may read: what common words would add costs more than it says."""
FEWEST_TERMS = 5
"""Terms that are searched however common they are."""
_COUNTS = TermCount._meta.db_table
_POSTINGS = Posting._meta.db_table


def counts_of(project_id: int, keys: Sequence[int]) -> dict[int, int]:
    """Key to the number of the project's reports that have it; keys that none has are missing."""
    if not keys:
        return {}
    marks = ",".join(["%s"] * len(keys))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT term, count FROM {_COUNTS} WHERE project_id = %s AND term IN ({marks})",  # noqa: S608
            [project_id, *keys],
        )
        return dict(cursor.fetchall())


def search(project_id: int, rare: Mapping[int, int], counts: Mapping[int, int], limit: int) -> list[tuple[int, int]]:
    """(finding id, score) of the best `limit` findings for terms with their rarity, best first, then older."""
    asked: list[int] = []
    budget = MOST_READ
    for key in sorted((key for key in rare if counts.get(key)), key=lambda key: (-rare[key], key)):
        budget -= counts[key]
        if budget < 0 and len(asked) >= FEWEST_TERMS:
            break
        asked.append(key)
    if not asked:
        return []
    values = ",".join(["(CAST(%s AS BIGINT), CAST(%s AS BIGINT))"] * len(asked))
    sql = (
        f"WITH asked(term, rarity) AS (VALUES {values}) "  # noqa: S608
        # CROSS JOIN: SQLite then never reads the whole project to look each posting up among the terms
        f"SELECT p.finding_id, SUM(p.weight * asked.rarity) AS score FROM asked CROSS JOIN {_POSTINGS} p "
        "WHERE p.project_id = %s AND p.term = asked.term "
        "GROUP BY p.finding_id ORDER BY score DESC, p.finding_id LIMIT %s"
    )
    pairs = [number for key in asked for number in (key, rare[key])]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*pairs, project_id, limit])
        return [(int(finding), int(score)) for finding, score in cursor.fetchall()]


def count(project_id: int, keys: Iterable[int]) -> None:
    """Adds one report that has these terms. In order of the keys, so that two writers never wait for each other."""
    ordered = sorted(keys)
    if not ordered:
        return
    rows = ",".join(["(%s, %s, 1)"] * len(ordered))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {_COUNTS} (project_id, term, count) VALUES {rows} "  # noqa: S608
            f"ON CONFLICT (project_id, term) DO UPDATE SET count = {_COUNTS}.count + 1",
            [number for key in ordered for number in (project_id, key)],
        )


def clear(project_id: int) -> None:
    """Forgets a project's terms; the findings they can be made anew from stay."""
    with connection.cursor() as cursor:
        for table in (_COUNTS, _POSTINGS):
            cursor.execute(f"DELETE FROM {table} WHERE project_id = %s", [project_id])  # noqa: S608


def add(project_id: int, finding_id: int, weighed: Weighed) -> None:
    """Makes a finding searchable. Adding it twice changes nothing."""
    rows = [(key, weight) for key, (weight, _) in weighed.heavy.items()]
    rows += [(key ^ TITLE_MARK, SCALE) for key in weighed.title]
    if not rows:
        return
    marks = ",".join(["(%s, %s, %s, %s)"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {_POSTINGS} (project_id, term, finding_id, weight) VALUES {marks} "  # noqa: S608
            "ON CONFLICT DO NOTHING",
            [number for key, weight in rows for number in (project_id, key, finding_id, weight)],
        )
