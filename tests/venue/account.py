"""The signed REST endpoints: what the account is, and what it is told to do."""

import json
from decimal import Decimal
from typing import Any, Final

from tests.venue import checks, payloads
from tests.venue.checks import Parameters
from tests.venue.exchange import DAY_MS, Exchange
from tests.venue.ledger import MAINTENANCE
from tests.venue.listings import MAKER_FEE, TAKER_FEE
from tests.venue.payloads import Message, lots, money
from tests.venue.records import ZERO, Position, Trade
from tests.venue.refusals import Refusal

_DONE: Final = {"code": 200, "msg": "The operation of cancel all open order is done."}
_MAXIMUM_NOTIONAL: Final = "100000000"


def account(exchange: Exchange, now_ms: int, *, version: int) -> Message:
    """Answer ``GET /fapi/v2/account`` or ``/fapi/v3/account``."""
    ledger = exchange.ledger
    initial, maintenance = money(ledger.initial_margin), money(ledger.maintenance_margin)
    wallet, profit = money(ledger.wallet), money(ledger.unrealized)
    equity, free = money(ledger.wallet + ledger.unrealized), money(ledger.available)
    asset = {
        "asset": "USDT",
        "walletBalance": wallet,
        "unrealizedProfit": profit,
        "marginBalance": equity,
        "maintMargin": maintenance,
        "initialMargin": initial,
        "positionInitialMargin": initial,
        "openOrderInitialMargin": "0.00000000",
        "crossWalletBalance": wallet,
        "crossUnPnl": profit,
        "availableBalance": free,
        "maxWithdrawAmount": free,
        "updateTime": now_ms,
    }
    totals = {
        "totalInitialMargin": initial,
        "totalMaintMargin": maintenance,
        "totalWalletBalance": wallet,
        "totalUnrealizedProfit": profit,
        "totalMarginBalance": equity,
        "totalPositionInitialMargin": initial,
        "totalOpenOrderInitialMargin": "0.00000000",
        "totalCrossWalletBalance": wallet,
        "totalCrossUnPnl": profit,
        "availableBalance": free,
        "maxWithdrawAmount": free,
    }
    positions = ledger.positions.values()
    if version == 3:
        held = [_position_v3(exchange, p) for p in positions if p.amount]
        return totals | {"assets": [asset], "positions": held}
    return {
        **account_config(exchange),
        **totals,
        "assets": [asset | {"marginAvailable": True}],
        "positions": [_position_v2(exchange, p) for p in positions],
    }


def _position_v3(exchange: Exchange, position: Position) -> Message:
    mark = exchange.ledger.mark(position.symbol)
    notional = position.amount * mark
    return {
        "symbol": position.symbol,
        "positionSide": "BOTH",
        "positionAmt": lots(position.symbol, position.amount),
        "unrealizedProfit": money(position.unrealized(mark)),
        "isolatedMargin": "0.00000000",
        "notional": money(notional),
        "isolatedWallet": "0",
        "initialMargin": money(abs(notional) / position.leverage),
        "maintMargin": money(abs(notional) * MAINTENANCE),
        "updateTime": position.update_ms,
    }


def _position_v2(exchange: Exchange, position: Position) -> Message:
    common = _position_v3(exchange, position)
    return common | {
        "positionInitialMargin": common["initialMargin"],
        "openOrderInitialMargin": "0",
        "leverage": str(position.leverage),
        "isolated": position.margin_type == "isolated",
        "entryPrice": f"{position.entry:.5f}",
        "breakEvenPrice": f"{position.entry:.5f}",
        "maxNotional": _MAXIMUM_NOTIONAL,
        "bidNotional": "0",
        "askNotional": "0",
    }


def account_config(_: Exchange) -> Message:
    """Answer ``GET /fapi/v1/accountConfig``."""
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": False,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }


def balance(exchange: Exchange, now_ms: int) -> list[Message]:
    """Answer ``GET /fapi/v2/balance``."""
    asset = account(exchange, now_ms, version=2)["assets"][0]
    names = ("crossWalletBalance", "crossUnPnl", "availableBalance", "maxWithdrawAmount")
    return [
        {
            "accountAlias": "SgsR",
            "asset": "USDT",
            "balance": asset["walletBalance"],
            **{name: asset[name] for name in names},
            "marginAvailable": True,
            "updateTime": now_ms,
        }
    ]


def position_risk(exchange: Exchange, params: Parameters) -> list[Message]:
    """Answer ``GET /fapi/v3/positionRisk``: open positions, or the one symbol that is asked for."""
    ledger, wanted = exchange.ledger, params.get("symbol")
    found = [
        position
        for position in ledger.positions.values()
        if (position.symbol == wanted if wanted else position.amount != 0)
    ]
    return [payloads.position_risk(p, ledger.mark(p.symbol), _liquidation(p)) for p in found]


def _liquidation(position: Position) -> Decimal:
    if not position.amount:
        return ZERO
    lost = Decimal(1) / position.leverage - MAINTENANCE
    return position.entry * (1 - lost if position.amount > 0 else 1 + lost)


def symbol_config(exchange: Exchange, params: Parameters) -> list[Message]:
    """Answer ``GET /fapi/v1/symbolConfig``."""
    return [
        {
            "symbol": position.symbol,
            "marginType": "CROSSED" if position.margin_type == "cross" else "ISOLATED",
            "isAutoAddMargin": False,
            "leverage": position.leverage,
            "maxNotionalValue": _MAXIMUM_NOTIONAL,
        }
        for position in exchange.ledger.positions.values()
        if params.get("symbol", position.symbol) == position.symbol
    ]


