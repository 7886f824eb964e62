"""What Hypothesis draws outcomes from, shared by the bandit's property tests."""

from hypothesis import strategies as st

from ocw_strategy.bandit import Outcome
from ocw_strategy.units import SIGNALS

REGIMES = ("calm_goldilocks", "normal_goldilocks", "wild_stagflation")

strengths = st.floats(-1.0, 1.0, allow_nan=False)
signals = st.fixed_dictionaries(dict.fromkeys(SIGNALS, strengths))


@st.composite
def outcomes(draw: st.DrawFn, largest: int = 25) -> list[Outcome]:
    """Real outcomes with distinct ids, in no order of time."""
    return [
        Outcome(
            ts_ns=draw(st.integers(0, 1_000)),
            regime=draw(st.sampled_from(REGIMES)),
            signals=draw(signals),
            direction=draw(st.sampled_from((1, -1))),
            gross_return=draw(st.floats(-0.5, 0.5)),
            cost=draw(st.floats(-0.01, 0.02)),
            volatility=draw(st.sampled_from((0.001, 0.005, float("nan")))),
            trade_id=f"T{index}",
            share=draw(st.sampled_from((0.25, 1.0))),
        )
        for index in range(draw(st.integers(0, largest)))
    ]
