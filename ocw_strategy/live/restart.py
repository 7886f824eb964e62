"""What a journal says of positions, put together again after a restart.

Lots are rebuilt from the fills in their order, each with the context its own entry was journalled
with; a closed trade is told again as it was first told. Nothing is journalled here: these are facts
already, and whatever is done twice gives the same.
"""

from dataclasses import asdict
from decimal import Decimal
from typing import Final

from ocw_strategy.journal import DecisionRow, FillRow, Intent, JournalReader, Trade
from ocw_strategy.messages import DecisionPayload, TargetContext, TradePayload
from ocw_strategy.positions import EntryContext, Fill

UNKNOWN: Final = "unknown"
"""The regime of an entry that no decision is known of."""


def entry_contexts(journal: JournalReader) -> dict[str, EntryContext]:
    """Return what each journalled entry was for, by client order id."""
    rows = journal.columns(DecisionRow)
    regimes = dict(zip(rows["decision_id"], rows["regime"], strict=True))
    return {
        intent.client_order_id: entry_context(intent, regimes.get(intent.decision_id, UNKNOWN))
        for intent in journal.rows(Intent)
        if intent.context
    }


def entry_context(intent: Intent, regime: str) -> EntryContext:
    """Return what an entry was for, from its intent and the regime it was decided in."""
    target = TargetContext.model_validate_json(intent.context)
    decision = DecisionPayload(
        decision_id=intent.decision_id,
        close_ns=intent.ts_ns,
        source="journal",
        reason="",
        regime=regime,
        regime_scale=1.0,
        macro_scale=1.0,
        targets=(target,),
    )
    return EntryContext(decision, target)


def fill_of(row: FillRow) -> Fill:
    """Return a journalled fill as the position book takes it."""
    return Fill(
        trade_id=row.trade_id,
        ts_ns=row.ts_ns,
        quantity=Decimal(row.quantity),
        price=Decimal(row.price),
        fee_usd=Decimal(row.commission_usd),
        liquidity=row.liquidity,
    )


def told_trade(journal: JournalReader, trade: Trade) -> TradePayload:
    """Return the message of a journalled trade, as it was sent or should have been."""
    name, _, _ = trade.lot_id.rpartition("/")
    volatility, opened = None, Decimal(trade.quantity)
    for intent in journal.rows(Intent):
        if intent.client_order_id == name and intent.context:
            volatility = TargetContext.model_validate_json(intent.context).volatility
    for fill in journal.rows(FillRow):
        if f"{fill.client_order_id}/{fill.trade_id}" == trade.lot_id:
            opened = Decimal(fill.quantity)
    notional = float(Decimal(trade.quantity) * Decimal(trade.entry_price))
    return TradePayload(
        row=asdict(trade),
        volatility=volatility,
        share=float(Decimal(trade.quantity) / opened),
        gross_return=trade.gross_usd / notional,
        cost=(trade.fees_usd - trade.funding_usd) / notional,
    )
