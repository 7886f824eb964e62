"""Derivative statistics as they were known: funding, open interest, long/short ratios, taker flow.

`DerivativeBook` takes records in any order and answers for a moment: a record counts only after its
``ts_init``, whatever its ``ts_event`` says. In the very instant of its ``ts_init`` it does not: on
which side of a bar that closes then it is delivered is an accident of the stream. Records wait
unread until somebody asks, so adding one costs an append. Late records take their place, and of two
with the same ``ts_event`` the one published later holds. A value that is NaN, infinite, zero or
negative (for funding: not finite) was not published: the last known one stays, with its growing
age, for as long as the windows reach.

Every derived value is a function of a finite window of records. Sums over windows are exact
integers, so a book that starts with enough history equals one that has run for a year, bit for
bit. What cannot be known is NaN. Each instrument has values of its own and nothing is shared.
"""

import math
from bisect import bisect_left, bisect_right, insort_right
from collections.abc import Sequence
from operator import itemgetter
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
_OPEN_INTEREST, _TOP_POSITION, _TAKER, _COLUMNS = 0, 3, 5, 6  # of a row

type _Row = tuple[float, ...]
type _Waiting[T] = tuple[int, int, T]
"""What becomes known after its first number, of the moment its second number names."""

_known_ns = itemgetter(0)


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

    def add_funding(self, symbol: str, ts_event_ns: int, ts_init_ns: int, rate: float) -> None:
        """Add a settled funding rate, known after `ts_init_ns`."""
        instrument = self._instruments[symbol]
        instrument.found = None
        _wait(instrument.fundings, (ts_init_ns, ts_event_ns, rate))

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
        row = (
            open_interest,
            open_interest_value,
            toptrader_account_ls_ratio,
            toptrader_position_ls_ratio,
            global_account_ls_ratio,
            taker_buy_sell_ratio,
        )
        instrument = self._instruments[symbol]
        instrument.found = None
        _wait(instrument.metrics, (ts_init_ns, ts_event_ns, row))

    def add_bar(self, symbol: str, close_ns: int, volume: float, taker_buy_volume: float) -> None:
        """Add a closed base bar's volume, once per bar, known from its close on.

        With it the volume delta is that of the bars, or the taker ratio weighed by their volume
        where the bars carry no taker volume (NaN). Without any bar the ratios weigh alike.
        """
        instrument = self._instruments[symbol]
        instrument.found = None
        instrument.bars.append((close_ns, volume, taker_buy_volume))

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
        if instrument.found is None or now_ns > instrument.now_ns:
            instrument.advance(now_ns)
            instrument.found = instrument.statistics()
        return instrument.found


