"""A backtest as a value, and the variants that a result is held against."""

import json
from pathlib import Path

import numpy as np
import pytest

from ocw_strategy.backtest import RunOutcome, run_outcome, run_variant, with_values
from ocw_strategy.backtest.replay import window_signals
from ocw_strategy.carried import CarriedState
from ocw_strategy.errors import SettingsError
from ocw_strategy.journal import DecisionRow, Evaluation
from ocw_strategy.regime import NEUTRAL_REGIME
from ocw_strategy.settings import Settings
from ocw_strategy.units import DAY_NS, SIGNALS
from tests.backtest.market import Run, make_settings

SHORT = {"start": "2024-02-16", "end": "2024-02-20", "warmup_days": 35}


@pytest.fixture(scope="module")
def settings(catalog: Path) -> Settings:
    return make_settings(catalog, run=SHORT)


@pytest.fixture(scope="module")
def plain(settings: Settings) -> RunOutcome:
    return run_outcome(settings)


def test_an_outcome_is_what_a_run_in_a_folder_would_have_kept(
    settings: Settings, plain: RunOutcome, tmp_path: Path
) -> None:
    kept = run_outcome(settings, journal_path=tmp_path / "journal.db")
    run = Run(settings, "beside")
    assert plain.digest == kept.digest == run.digest()
    run.close()
    assert (tmp_path / "journal.db").is_file()
    assert plain.calls == len(plain.call_ns) > 3
    assert plain.trades
    assert plain.ts_ns[0] == settings.run.start_ns
    assert plain.ts_ns[-1] == settings.run.end_ns
    assert len(plain.equity) == 4 * 24 + 1
    assert plain.equity[0] == settings.account.starting_balance_usd


def test_a_variant_without_a_change_is_the_run_itself(
    settings: Settings, plain: RunOutcome
) -> None:
    assert run_variant(settings, {}).digest == plain.digest


def test_the_open_gate_calls_at_every_decision_close(settings: Settings) -> None:
    outcome = run_variant(settings, {"experiment.gate": "open"})
    assert outcome.calls == 4 * 96 + 1


def test_the_random_gate_calls_as_often_at_other_closes(
    settings: Settings, plain: RunOutcome
) -> None:
    variants = [
        run_variant(
            settings,
            {
                "experiment.gate": "random",
                "experiment.random_calls": plain.calls,
                "experiment.seed": seed,
            },
        )
        for seed in (0, 1)
    ]
    assert {each.calls for each in variants} == {plain.calls}
    ours = set(plain.call_ns.tolist())
    assert len(ours & set(variants[0].call_ns.tolist())) < plain.calls / 2
    assert variants[0].digest != variants[1].digest


def test_the_frozen_bandit_shows_the_prior_at_every_decision(
    settings: Settings, plain: RunOutcome
) -> None:
    def means(outcome: RunOutcome) -> set[float]:
        shown = [json.loads(row.snapshot)["posteriors"] for row in outcome.data.decisions]
        return {posteriors[name]["mean"] for posteriors in shown for name in SIGNALS}

    assert means(run_variant(settings, {"experiment.bandit": "prior"})) == {0.5}
    assert means(plain) > {0.5} or means(plain) != {0.5}


def test_without_the_regime_layer_there_is_one_regime_and_no_scale(settings: Settings) -> None:
    outcome = run_variant(settings, {"experiment.regime": "neutral"})
    assert {row.regime for row in outcome.data.evaluations} == {NEUTRAL_REGIME.key}
    shown = [json.loads(row.snapshot)["regime"] for row in outcome.data.decisions]
    assert {(r["exposure_scale"], r["macro_scale"]) for r in shown} == {(1.0, 1.0)}


def signals_of(row: DecisionRow, symbol: str) -> list[float]:
    found = json.loads(row.snapshot)["instruments"][symbol]["signals"]
    return [found[name] for name in SIGNALS]


