"""Records of every kind, made from their fields alone."""

from dataclasses import fields
from typing import Any

from ocw_strategy.journal import RECORDS, Evaluation, Intent, Record


def sample[R: Record](kind: type[R], number: int, **given: Any) -> R:
    made: dict[Any, int | float | str] = {int: number, float: number + 0.1, str: f"text {number}"}
    return kind(**{field.name: made[field.type] for field in fields(kind)} | given)


def one_of_each(number: int) -> list[Record]:
    return [sample(kind, number) for kind in RECORDS]


def evaluation(number: int) -> Evaluation:
    return sample(Evaluation, number)


def intent(number: int) -> Intent:
    return sample(Intent, number)
