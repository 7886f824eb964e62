"""The user message: every figure of a snapshot is in it, and behind a mask no level is."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocw_strategy.advisor.prompt import system_prompt
from ocw_strategy.advisor.rendering import render_snapshot
from ocw_strategy.market import MarketSnapshot
from ocw_strategy.units import MINUTE_NS, SECOND_NS
from tests.advisor.examples import RULES, Leaf, changed, full_snapshot, is_level, leaves
from tests.advisor.test_quoting import HOSTILE
from tests.market.examples import BTC, ETH, SYMBOLS, make_snapshot

FULL = full_snapshot()
PLAIN = render_snapshot(FULL, masked=False)
MASKED = render_snapshot(FULL, masked=True)
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\d\w])|(?<=x)-?\d+\.?\d*|-?\d+\.?\d*(?=bn|m )")
TAGS = ("wake_reasons", "reflections", "memory_note")


def whole(snapshot: MarketSnapshot, *, masked: bool = False) -> str:
    """Return all that a model reads."""
    names = [f"X{k}" for k in range(1, 4)] if masked else sorted(snapshot.instruments)
    system = system_prompt(names, snapshot.safety, RULES, masked=masked)
    return f"{system}\n{render_snapshot(snapshot, masked=masked)}"


def other(value: Any) -> Any:
    """Return another value of the same kind."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case float():
            return value * 1.15 or 0.5
        case None:
            return 0.5
        case "long" | "short":
            return "short" if value == "long" else "long"
    return f"other {value}"[: len(value)]


CHANGEABLE = [(path, value) for path, value in leaves(FULL) if path[0] not in {"version", "now_ns"}]


def test_the_example_has_hundreds_of_figures_and_all_are_known() -> None:
    assert len(CHANGEABLE) > 350
    assert not [path for path, value in CHANGEABLE if value is None]


def test_no_leaf_of_a_snapshot_changes_without_the_prompt() -> None:
    before = whole(FULL)
    unseen = []
    for path, value in CHANGEABLE:
        after = changed(FULL, lambda at, old, p=path, v=value: other(v) if at == p else old)
        if whole(after) == before:
            unseen.append(path)
    assert unseen == []