class _Instrument:
    """What is known of one instrument, and what waits to become known."""

    def __init__(self, symbol: str, settings: StatisticsSettings) -> None:
        self.symbol = symbol
        self.now_ns = 0
        self.fundings: list[_Waiting[float]] = []
        self.metrics: list[_Waiting[_Row]] = []
        self.bars: list[tuple[int, float, float]] = []
        self.found: DerivativeStatistics | None = None  # at `now_ns`, until something is added
        self._funding = FundingWindow(settings)
        self._flow = TakerFlow(settings)
        self._window_ns = settings.long_short_window_hours * HOUR_NS
        self._change_ns = settings.open_interest_window_hours * HOUR_NS
        self._times: list[int] = []
        self._rows: list[_Row] = []
        self._ratios: list[int | None] = []  # log of the top traders' ratio, None when unknown
        self._newest: Sequence[float] = (_NAN,) * _COLUMNS  # published values
        self._newest_ns: Sequence[int] = (0,) * _COLUMNS
        self._count = 0  # of known log ratios in the window, with their exact sums
        self._sum = 0
        self._squares = 0

    def advance(self, now_ns: int) -> None:
        """Read what has become known and forget what left the windows."""
        self.now_ns = now_ns
        for time, rate in _known_before(self.fundings, now_ns):
            if time <= now_ns:
                self._funding.add(time, rate)
        self._funding.forget(now_ns)
        if self.bars:
            known = bisect_right(self.bars, now_ns, key=_known_ns)
            for bar in self.bars[:known]:
                self._flow.add_bar(*bar)
            del self.bars[:known]
        oldest_ns = now_ns - self._window_ns
        for time, row in _known_before(self.metrics, now_ns):
            if oldest_ns < time <= now_ns:  # else too old, or not true yet
                self._add_row(time, row)
        if self._times and self._times[0] <= oldest_ns:
            gone = bisect_right(self._times, oldest_ns)
            for ratio in self._ratios[:gone]:
                self._count_ratio(ratio, -1)
            del self._times[:gone], self._rows[:gone], self._ratios[:gone]
        self._flow.forget(now_ns)

    def _add_row(self, time: int, row: _Row) -> None:
        times = self._times
        late = bool(times) and time <= times[-1]
        if not late and min(row) > 0.0 and sum(row) < math.inf:  # all was published, in order
            log_ratio = round(math.log(row[_TOP_POSITION]) / _UNIT)
            times.append(time)
            self._rows.append(row)
            self._ratios.append(log_ratio)
            self._count += 1
            self._sum += log_ratio
            self._squares += log_ratio * log_ratio
            self._flow.add_ratio(time, row[_TAKER], 1)
            self._newest, self._newest_ns = row, (time,) * _COLUMNS
        else:
            self._place_row(time, row)

    def _place_row(self, time: int, row: _Row) -> None:
        # a row that is late, published again, or has holes
        times = self._times
        at = bisect_left(times, time)
        if at < len(times) and times[at] == time:
            old = self._rows[at]
            row = tuple(b if _published(b) else a for a, b in zip(old, row, strict=True))
            self._drop_row(at)
        ratio = row[_TOP_POSITION]
        log_ratio = round(math.log(ratio) / _UNIT) if _published(ratio) else None
        times.insert(at, time)
        self._rows.insert(at, row)
        self._ratios.insert(at, log_ratio)
        self._count_ratio(log_ratio, 1)
        if _published(row[_TAKER]):
            self._flow.add_ratio(time, row[_TAKER], 1)
        self._note_published(time, row)

    def _drop_row(self, at: int) -> None:
        time, row = self._times.pop(at), self._rows.pop(at)
        self._count_ratio(self._ratios.pop(at), -1)
        if _published(row[_TAKER]):
            self._flow.add_ratio(time, row[_TAKER], -1)

    def _note_published(self, time: int, row: _Row) -> None:
        newest, newest_ns = list(self._newest), list(self._newest_ns)
        for column, value in enumerate(row):
            if time >= newest_ns[column] and _published(value):
                newest[column], newest_ns[column] = value, time
        self._newest, self._newest_ns = newest, newest_ns

    def _count_ratio(self, log_ratio: int | None, sign: int) -> None:
        if log_ratio is not None:
            self._count += sign
            self._sum += sign * log_ratio
            self._squares += sign * log_ratio * log_ratio

    def statistics(self) -> DerivativeStatistics:
        """Return everything known now."""
        delta, delta_ns = self._flow.delta(self.now_ns)
        rate, relative, funding_ns = self._funding.newest()
        values, times = self._newest, self._newest_ns
        oldest = self.now_ns - self._window_ns
        if min(times) <= oldest:
            fresh = [time > oldest for time in times]
            values = [v if known else _NAN for v, known in zip(values, fresh, strict=True)]
            times = [t if known else 0 for t, known in zip(times, fresh, strict=True)]
        open_interest, open_interest_value, top_account, top_position, account, taker = values
        (
            open_interest_ns, open_interest_value_ns, top_account_ns, top_position_ns, account_ns,
            taker_ns,
        ) = times  # fmt: skip
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


def _wait[T](waiting: list[_Waiting[T]], record: _Waiting[T]) -> None:
    if waiting and record[0] < waiting[-1][0]:  # late: behind what becomes known as early
        insort_right(waiting, record, key=_known_ns)
    else:
        waiting.append(record)


def _known_before[T](waiting: list[_Waiting[T]], now_ns: int) -> list[tuple[int, T]]:
    # returns and forgets what has become known, in the order in which it did
    if not waiting or waiting[0][0] >= now_ns:
        return []
    known = bisect_left(waiting, now_ns, key=_known_ns)
    found = [(time, value) for _, time, value in waiting[:known]]
    del waiting[:known]
    return found
