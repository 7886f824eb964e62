"""Derivative statistics as they were known: funding, open interest, long/short ratios, taker flow.

`DerivativeBook` takes records in any order and answers for a moment: a record counts only after its
``ts_init``, whatever its ``ts_event`` says. In the very instant of its ``ts_init`` it does not: on
which side of a bar that closes then it is delivered is an accident of the stream. Records wait
unread until somebody asks, so adding one costs a push. Late records take their place, and of two
with the same ``ts_event`` the one published later holds. A value that is NaN, infinite, zero or
negative (for funding: not finite) was not published: the last known one stays, with its growing
age, for as long as the windows reach.

Every derived value is a function of a finite window of records. Sums over windows are exact
integers, so a book that starts with enough history equals one that has run for a year, bit for
bit. What cannot be known is NaN. Each instrument has values of its own and nothing is shared.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Final, NamedTuple

from ocw_strategy.errors import OcwError
from ocw_strategy.market.flow import TakerFlow
from ocw_strategy.market.funding import FundingWindow
from ocw_strategy.market.settings import StatisticsSettings
from ocw_strategy.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS

_UNIT: Final = 1e-9
_FLOOR_LOG_RATIO: Final = 0.01
_LEAST_RATIOS: Final = 288  # one day of five-minute rows
_TOLERANCE_NS: Final = 30 * MINUTE_NS

_NAN: Final = math.nan
_OPEN_INTEREST, _TOP_POSITION, _TAKER = 0, 3, 5  # columns of a row

type _Row = tuple[float, ...]


class DerivativeStatistics(NamedTuple):
    """One instrument's statistics as known at `now_ns`; ages in seconds; unknown values are NaN."""

    symbol: str
    now_ns: int
    funding_rate: float = _NAN
    """The last settled rate, per settlement."""
    funding_age_s: float = _NAN
    funding_relative: float = _NAN
    """Rate per 8 hours beyond neutral, in multiples of its typical distance from neutral."""
    open_interest: float = _NAN
    """In contracts of the base asset."""
    open_interest_age_s: float = _NAN
    open_interest_change: float = _NAN
    """Change over the window of the settings (4 hours), a fraction."""
    open_interest_change_24h: float = _NAN
    """Change over 24 hours, a fraction."""
    open_interest_value: float = _NAN
    """In US dollars."""
    open_interest_value_age_s: float = _NAN
    toptrader_account_ls_ratio: float = _NAN
    toptrader_account_age_s: float = _NAN
    toptrader_position_ls_ratio: float = _NAN
    toptrader_position_age_s: float = _NAN
    global_account_ls_ratio: float = _NAN
    global_account_age_s: float = _NAN
    long_short_z: float = _NAN
    """Log of the top traders' position ratio against its recent mean, in deviations."""
    taker_buy_sell_ratio: float = _NAN
    taker_age_s: float = _NAN
    cumulative_volume_delta: float = _NAN
    """Net taker buying over the window as a share of its volume, -1 to 1."""
    cumulative_volume_delta_age_s: float = _NAN


class DerivativeBook:
    """Derivative statistics of several instruments.

    Parameters
    ----------
    settings : StatisticsSettings
        The windows.
    symbols : sequence of str
        Instruments, as Nautilus symbols.
    """

    def __init__(self, settings: StatisticsSettings, symbols: Sequence[str]) -> None:
        self._instruments = {symbol: _Instrument(symbol, settings) for symbol in symbols}
        self._sequence = 0

    def add_funding(self, symbol: str, ts_event_ns: int, ts_init_ns: int, rate: float) -> None:
        """Add a settled funding rate, known after `ts_init_ns`."""
        self._sequence += 1
        heappush(
            self._instruments[symbol].fundings, (ts_init_ns, self._sequence, ts_event_ns, rate)
        )

    def add_metrics(
        self,
        symbol: str,
        ts_event_ns: int,
        ts_init_ns: int,
        open_interest: float,
        open_interest_value: float,
        toptrader_account_ls_ratio: float,
        toptrader_position_ls_ratio: float,
        global_account_ls_ratio: float,
        taker_buy_sell_ratio: float,
    ) -> None:
        """Add a row of metrics, known after `ts_init_ns`; NaN where nothing was published."""
        self._sequence += 1
        row = (
            open_interest,
            open_interest_value,
            toptrader_account_ls_ratio,
            toptrader_position_ls_ratio,
            global_account_ls_ratio,
            taker_buy_sell_ratio,
        )
        heappush(self._instruments[symbol].metrics, (ts_init_ns, self._sequence, ts_event_ns, row))

    def add_bar(self, symbol: str, close_ns: int, volume: float, taker_buy_volume: float) -> None:
        """Add a closed base bar's volume, once per bar, known from its close on.

        With it the volume delta is that of the bars, or the taker ratio weighed by their volume
        where the bars carry no taker volume (NaN). Without any bar the ratios weigh alike.
        """
        self._instruments[symbol].bars.append((close_ns, volume, taker_buy_volume))

    def at(self, symbol: str, now_ns: int) -> DerivativeStatistics:
        """Return an instrument's statistics as known at `now_ns`.

        Raises
        ------
        OcwError
            If `now_ns` is before an earlier question about the instrument: what fell out of the
            windows since is gone.
        """
        instrument = self._instruments[symbol]
        if now_ns < instrument.now_ns:
            raise OcwError(
                f"{symbol} now_ns", now_ns, f"ask for {instrument.now_ns} or a later moment"
            )
        instrument.advance(now_ns)
        return instrument.statistics()


