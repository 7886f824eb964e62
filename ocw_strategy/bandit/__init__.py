"""Beta posteriors of the derivative signals, by regime, and what follows from them."""

from ocw_strategy.bandit.bandit import SignalBandit
from ocw_strategy.bandit.frozen import FrozenBandit
from ocw_strategy.bandit.outcome import Outcome
from ocw_strategy.bandit.posterior import BetaPosterior
from ocw_strategy.bandit.settings import BanditSettings
from ocw_strategy.bandit.shadow import ShadowOutcomes

__all__ = [
    "BanditSettings",
    "BetaPosterior",
    "FrozenBandit",
    "Outcome",
    "ShadowOutcomes",
    "SignalBandit",
]
