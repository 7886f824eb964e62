"""Expectation maximisation of a hidden Markov model from one starting point, by hmmlearn.

The only module that imports hmmlearn, which is slow to load: `fit_hidden_markov` does so when it
fits.
"""

from collections.abc import Sequence

import numpy as np
from hmmlearn.base import ConvergenceMonitor
from hmmlearn.hmm import GaussianHMM
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ITERATIONS = 200
_TOLERANCE = 0.01
_LEAST_PERIODS_PER_STATE = 5.0
_LEAST_VARIANCE = 1e-3  # of a standardised feature within a state
_STAY = 0.9  # where the probability of staying in a state starts


class _Monitor(ConvergenceMonitor):
    """Convergence by the size of the last gain; hmmlearn's own also calls giving up converged."""

    def report(self, log_prob: float) -> None:
        self.history.append(log_prob)
        self.iter += 1

    @property
    def converged(self) -> bool:
        return len(self.history) >= 2 and abs(self.history[-1] - self.history[-2]) < self.tol


def maximise(standardised: Floats, lengths: Sequence[int], cuts: Floats) -> GaussianHMM | None:
    """Run one expectation maximisation from the groups that `cuts` make of ranked volatility.

    Parameters
    ----------
    standardised : numpy.ndarray
        Standardised log return and log realised volatility of each period, shape ``(n, 2)``.
    lengths : Sequence[int]
        Periods of each unbroken stretch.
    cuts : numpy.ndarray
        Ascending ranks, as fractions, between the groups: one fewer than states.

    Returns
    -------
    GaussianHMM or None
        None where the fit is not sound.
    """
    states = len(cuts) + 1
    rank = np.argsort(np.argsort(standardised[:, 1], kind="stable"), kind="stable")
    group = np.searchsorted(cuts, (rank + 0.5) / len(rank))
    if np.bincount(group, minlength=states).min() < _LEAST_PERIODS_PER_STATE:
        return None
    model = GaussianHMM(
        states,
        "diag",
        n_iter=_ITERATIONS,
        tol=_TOLERANCE,
        init_params="",
        implementation="scaling",  # the same answers as "log" at a third of the time
    )
    model.monitor_ = _Monitor(_TOLERANCE, _ITERATIONS, verbose=False)
    model.startprob_ = np.full(states, 1 / states)
    model.transmat_ = np.full((states, states), (1 - _STAY) / (states - 1))
    np.fill_diagonal(model.transmat_, _STAY)
    model.means_ = np.array([standardised[group == state].mean(axis=0) for state in range(states)])
    model.covars_ = np.ones((states, standardised.shape[1]))
    try:
        model.fit(standardised, lengths)
        return model if _is_sound(model, standardised, lengths) else None
    except ValueError:  # hmmlearn's answer to improper parameters and to underflow
        return None


def _is_sound(model: GaussianHMM, standardised: Floats, lengths: Sequence[int]) -> bool:
    parameters = (model.startprob_, model.transmat_, model.means_, model.covars_)
    return bool(
        model.monitor_.converged
        and all(np.isfinite(values).all() for values in parameters)
        and np.allclose(model.transmat_.sum(axis=1), 1)
        and np.diagonal(model.covars_, axis1=1, axis2=2).min() >= _LEAST_VARIANCE
        and model.predict_proba(standardised, lengths).sum(axis=0).min() >= _LEAST_PERIODS_PER_STATE
    )