class _Instrument:
    """What is known of one instrument, and what waits to become known."""

    def __init__(self, symbol: str, settings: StatisticsSettings) -> None:
        self.symbol = symbol
        self.now_ns = 0
        self.fundings: list[tuple[int, int, int, float]] = []
        self.metrics: list[tuple[int, int, int, _Row]] = []
        self.bars: list[tuple[int, float, float]] = []
        self._funding = FundingWindow(settings)
        self._flow = TakerFlow(settings)
        self._window_ns = settings.long_short_window_hours * HOUR_NS
        self._change_ns = settings.open_interest_window_hours * HOUR_NS
        self._times: list[int] = []
        self._rows: list[_Row] = []
        self._newest = [(_NAN, 0)] * 6  # by column: the newest published value and its time
        self._count = 0  # of known log ratios in the window, with their exact sums
        self._sum = 0
        self._squares = 0

    def advance(self, now_ns: int) -> None:
        """Read what has become known and forget what left the windows."""
        self.now_ns = now_ns
        while self.fundings and self.fundings[0][0] < now_ns:
            _, _, time, rate = heappop(self.fundings)
            if time <= now_ns:
                self._funding.add(time, rate)
        self._funding.forget(now_ns)
        if self.bars:
            known = bisect_right(self.bars, now_ns, key=lambda bar: bar[0])
            for bar in self.bars[:known]:
                self._flow.add_bar(*bar)
            del self.bars[:known]
        while self.metrics and self.metrics[0][0] < now_ns:
            _, _, time, row = heappop(self.metrics)
            if now_ns - self._window_ns < time <= now_ns:  # else too old, or not true yet
                self._add_row(time, row)
        gone = bisect_right(self._times, now_ns - self._window_ns)
        for row in self._rows[:gone]:
            self._count_ratio(row, -1)
        del self._times[:gone], self._rows[:gone]
        self._flow.forget(now_ns)

    def _add_row(self, time: int, row: _Row) -> None:
        times, rows = self._times, self._rows
        if not times or time > times[-1]:
            times.append(time)
            rows.append(row)
        else:
            at = bisect_left(times, time)
            if times[at] == time:
                old = rows[at]
                self._count_row(time, old, -1)
                row = tuple(b if _published(b) else a for a, b in zip(old, row, strict=True))
                rows[at] = row
            else:
                times.insert(at, time)
                rows.insert(at, row)
        self._count_row(time, row, 1)
        for column, value in enumerate(row):
            if time >= self._newest[column][1] and _published(value):
                self._newest[column] = value, time

    def _count_row(self, time: int, row: _Row, sign: int) -> None:
        self._count_ratio(row, sign)
        if _published(row[_TAKER]):
            self._flow.add_ratio(time, row[_TAKER], sign)

    def _count_ratio(self, row: _Row, sign: int) -> None:
        ratio = row[_TOP_POSITION]
        if _published(ratio):
            value = round(math.log(ratio) / _UNIT)
            self._count += sign
            self._sum += sign * value
            self._squares += sign * value * value

    def statistics(self) -> DerivativeStatistics:
        """Return everything known now."""
        delta, delta_ns = self._flow.delta(self.now_ns)
        rate, relative, funding_ns = self._funding.newest()
        oldest = self.now_ns - self._window_ns
        (
            (open_interest, open_interest_ns),
            (open_interest_value, open_interest_value_ns),
            (top_account, top_account_ns),
            (top_position, top_position_ns),
            (account, account_ns),
            (taker, taker_ns),
        ) = [known if known[1] > oldest else (_NAN, 0) for known in self._newest]
        return DerivativeStatistics(
            self.symbol,
            self.now_ns,
            rate,
            self._age(funding_ns),
            relative,
            open_interest,
            self._age(open_interest_ns),
            self._change(open_interest, open_interest_ns, self._change_ns),
            self._change(open_interest, open_interest_ns, DAY_NS),
            open_interest_value,
            self._age(open_interest_value_ns),
            top_account,
            self._age(top_account_ns),
            top_position,
            self._age(top_position_ns),
            account,
            self._age(account_ns),
            self._ratio_z(top_position),
            taker,
            self._age(taker_ns),
            delta,
            self._age(delta_ns),
        )

    def _age(self, time: int) -> float:
        return (self.now_ns - time) / SECOND_NS if time else _NAN

    def _change(self, open_interest: float, time: int, span_ns: int) -> float:
        times, rows = self._times, self._rows
        then = time - span_ns
        for at in range(bisect_right(times, then) - 1, -1, -1):
            if then - times[at] > _TOLERANCE_NS:
                break
            reference = rows[at][_OPEN_INTEREST]
            if _published(reference):
                return open_interest / reference - 1.0
        return _NAN

    def _ratio_z(self, ratio: float) -> float:
        count = self._count - 1  # the newest is judged by the others
        if count < _LEAST_RATIOS:
            return _NAN
        value = round(math.log(ratio) / _UNIT)
        total = self._sum - value
        spread = count * (self._squares - value * value) - total * total
        deviation = math.sqrt(spread) / count
        return (value - total / count) / max(deviation, _FLOOR_LOG_RATIO / _UNIT)


def _published(value: float) -> bool:
    return 0.0 < value < math.inf
