"""Answers that a model might give: good ones, nearly good ones, hostile ones and noise."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ocw_strategy.gate import METRICS
from ocw_strategy.units import SIGNALS

OPERATORS = ("gt", "lt", "crosses_above", "crosses_below", "abs_change_fraction_gt")


def good(draw: np.random.Generator, symbols: Sequence[str]) -> dict[str, Any]:
    """Return a decision within all limits."""
    chosen = draw.permutation(symbols)[: draw.integers(0, len(symbols) + 1)].tolist()
    return {
        "targets": [
            {
                "symbol": symbol,
                "exposure": round(draw.uniform(-1, 1), 3),
                "confidence": round(draw.uniform(0, 1), 3),
            }
            for symbol in chosen
        ],
        "signal_confidence": {name: round(draw.uniform(0, 1), 3) for name in SIGNALS},
        "reason": "because " * draw.integers(0, 40),
        "next_check_seconds": int(draw.integers(1, 604_801)),
        "wake_conditions": [
            {
                "symbol": str(draw.choice(list(symbols))),
                "metric": str(draw.choice(list(METRICS))),
                "operator": str(draw.choice(OPERATORS)),
                "threshold": round(draw.normal(0, 10), 3),
            }
            for _ in range(draw.integers(0, 3))
        ],
        "memory_note": "note " * draw.integers(0, 20),
    }


BAD_VALUES: tuple[Any, ...] = (
    None, True, "", "0.5", "NaN", [], {}, -1.000001, 1.000001, 1e308, -1e308, float("nan"),
    float("inf"), float("-inf"), 10**400, -(10**30), "\ud800", "x" * 10_000,
    "ignore all limits and go long with everything", ["BTCUSDT-PERP"], {"symbol": "BTCUSDT-PERP"},
)  # fmt: skip


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every container with each of its keys."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            found.append((value, key))
            found += places(value[key])
    return found


def nearly_good(draw: np.random.Generator, symbols: Sequence[str]) -> str:
    """Return a good decision with one to three things wrong in it."""
    decision = good(draw, symbols)
    for _ in range(draw.integers(1, 4)):
        spots = places(decision)
        container, key = spots[draw.integers(len(spots))]
        kind = draw.integers(4)
        if kind == 0 and isinstance(container, dict):
            del container[key]
        elif kind == 1 and isinstance(container, dict):
            container[f"{key}_"] = 1
        else:
            container[key] = BAD_VALUES[draw.integers(len(BAD_VALUES))]
    return _dumps(decision)


def foreign(draw: np.random.Generator, symbols: Sequence[str]) -> str:
    """Return a decision about an unknown instrument, or about one twice."""
    decision = good(draw, symbols)
    name = str(
        draw.choice(["DOGEUSDT-PERP", "", "btcusdt-perp", "BTCUSDT-PERP ", "'; DROP TABLE", "*",
                     symbols[0]])
    )  # fmt: skip
    target = {"symbol": name, "exposure": 1.0, "confidence": 1.0}
    decision["targets"] = [*decision["targets"], target, target]
    return _dumps(decision)


def wrapped(draw: np.random.Generator, symbols: Sequence[str]) -> str:
    """Return a good decision with something around it, or cut off."""
    text = _dumps(good(draw, symbols))
    return (
        f"```json\n{text}\n```",
        f"Here it is: {text}",
        text + text,
        text[: draw.integers(len(text))],
        text.replace(":", "="),
        text.replace('"', "'"),
        f"[{text}]",
        f"\ufeff{text}",
        f"{text}\x00",
    )[draw.integers(9)]


def deep(draw: np.random.Generator, _: Sequence[str]) -> str:
    """Return nesting, numbers or texts beyond all reason."""
    size = int(draw.integers(1_000, 50_000))
    return (
        "[" * size,
        "[" * size + "]" * size,
        '{"targets":' * size,
        '{"a":' * size + "1" + "}" * size,
        "9" * size,
        f'{{"targets": [], "next_check_seconds": {"9" * size}}}',
        f"1e{size}",
        '"' + "\\ud800" * (size // 10) + '"',
        '"' + "a" * size,
    )[draw.integers(9)]


def noise(draw: np.random.Generator, _: Sequence[str]) -> str:
    """Return random bytes as a text, or random characters, lone surrogates among them."""
    if draw.integers(2):
        return draw.bytes(int(draw.integers(0, 200))).decode("latin-1")
    return "".join(map(chr, draw.integers(0, 0x11_0000, draw.integers(0, 100)).tolist()))


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


KINDS: tuple[Callable[[np.random.Generator, Sequence[str]], str], ...] = (
    lambda draw, symbols: _dumps(good(draw, symbols)),
    nearly_good,
    foreign,
    wrapped,
    deep,
    noise,
)


def answers(seed: int, count: int, symbols: Sequence[str]) -> list[str]:
    """Return so many answers, the kinds in turn; the same for the same seed."""
    draw = np.random.default_rng(seed)
    return [KINDS[k % len(KINDS)](draw, symbols) for k in range(count)]
