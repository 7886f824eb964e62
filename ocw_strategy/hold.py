"""What merely holding would have made of an account: what every equity curve is seen against."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

type Values = NDArray[np.float64]


def hold_values(prices: Mapping[str, Values], balance_usd: float, fee: float) -> Values:
    """Return the equity of buying instruments with equal money once and never trading again.

    Each is bought at its first known price and sold at the last sample, for the fee both times;
    money for an instrument without a price yet stays cash. Nothing is rebalanced, and neither
    slippage nor funding is paid: a harder standard than a perpetual held in earnest.

    Parameters
    ----------
    prices : Mapping[str, ndarray]
        Price at each sample, by instrument; NaN before the first one.
    balance_usd : float
        What the account starts with.
    fee : float
        Taker fee, a fraction of notional.
    """
    share = balance_usd / len(prices)
    return np.sum([_held(price, share, fee) for price in prices.values()], axis=0)


def _held(price: Values, share_usd: float, fee: float) -> Values:
    known = np.flatnonzero(np.isfinite(price))
    value = np.full(len(price), share_usd)
    if len(known):
        first = known[0]
        value[first:] = share_usd / (1.0 + fee) * price[first:] / price[first]
        value[0] = share_usd  # the account before it bought
        value[-1] *= 1.0 - fee
    return value