def leverage(exchange: Exchange, params: Parameters) -> Message:
    """Carry out ``POST /fapi/v1/leverage``."""
    symbol, value = checks.listing(params).symbol, checks.integer(params, "leverage")
    exchange.set_leverage(symbol, value)
    return {"leverage": value, "maxNotionalValue": _MAXIMUM_NOTIONAL, "symbol": symbol}


def margin_type(exchange: Exchange, params: Parameters) -> Message:
    """Carry out ``POST /fapi/v1/marginType``."""
    symbol = checks.listing(params).symbol
    exchange.set_margin_type(symbol, checks.text(params, "marginType"))
    return {"code": 200, "msg": "success"}


def commission_rate(params: Parameters) -> Message:
    """Answer ``GET /fapi/v1/commissionRate``."""
    return {
        "symbol": checks.listing(params).symbol,
        "makerCommissionRate": str(MAKER_FEE),
        "takerCommissionRate": str(TAKER_FEE),
    }


def trading_status(now_ms: int) -> Message:
    """Answer ``GET /fapi/v1/apiTradingStatus``: nothing is locked."""
    return {"indicators": {}, "updateTime": now_ms}


def permissions(*, withdrawals: bool) -> Message:
    """Answer ``GET /sapi/v1/account/apiRestrictions``: what the key may do."""
    return {
        "ipRestrict": False,
        "createTime": 1_700_000_000_000,
        "enableReading": True,
        "enableFutures": True,
        "enableMargin": False,
        "enableSpotAndMarginTrading": False,
        "enableWithdrawals": withdrawals,
        "enableInternalTransfer": False,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
    }


def all_orders(exchange: Exchange, params: Parameters) -> list[Message]:
    """Answer ``GET /fapi/v1/allOrders``."""
    orders = exchange.kept_orders(checks.listing(params).symbol)
    first = checks.integer(params, "orderId", 0)
    kept = [order for order in orders if _within(params, order.time_ms) and order.id >= first]
    return [payloads.order(order) for order in _limited(params, kept, from_start=bool(first))]


def all_algo_orders(exchange: Exchange, params: Parameters) -> list[Message]:
    """Answer ``GET /fapi/v1/allAlgoOrders``."""
    orders = exchange.kept_algo_orders(checks.listing(params).symbol)
    kept = [order for order in orders if _within(params, order.time_ms)]
    return [payloads.algo_order(order) for order in _limited(params, kept)]


def user_trades(exchange: Exchange, params: Parameters, now_ms: int) -> list[Message]:
    """Answer ``GET /fapi/v1/userTrades``: of the last seven days unless another week is asked."""
    symbol = checks.listing(params).symbol
    start = checks.integer(params, "startTime", 0)
    end = checks.integer(params, "endTime", 0)
    order_id = checks.integer(params, "orderId", 0)
    first = checks.integer(params, "fromId", 0)
    week = 7 * DAY_MS
    if start and end and end - start > week:
        raise Refusal(-1102, "endTime")
    end = end or (start + week if start else now_ms)
    start = start or (0 if first or order_id else end - week)
    kept: list[Trade] = [
        trade
        for trade in exchange.ledger.trades
        if trade.symbol == symbol
        and start <= trade.time_ms <= end
        and trade.id >= first
        and order_id in {0, trade.order_id}
    ]
    from_start = bool(first or params.get("startTime"))
    return [payloads.user_trade(t) for t in _limited(params, kept, from_start=from_start)]


def income(exchange: Exchange, params: Parameters) -> list[Message]:
    """Answer ``GET /fapi/v1/income``."""
    kept = [
        entry
        for entry in exchange.ledger.incomes
        if params.get("symbol", entry.symbol) == entry.symbol
        and params.get("incomeType", entry.kind) == entry.kind
        and _within(params, entry.time_ms)
    ]
    return [
        {
            "symbol": entry.symbol,
            "incomeType": entry.kind,
            "income": money(entry.amount),
            "asset": "USDT",
            "info": entry.kind,
            "time": entry.time_ms,
            "tranId": entry.id,
            "tradeId": entry.trade_id,
        }
        for entry in _limited(params, kept, default=100)
    ]


def cancel_all(exchange: Exchange, params: Parameters) -> Message:
    """Carry out ``DELETE /fapi/v1/allOpenOrders``."""
    exchange.cancel_all(checks.listing(params).symbol)
    return dict(_DONE)


def cancel_all_algo(exchange: Exchange, params: Parameters) -> Message:
    """Carry out ``DELETE /fapi/v1/algoOpenOrders``."""
    exchange.cancel_all_algo(checks.listing(params).symbol)
    return dict(_DONE)


def cancel_algo(exchange: Exchange, params: Parameters) -> Message:
    """Carry out ``DELETE /fapi/v1/algoOrder``."""
    found = exchange.cancel_algo(params)
    return {
        "algoId": found.id,
        "clientAlgoId": found.client_id,
        "code": "200",
        "msg": "success",
    }


def cancel_batch(exchange: Exchange, params: Parameters) -> list[Any]:
    """Carry out ``DELETE /fapi/v1/batchOrders``: each order or why it could not be cancelled."""
    answers = []
    for client_id in json.loads(params.get("origClientOrderIdList", "[]")):
        try:
            found = exchange.cancel({"symbol": params["symbol"], "origClientOrderId": client_id})
            answers.append(payloads.order_placed(found))
        except Refusal as refusal:
            answers.append(refusal.body)
    return answers


def _within(params: Parameters, time_ms: int) -> bool:
    start = checks.integer(params, "startTime", 0)
    end = checks.integer(params, "endTime", 0)
    return time_ms >= start and (not end or time_ms <= end)


def _limited[T](
    params: Parameters, rows: list[T], *, from_start: bool = False, default: int = 500
) -> list[T]:
    limit = min(checks.integer(params, "limit", default), 1000)
    return rows[:limit] if from_start else rows[-limit:]