def test_the_time_is_shown_to_the_minute() -> None:
    later = FULL.model_copy(update={"now_ns": FULL.now_ns + MINUTE_NS})
    assert whole(later) != whole(FULL)
    moment = datetime.fromtimestamp(FULL.now_ns // SECOND_NS, UTC)
    assert f"{moment:%Y-%m-%d %H:%M} UTC" in PLAIN


def scales(path: Leaf) -> tuple[float, ...]:
    name = str(path[-1])
    if name.endswith("_age_s"):
        return (1.0, 1 / 60, 1 / 3_600)
    return (1.0, 1e-6, 1e-9) if name == "open_interest_value" else (1.0,)


def tolerance(path: Leaf) -> float:
    """Return the rounding allowed: three digits, two for ages and signals."""
    two_digits = str(path[-1]).endswith("_age_s") or "signals" in path or path[-1] == "composite"
    return 0.051 if two_digits else 0.0051


def test_every_number_stands_in_the_prompt_to_two_or_three_digits() -> None:
    found = [float(each) for each in NUMBER.findall(whole(FULL))]
    missing = [
        (path, value)
        for path, value in CHANGEABLE
        if isinstance(value, float)
        and not any(
            abs(each - value * scale) <= tolerance(path) * abs(value * scale)
            for scale in scales(path)
            for each in found
        )
    ]
    assert missing == []


def test_prices_have_all_their_digits() -> None:
    for path, value in CHANGEABLE:
        if path[-1] in {"price", "entry_price", "stop_price"}:
            assert f" {value:.7g}".rstrip("0") in PLAIN


def test_unknown_numbers_are_question_marks_and_never_zeros() -> None:
    def unknown(path: Leaf, value: Any) -> Any:
        return None if "derivatives" in path or path[-1] in {"return_1h", "stop_price"} else value

    text = render_snapshot(changed(FULL, unknown), masked=False)
    assert "1h ? 4h" in text
    assert "funding ? relative ?; OI ? 4h ? 24h ?; value ? USD" in text
    assert "stop NOT CONFIRMED" in text
    assert "long_short (unknown)" in text


def test_old_figures_say_their_age_and_that_they_do_not_count() -> None:
    def old(path: Leaf, value: Any) -> Any:
        return 9_000.0 if path[-1] == "toptrader_position_age_s" else value

    text = render_snapshot(changed(FULL, old), masked=False)
    assert text.count("(2.5 h), top accounts") == 3
    assert "counted 0: long_short (too old)" in text


def test_a_late_bar_and_a_block_of_entries_are_said() -> None:
    late = changed(FULL, lambda path, value: True if path[-1] == "stale" else value)
    assert render_snapshot(late, masked=False).count("LATE") == 3
    assert "entries BLOCKED (drawdown 0.21" in PLAIN


def test_too_little_history_is_said_and_not_filled() -> None:
    def young(path: Leaf, value: Any) -> Any:
        return None if "timeframes" in path and path[-2] == "4h" else value

    assert render_snapshot(changed(FULL, young), masked=False).count("4h too little history") == 3


def test_a_quiet_account_is_short() -> None:
    quiet = make_snapshot(positions={}, trades=[], memory_note="")
    text = render_snapshot(quiet, masked=False)
    assert text.count("\nflat") == 3
    assert "no closed trades yet" in text
    assert "memory_note" not in text
    assert "reflections" not in text


def test_a_position_in_an_instrument_that_is_not_configured_is_still_shown() -> None:
    fewer = FULL.model_copy(
        update={
            "instruments": {BTC: FULL.instruments[BTC], ETH: FULL.instruments[ETH]},
            "wake_reasons": (),
        }
    )
    assert render_snapshot(fewer, masked=False).count("POSITION") == 3
    masked = render_snapshot(fewer, masked=True)
    assert masked.count("POSITION") == 3
    assert "SOL" not in masked


# -- text that a model wrote ----------------------------------------------------------------------


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("note", HOSTILE)
def test_hostile_text_stays_inside_its_block(note: str, masked: bool) -> None:
    snapshot = FULL.model_copy(
        update={"memory_note": note, "reflections": (note,), "wake_reasons": (f"condition:{note}",)}
    )
    text = render_snapshot(snapshot, masked=masked)
    assert text.isascii()
    for tag in TAGS:
        assert text.count(f"<{tag}>") == text.count(f"</{tag}>") == 1
        assert len(text.partition(f"<{tag}>\n")[2].partition(f"\n</{tag}>")[0].splitlines()) == 1
    assert len(re.findall(r"<\s*/?\s*[a-z]", text)) == 2 * len(TAGS)
    headings = re.findall(r"^#.*$", text, re.MULTILINE)
    assert len(headings) == len(SYMBOLS) + 1


@settings(max_examples=50)
@given(st.text(max_size=500), st.lists(st.text(max_size=200), max_size=8))
def test_any_notes_leave_the_rest_of_the_message_as_it_is(note: str, more: list[str]) -> None:
    bare = FULL.model_copy(update={"memory_note": "", "reflections": ()})
    told = FULL.model_copy(update={"memory_note": note, "reflections": tuple(more)})
    assert render_snapshot(told, masked=False).startswith(render_snapshot(bare, masked=False))


def test_many_wake_reasons_are_cut_and_counted() -> None:
    many = FULL.model_copy(update={"wake_reasons": tuple(f"reason {k} " * 9 for k in range(20))})
    block = render_snapshot(many, masked=False).partition("</wake_reasons>")[0]
    assert "and 16 more" in block
    assert len(block) < 700


# -- behind the mask ------------------------------------------------------------------------------


def secrets(snapshot: MarketSnapshot) -> Mapping[str, float]:
    return {
        ".".join(map(str, path)): value
        for path, value in leaves(snapshot)
        if is_level(path) and value is not None
    }


def test_a_masked_prompt_holds_no_level_name_or_date() -> None:
    text = whole(FULL, masked=True)
    numbers = {float(each) for each in re.findall(r"\d+\.?\d*", text)}
    near = [
        (name, each)
        for name, level in secrets(FULL).items()
        for each in numbers
        for scale in (1.0, 1e-3, 1e-6, 1e-9)
        if abs(each - level * scale) <= 0.0001 * level * scale and each == each
        and len(str(each)) > 4
    ]  # fmt: skip
    assert near == []
    assert len(secrets(FULL)) == 3 * 7
    assert not re.search(r"BTC|ETH|SOL|20\d\d|-PERP", text)


def test_without_the_mask_every_level_is_there() -> None:
    digits = re.findall(r"\d+\.?\d*", PLAIN)
    for level in secrets(FULL).values():
        assert any(abs(float(each) - level) <= 0.006 * level for each in digits)


def test_notes_behind_the_mask_lose_what_would_tell() -> None:
    price = FULL.instruments[BTC].price
    entry = FULL.positions[ETH].entry_price
    note = f"BTC at {price:.1f} since 2023-11-14, ETH entered {entry:,.2f}; RSI 45 is weak"
    told = FULL.model_copy(
        update={"memory_note": note, "reflections": (note,), "wake_reasons": (f"timer {note}",)}
    )
    text = render_snapshot(told, masked=True)
    line = "X1 at [hidden] since [hidden], X2 entered [hidden]; RSI 45 is weak"
    assert text.count(line) == 3


def test_a_masked_level_may_move_and_the_message_does_not() -> None:
    def scaled(path: Leaf, value: Any) -> Any:
        in_dollars = {"price", "entry_price", "stop_price", "open_interest_value"}
        return value * 3.0 if path[-1] in in_dollars and value is not None else value

    bare = FULL.model_copy(update={"memory_note": "", "reflections": (), "wake_reasons": ()})
    assert render_snapshot(changed(bare, scaled), masked=True) == render_snapshot(bare, masked=True)


def test_a_masked_message_keeps_every_relative_figure() -> None:
    before, unseen = whole(FULL, masked=True), []
    for path, value in CHANGEABLE:
        if is_level(path) or path[-1] == "open_interest_value_age_s":
            continue
        if not isinstance(value, float):
            continue
        after = changed(FULL, lambda at, old, p=path, v=value: other(v) if at == p else old)
        if whole(after, masked=True) == before:
            unseen.append(path)
    assert unseen == []
