"""Orders, positions and balances in the words of Binance: REST answers and user-stream events.

The clock of every event is the account's (wall time); `at_ms` is the moment of the transaction.
"""

from decimal import Decimal
from typing import Any

from tests.venue.listings import LISTINGS
from tests.venue.records import ZERO, AlgoOrder, Order, Position, Trade

Message = dict[str, Any]


def money(value: Decimal) -> str:
    """Return an amount of USDT with eight decimals."""
    return f"{value:.8f}"


def priced(symbol: str, value: Decimal) -> str:
    """Return a price with the decimals the venue quotes the symbol in."""
    return f"{value:.{LISTINGS[symbol].price_digits}f}"


def lots(symbol: str, value: Decimal) -> str:
    """Return a quantity with the decimals of the lot."""
    return f"{value:.{LISTINGS[symbol].quantity_digits}f}"


# -- REST ------------------------------------------------------------------------------------------


def order(found: Order) -> Message:
    """Return an order as ``GET /fapi/v1/order`` tells it."""
    symbol = found.symbol
    return {
        "orderId": found.id,
        "symbol": symbol,
        "status": found.status,
        "clientOrderId": found.client_id,
        "price": priced(symbol, found.price),
        "avgPrice": f"{found.average:.5f}",
        "origQty": lots(symbol, found.quantity),
        "executedQty": lots(symbol, found.filled),
        "cumQuote": money(found.cost),
        "timeInForce": found.time_in_force,
        "type": found.type,
        "reduceOnly": found.reduce_only,
        "closePosition": False,
        "side": found.side,
        "positionSide": "BOTH",
        "stopPrice": priced(symbol, found.trigger) if found.trigger else "0",
        "workingType": found.working_type,
        "priceProtect": False,
        "origType": found.algo_type or found.type,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": found.good_till_ms,
        "time": found.time_ms,
        "updateTime": found.update_ms,
    }


def order_placed(found: Order) -> Message:
    """Return the answer to a new, amended or cancelled order."""
    answer = order(found)
    del answer["time"]
    return answer | {"cumQty": answer["executedQty"]}


def algo_order(found: AlgoOrder) -> Message:
    """Return a conditional order as ``GET /fapi/v1/algoOrder`` tells it."""
    symbol, placed = found.symbol, found.order
    return {
        "algoId": found.id,
        "clientAlgoId": found.client_id,
        "algoType": "CONDITIONAL",
        "orderType": found.type,
        "symbol": symbol,
        "side": found.side,
        "positionSide": "BOTH",
        "timeInForce": found.time_in_force,
        "quantity": lots(symbol, found.quantity) if not found.close_position else "",
        "algoStatus": found.status,
        "actualOrderId": str(placed.id) if placed else "",
        "actualPrice": f"{placed.average:.5f}" if placed else "0.00000",
        "actualQty": lots(symbol, placed.filled) if placed else "0",
        "actualType": placed.type if placed else "",
        "triggerPrice": priced(symbol, found.trigger),
        "price": priced(symbol, found.price),
        "icebergQuantity": None,
        "tpTriggerPrice": "0.000",
        "tpPrice": "0.000",
        "slTriggerPrice": "0.000",
        "slPrice": "0.000",
        "tpOrderType": "",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": found.working_type,
        "priceMatch": "NONE",
        "closePosition": found.close_position,
        "priceProtect": False,
        "reduceOnly": found.reduce_only,
        "createTime": found.time_ms,
        "updateTime": found.update_ms,
        "triggerTime": found.trigger_ms,
        "goodTillDate": 0,
    }


def algo_placed(found: AlgoOrder) -> Message:
    """Return the answer to a new conditional order."""
    answer = algo_order(found)
    for name in ("actualOrderId", "actualPrice", "actualQty", "actualType"):
        del answer[name]
    return answer


def user_trade(trade: Trade) -> Message:
    """Return an execution as ``GET /fapi/v1/userTrades`` tells it."""
    return {
        "symbol": trade.symbol,
        "id": trade.id,
        "orderId": trade.order_id,
        "side": trade.side,
        "price": priced(trade.symbol, trade.price),
        "qty": lots(trade.symbol, trade.quantity),
        "realizedPnl": money(trade.realized),
        "quoteQty": money(trade.price * trade.quantity),
        "commission": money(trade.commission),
        "commissionAsset": "USDT",
        "time": trade.time_ms,
        "positionSide": "BOTH",
        "buyer": trade.side == "BUY",
        "maker": trade.maker,
    }


