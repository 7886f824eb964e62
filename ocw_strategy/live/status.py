"""How a node does, in the lines that `ocw status` and the bot show."""

from ocw_strategy.live.heartbeat import Heartbeat, health


def status_lines(beat: Heartbeat, now_ns: int) -> list[str]:
    """Return a heartbeat in words: first whether all is well, then what is held, then what is not.

    Parameters
    ----------
    beat : Heartbeat
    now_ns : int
        Wall time, UNIX nanoseconds.
    """
    _, found = health(beat, now_ns)
    lines = [f"{found['status']}: {beat.account}, {beat.state}, {found['age_s']:.0f} s ago"]
    for symbol, known in beat.instruments.items():
        stop = f"stop {known.stop_price}" if known.stop_price else "no stop"
        lines.append(f"  {symbol}: {known.quantity}, {stop}")
    equity = "unknown" if beat.equity_usd is None else f"{beat.equity_usd:,.2f} USD"
    lines.append(f"  equity {equity}, last decision {beat.last_decision_outcome or 'none yet'}")
    lines += [f"  entries blocked: {reason}" for reason in beat.entries_blocked]
    lines += [f"  problem: {problem}" for problem in beat.problems]
    return lines
