"""The whole database as a value, to see that nothing changed."""

from typing import Any

from django.apps import apps

_NOT_OURS = {"Session"}
"""A session is touched by looking."""


def snapshot() -> dict[str, list[Any]]:
    """Table name to all of its rows, by primary key; sessions left out."""
    return {
        model._meta.db_table: list(model._base_manager.order_by("pk").values_list())
        for model in apps.get_models(include_auto_created=True)
        if model.__name__ not in _NOT_OURS
    }


def changed_tables(before: dict[str, list[Any]]) -> dict[str, Any]:
    """Tables that are not as they were, with how many rows each had and has."""
    after = snapshot()
    return {name: (len(before[name]), len(rows)) for name, rows in after.items() if rows != before[name]}