def position_risk(position: Position, mark: Decimal, liquidation: Decimal) -> Message:
    """Return a position as ``GET /fapi/v3/positionRisk`` tells it."""
    notional = position.amount * mark
    initial = abs(notional) / position.leverage
    return {
        "symbol": position.symbol,
        "positionSide": "BOTH",
        "positionAmt": lots(position.symbol, position.amount),
        "entryPrice": f"{position.entry:.8f}".rstrip("0").rstrip("."),
        "breakEvenPrice": f"{position.entry:.8f}".rstrip("0").rstrip("."),
        "markPrice": money(mark),
        "unRealizedProfit": money(position.unrealized(mark)),
        "liquidationPrice": money(liquidation),
        "isolatedMargin": "0.00000000",
        "notional": money(notional),
        "marginAsset": "USDT",
        "isolatedWallet": "0",
        "initialMargin": money(initial),
        "maintMargin": money(abs(notional) * Decimal("0.025")),
        "positionInitialMargin": money(initial),
        "openOrderInitialMargin": "0",
        "adl": 1,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": position.update_ms,
    }


# -- user stream -----------------------------------------------------------------------------------


def order_update(found: Order, execution: str, trade: Trade | None, at_ms: int) -> Message:
    """Return an ``ORDER_TRADE_UPDATE``; `execution` is what happened, such as ``NEW``."""
    symbol = found.symbol
    body: Message = {
        "s": symbol,
        "c": found.client_id,
        "S": found.side,
        "o": found.type,
        "f": found.time_in_force,
        "q": lots(symbol, found.quantity),
        "p": priced(symbol, found.price) if found.price else "0",
        "ap": f"{found.average:f}" if found.filled else "0",
        "sp": priced(symbol, found.trigger) if found.trigger else "0",
        "x": execution,
        "X": found.status,
        "i": found.id,
        "l": lots(symbol, trade.quantity) if trade else "0",
        "z": lots(symbol, found.filled),
        "L": priced(symbol, trade.price) if trade else "0",
        "T": at_ms,
        "t": trade.id if trade else 0,
        "b": "0",
        "a": "0",
        "m": trade.maker if trade else False,
        "R": found.reduce_only,
        "wt": found.working_type,
        "ot": found.algo_type or found.type,
        "ps": "BOTH",
        "cp": False,
        "rp": money(trade.realized) if trade else "0",
        "pP": False,
        "si": found.algo_id,
        "ss": 0,
        "V": "EXPIRE_MAKER",
        "pm": "NONE",
        "gtd": found.good_till_ms,
    }
    if trade is not None:
        body |= {"N": "USDT", "n": money(trade.commission)}
    return {"e": "ORDER_TRADE_UPDATE", "T": at_ms, "E": at_ms, "o": body}


def algo_update(found: AlgoOrder, status: str, at_ms: int) -> Message:
    """Return an ``ALGO_UPDATE`` in one of the states of a conditional order."""
    symbol, placed = found.symbol, found.order
    body: Message = {
        "caid": found.client_id,
        "aid": found.id,
        "at": "CONDITIONAL",
        "o": found.type,
        "s": symbol,
        "S": found.side,
        "ps": "BOTH",
        "f": found.time_in_force,
        "q": lots(symbol, found.quantity),
        "X": status,
        "ai": str(placed.id) if placed else "",
        "ap": f"{placed.average:f}" if placed and placed.filled else "0.00000",
        "aq": lots(symbol, placed.filled) if placed else "0.00000",
        "act": placed.type if placed else "0",
        "tp": priced(symbol, found.trigger),
        "p": priced(symbol, found.price),
        "V": "EXPIRE_MAKER",
        "wt": found.working_type,
        "pm": "NONE",
        "cp": found.close_position,
        "pP": False,
        "R": found.reduce_only,
        "tt": found.trigger_ms,
        "gtd": 0,
    }
    if found.refused:
        body["rm"] = found.refused
    return {"e": "ALGO_UPDATE", "T": at_ms, "E": at_ms, "o": body}


def account_update(
    reason: str,
    wallet: Decimal,
    position: Position | None,
    mark: Decimal,
    at_ms: int,
    change: Decimal = ZERO,
) -> Message:
    """Return an ``ACCOUNT_UPDATE``: the wallet and, if it changed, a position."""
    positions = []
    if position is not None:
        entry = f"{position.entry:.8f}".rstrip("0").rstrip(".")
        positions.append(
            {
                "s": position.symbol,
                "pa": lots(position.symbol, position.amount),
                "ep": entry,
                "cr": money(position.realized),
                "up": money(position.unrealized(mark)),
                "mt": position.margin_type,
                "iw": "0",
                "ps": "BOTH",
                "ma": "USDT",
                "bep": entry,
            }
        )
    balance = {"a": "USDT", "wb": money(wallet), "cw": money(wallet), "bc": money(change)}
    return {
        "e": "ACCOUNT_UPDATE",
        "T": at_ms,
        "E": at_ms,
        "a": {"m": reason, "B": [balance], "P": positions},
    }


def config_update(symbol: str, leverage: int, at_ms: int) -> Message:
    """Return an ``ACCOUNT_CONFIG_UPDATE`` of a leverage."""
    return {
        "e": "ACCOUNT_CONFIG_UPDATE",
        "T": at_ms,
        "E": at_ms,
        "ac": {"s": symbol, "l": leverage},
    }
