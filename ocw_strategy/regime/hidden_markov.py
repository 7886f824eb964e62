"""A Gaussian hidden Markov model of volatility: its fit by BIC and its forward filter.

The fit is hmmlearn's expectation maximisation with diagonal covariances on the standardised pair
(log return, log realised volatility), from several seeded starting points for each number of
states. What lies more than five standard deviations out is drawn in to five, so that one crash or
one bad price does not claim a state of its own.

A candidate that did not converge, holds a non-finite or improper parameter, a collapsed variance,
or a state that speaks for fewer than five periods is discarded; when none is left the fit is
refused and the caller has no model, which is not the same as a calm one.

Only the forward filter is offered. Smoothed and Viterbi states look into the future.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEATURES = 2
_OUTERMOST = 5.0  # standard deviations


@dataclass(frozen=True, slots=True)
class HiddenMarkovFit:
    """A fitted model of `n` states over standardised features.

    Attributes
    ----------
    location, scale : numpy.ndarray
        Mean and standard deviation of the features over the fit window, shape ``(2,)``.
    start, transition : numpy.ndarray
        Initial and transition probabilities, shapes ``(n,)`` and ``(n, n)``.
    means, variances : numpy.ndarray
        Of the standardised features by state, shape ``(n, 2)``.
    log_likelihood, bic : float
        Of the fit window.
    """

    location: Floats
    scale: Floats
    start: Floats
    transition: Floats
    means: Floats
    variances: Floats
    log_likelihood: float
    bic: float

    @property
    def volatilities(self) -> Floats:
        """Root mean square annualised volatility of each state, shape ``(n,)``.

        The second moment of a log-normal variable: with log volatility normal of mean m and
        variance v, its root mean square is ``exp(m + v)``.
        """
        mean = self.location[1] + self.scale[1] * self.means[:, 1]
        variance = self.scale[1] ** 2 * self.variances[:, 1]
        return np.exp(mean + variance)

    def step(self, before: Floats | None, observation: Sequence[float], elapsed: int = 1) -> Floats:
        """Return the filtered state probabilities after one more period.

        Parameters
        ----------
        before : numpy.ndarray or None
            Filtered probabilities after the previous observed period; None for the first.
        observation : sequence of float
            Log return and log realised volatility of the period.
        elapsed : int
            Periods since the previous observed one; more than 1 when periods were skipped.

        Returns
        -------
        numpy.ndarray
            Probabilities of the states given this and all earlier periods, shape ``(n,)``.

        Notes
        -----
        Rabiner, "A tutorial on hidden Markov models", Proc. IEEE 77 (1989), the scaled forward
        recursion of section V.A.
        """
        prior = self.start
        if before is not None:
            prior = before @ np.linalg.matrix_power(self.transition, elapsed)
        distance = _standardise(np.asarray(observation), self.location, self.scale) - self.means
        log_density = -0.5 * np.sum(
            distance**2 / self.variances + np.log(2 * math.pi * self.variances), axis=1
        )
        weights = prior * np.exp(log_density - log_density[prior > 0].max())
        return weights / weights.sum()


def free_parameters(states: int) -> int:
    """Return the number of free parameters of a model with diagonal covariances.

    Initial probabilities, transition rows, and a mean and a variance for each state and feature.
    """
    return (states - 1) + states * (states - 1) + 2 * states * FEATURES


def bayesian_information_criterion(log_likelihood: float, states: int, observations: int) -> float:
    """Return BIC from the TOTAL log-likelihood of all observations; lower is better.

    Notes
    -----
    Schwarz, "Estimating the dimension of a model", Annals of Statistics 6 (1978).
    """
    return free_parameters(states) * math.log(observations) - 2 * log_likelihood


def fit_hidden_markov(
    observations: Floats,
    lengths: Sequence[int],
    *,
    state_counts: Sequence[int],
    restarts: int,
    seed: int,
) -> HiddenMarkovFit | None:
    """Fit models of several numbers of states and return the one of lowest BIC.

    Parameters
    ----------
    observations : numpy.ndarray
        Log return and log realised volatility of each period, ascending in time, shape ``(p, 2)``.
        Everything in it must be known at the moment of the fit.
    lengths : sequence of int
        Lengths of the unbroken runs in it; their sum is ``p``.
    state_counts : sequence of int
        Numbers of states to try.
    restarts : int
        Starting points for each: the quantiles of volatility, then seeded random cuts of it.
    seed : int
        Seed of those cuts.

    Returns
    -------
    HiddenMarkovFit or None
        None when every candidate was discarded.
    """
    # here, not above: whoever only reads a journal need not load what fits models
    from ocw_strategy.regime.maximisation import maximise

    location, scale = observations.mean(axis=0), observations.std(axis=0)
    if not np.all(scale > 0):
        return None
    standardised = _standardise(observations, location, scale)
    best: HiddenMarkovFit | None = None
    for states in state_counts:
        rng = np.random.default_rng((seed, states))
        for restart in range(restarts):
            cuts = np.arange(1, states) / states if restart == 0 else rng.uniform(size=states - 1)
            model = maximise(standardised, lengths, np.sort(cuts))
            if model is None:
                continue
            log_likelihood = float(model.score(standardised, lengths))
            bic = bayesian_information_criterion(log_likelihood, states, len(observations))
            if best is None or bic < best.bic:
                best = HiddenMarkovFit(
                    location=location,
                    scale=scale,
                    start=model.startprob_,
                    transition=model.transmat_,
                    means=model.means_,
                    variances=np.diagonal(model.covars_, axis1=1, axis2=2).copy(),
                    log_likelihood=log_likelihood,
                    bic=bic,
                )
    return best


def _standardise(observations: Floats, location: Floats, scale: Floats) -> Floats:
    return np.clip((observations - location) / scale, -_OUTERMOST, _OUTERMOST)