def test_signals_known_beforehand_are_those_a_run_sees(
    settings: Settings, plain: RunOutcome
) -> None:
    track = window_signals(settings)
    for row in plain.data.decisions:
        for symbol in settings.data.instruments:
            expected = [track.at(symbol, row.ts_ns).values[name] for name in SIGNALS]
            assert signals_of(row, symbol) == pytest.approx(expected, abs=1e-4)


def test_shuffled_signals_are_those_of_other_days_and_nothing_else_moves(
    settings: Settings, plain: RunOutcome
) -> None:
    outcome = run_variant(settings, {"experiment.shuffle_signals_days": 3})
    track = window_signals(settings)
    symbol = settings.data.instruments[0]
    seen = [signals_of(row, symbol) for row in outcome.data.decisions]
    own = [list(track.at(symbol, row.ts_ns).values.values()) for row in outcome.data.decisions]
    moved = [a for a, b in zip(seen, own, strict=True) if not np.allclose(a, b, atol=1e-4)]
    assert len(moved) > len(seen) / 2
    known = np.nan_to_num(track.values[symbol])
    assert all(np.abs(known - row).max(axis=1).min() < 1e-4 for row in seen)
    # prices, and with them what the gate sees, are as they were
    ours = {(row.ts_ns, row.detail) for row in plain.data.evaluations if "shock" in row.detail}
    assert ours
    assert {(r.ts_ns, r.detail) for r in outcome.data.evaluations if "shock" in r.detail} == ours


def test_a_run_goes_on_from_what_another_left(catalog: Path) -> None:
    common = {"warmup_days": 40}
    first = run_outcome(make_settings(catalog, run={**SHORT, **common, "end": "2024-02-18"}))
    later = make_settings(catalog, run={**SHORT, **common, "start": "2024-02-18"})
    whole = run_outcome(make_settings(catalog, run={**SHORT, **common}))
    on = run_outcome(later, carried=first.state)
    anew = run_outcome(later)
    seam_ns = later.run.start_ns

    def after(outcome: RunOutcome) -> list[Evaluation]:
        return [row for row in outcome.data.evaluations if row.ts_ns > seam_ns]

    # the account starts flat, so what follows may differ with what was held: the very next close
    # is judged by what was learnt, the purse and the timers alone
    assert repr(after(on)[0]) == repr(after(whole)[0]) != repr(after(anew)[0])
    assert len(after(on)) == len(after(whole)) == 2 * 96
    counted = on.state.desk["gate"]["counts"]
    assert sum(count for _, _, count in counted) == 4 * 96 + 1
    assert on.data.evaluations[0].ts_ns > seam_ns  # that close was judged by the first run


def test_a_halt_outlives_the_seam_and_what_was_learnt_alone_does_not_bring_it(
    catalog: Path, settings: Settings, plain: RunOutcome
) -> None:
    halt = {**plain.state.halt, "drawdown_halt": True}  # type: ignore[dict-item]
    halted = run_outcome(settings, carried=CarriedState(_fresh(plain, settings), halt))
    assert not halted.trades
    assert halted.calls
    free = run_outcome(settings, carried=CarriedState(_fresh(plain, settings), halt).learnt())
    assert free.trades


def _fresh(plain: RunOutcome, settings: Settings) -> dict[str, object]:
    # a state whose clock stands before the window
    desk = json.loads(json.dumps(plain.state.desk))
    desk["gate"]["now_ns"] = settings.run.start_ns - DAY_NS
    desk["gate"]["open_calls"], desk["calls"], desk["gate"]["hindsight"]["pending"] = [], [], []
    for rows in desk["shadows"]["pending"].values():
        rows.clear()
    purse = desk["gate"]["purse"]
    purse["now_ns"] = desk["gate"]["now_ns"]
    desk["gate"]["schedule"]["woke_ns"] = desk["gate"]["schedule"]["timer_ns"] = 0
    desk["gate"]["schedule"]["spoke_ns"] = {}
    return desk


@pytest.mark.parametrize("key", ["run.sede", "nothing.at_all", "run.seed.deep"])
def test_a_variant_of_an_unknown_key_is_refused(settings: Settings, key: str) -> None:
    with pytest.raises(SettingsError, match=key.replace(".", r"\.")):
        with_values(settings, {key: 1})
