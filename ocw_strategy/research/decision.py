"""One decision with everything around it: what was seen, said, cut, sent, filled and earned."""

import json
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

import pandas as pd

from ocw_strategy.backtest.page import cards, paragraph, table
from ocw_strategy.backtest.run_data import RunData
from ocw_strategy.backtest.wording import moment, money, percent, plain, short
from ocw_strategy.journal import Clamp, DecisionRow, FillRow, Intent, Trade
from ocw_strategy.research.frames import numeric, of_records


@dataclass(frozen=True)
class DecisionView:
    """A decision of a run; displayed in a notebook as a page of its own."""

    run: RunData
    row: DecisionRow

    @cached_property
    def snapshot(self) -> dict[str, Any]:
        """Return what the advisor was shown, as plain values."""
        return json.loads(self.row.snapshot)

    @cached_property
    def decision(self) -> dict[str, Any] | None:
        """Return what it decided, as plain values; None for a hold."""
        return json.loads(self.row.decision) if self.row.decision else None

    @cached_property
    def signals(self) -> pd.DataFrame:
        """Return each instrument's signals as they were shown, a row an instrument."""
        shown = {s: report["signals"] for s, report in self.snapshot["instruments"].items()}
        return pd.DataFrame(shown).T.rename_axis("instrument")

    @cached_property
    def posteriors(self) -> pd.DataFrame:
        """Return what the bandit believed, as it was shown, a row a signal."""
        return pd.DataFrame(self.snapshot["posteriors"]).T.rename_axis("signal")

    @cached_property
    def targets(self) -> pd.DataFrame:
        """Return the exposures wanted, a row an instrument; empty for a hold."""
        found = self.decision["targets"] if self.decision else []
        frame = pd.DataFrame(found, columns=["symbol", "exposure", "confidence"])
        return frame.set_index("symbol")

    @cached_property
    def clamps(self) -> pd.DataFrame:
        """Return the limits that cut it."""
        found = [each for each in self.run.clamps if each.decision_id == self.row.decision_id]
        return of_records(Clamp, found, leave=["decision_id"])

    @cached_property
    def orders(self) -> pd.DataFrame:
        """Return the orders that left for it, its stops among them."""
        frame = of_records(Intent, self._intents, leave=["decision_id"])
        return numeric(frame, "quantity", "reference_price", "trigger_price")

    @cached_property
    def fills(self) -> pd.DataFrame:
        """Return what of those was executed."""
        ids = {each.client_order_id for each in self._intents}
        found = [each for each in self.run.fills if each.client_order_id in ids]
        return numeric(of_records(FillRow, found), "quantity", "price", "commission_usd")

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Return the closed trades it opened."""
        frame = of_records(Trade, self._trades, "closed_ns", leave=["decision_id"])
        return numeric(frame, "quantity", "entry_price", "exit_price")

    @property
    def _intents(self) -> list[Intent]:
        found = self.run.intents.values()
        return [each for each in found if each.decision_id == self.row.decision_id]

    @property
    def _trades(self) -> list[Trade]:
        return [each for each in self.run.trades if each.decision_id == self.row.decision_id]

    def __repr__(self) -> str:
        return f"DecisionView({self.row.decision_id}, {moment(self.row.ts_ns)}, {self.row.outcome})"

    def _repr_html_(self) -> str:
        row, decided = self.row, self.decision
        targets = [
            (short(symbol), f"{exposure:+.2f}", f"{confidence:.2f}")
            for symbol, exposure, confidence in self.targets.reset_index().to_numpy().tolist()
        ]
        signals = [
            (short(str(symbol)), *(f"{value:+.2f}" for value in values))
            for symbol, values in zip(
                self.signals.index, self.signals.to_numpy().tolist(), strict=True
            )
        ]
        names = [plain(str(name)) for name in self.signals.columns]
        clamps = [
            (
                plain(each.limit_name),
                short(each.symbol),
                f"{each.before:,.2f}",
                f"{each.after:,.2f}",
            )
            for each in self.run.clamps
            if each.decision_id == row.decision_id
        ]  # fmt: skip
        orders = [
            (moment(each.ts_ns), each.purpose, short(each.symbol), each.side, each.quantity)
            for each in self._intents
        ]
        trades = [
            (
                short(each.symbol), moment(each.closed_ns), plain(each.exit_reason),
                percent(each.net_return, sign=True), money(each.net_usd),
            )
            for each in self._trades
        ]  # fmt: skip
        return "".join(
            [
                f"<h3>Decision at {escape(moment(row.ts_ns))} UTC</h3>",
                paragraph(
                    f"{row.advisor}, {plain(row.outcome)}; regime {plain(row.regime)}; "
                    f"woken by {row.reasons.replace(';', ', ')}"
                ),
                paragraph(decided["reason"] if decided else "Nothing was changed."),
                cards(
                    {
                        "Signals": table(("", *names), signals),
                        "Wanted": table(("", "exposure", "confidence"), targets),
                        "Cut by": table(("limit", "", "before", "after"), clamps),
                        "Orders": table(("UTC", "", "", "", "quantity"), orders),
                        "What came of it": table(("", "closed", "by", "return", "USD"), trades),
                    }
                ),
            ]
        )
