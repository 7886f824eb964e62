"""A bandit that never learns: what the learning of the other is measured against."""

from ocw_strategy.bandit.bandit import SignalBandit
from ocw_strategy.bandit.outcome import Outcome


class FrozenBandit(SignalBandit):
    """Keeps every posterior at its prior, so that weights and scale stay those of the settings."""

    def record(self, outcome: Outcome) -> bool:
        """Change nothing."""
        return False
