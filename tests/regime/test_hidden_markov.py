import itertools
import math

import numpy as np
import pytest
from hmmlearn.hmm import GaussianHMM
from scipy import stats

from ocw_strategy.regime import maximisation
from ocw_strategy.regime.hidden_markov import (
    Floats,
    HiddenMarkovFit,
    bayesian_information_criterion,
    fit_hidden_markov,
    free_parameters,
)


def observations(levels: list[float], periods: int, seed: int, stay: int = 20) -> Floats:
    """Log return and log realised volatility of a market that takes up its levels in turn."""
    rng = np.random.default_rng(seed)
    level = np.asarray(levels)[np.arange(periods) // stay % len(levels)]
    volatility = level * np.exp(0.25 * rng.standard_normal(periods))
    return np.column_stack((level / 27 * rng.standard_normal(periods), np.log(volatility)))


def fitted(data: Floats, **changes: object) -> HiddenMarkovFit | None:
    options = {"state_counts": (2, 3, 4), "restarts": 3, "seed": 7} | changes
    lengths = options.pop("lengths", [len(data)])
    return fit_hidden_markov(data, lengths, **options)  # type: ignore[arg-type]


def sound(data: Floats, **changes: object) -> HiddenMarkovFit:
    fit = fitted(data, **changes)
    assert fit is not None
    return fit


def standardised(fit: HiddenMarkovFit, data: Floats) -> Floats:
    return np.clip((data - fit.location) / fit.scale, -5, 5)


def in_hmmlearn(fit: HiddenMarkovFit) -> GaussianHMM:
    model = GaussianHMM(len(fit.start), "diag")
    model.startprob_, model.transmat_ = fit.start, fit.transition
    model.means_, model.covars_ = fit.means, fit.variances
    model.n_features = 2
    return model


def filtered(fit: HiddenMarkovFit, data: Floats) -> list[Floats]:
    steps: list[Floats] = []
    for row in data:
        steps.append(fit.step(steps[-1] if steps else None, row))
    return steps


@pytest.mark.parametrize(("states", "count"), [(2, 11), (3, 20), (4, 31)])
def test_b13_free_parameters_are_those_of_diagonal_covariances(states: int, count: int) -> None:
    assert free_parameters(states) == count
    model = GaussianHMM(states, "diag")
    model.n_features = 2
    assert sum(model._get_n_fit_scalars_per_param().values()) == count


def test_b13_bic_and_likelihood_equal_those_of_hmmlearn() -> None:
    data = observations([0.2, 0.8], 300, seed=3)
    fit = sound(data)
    model, inputs = in_hmmlearn(fit), standardised(fit, data)
    assert fit.log_likelihood == pytest.approx(model.score(inputs), rel=1e-12)
    assert fit.bic == pytest.approx(model.bic(inputs), rel=1e-12)


def test_b13_bic_uses_the_total_log_likelihood_of_an_independent_forward_pass() -> None:
    data = observations([0.2, 0.8], 120, seed=4)
    fit = sound(data, state_counts=(2,))
    density = np.prod(
        stats.norm.pdf(standardised(fit, data)[:, None, :], fit.means, np.sqrt(fit.variances)),
        axis=2,
    )
    alpha, total = fit.start * density[0], 0.0
    for row in density[1:]:
        total += math.log(alpha.sum())
        alpha = (alpha / alpha.sum()) @ fit.transition * row
    total += math.log(alpha.sum())
    assert fit.log_likelihood == pytest.approx(total, rel=1e-10)
    assert fit.bic == pytest.approx(11 * math.log(120) - 2 * total, rel=1e-10)
    assert fit.bic == bayesian_information_criterion(fit.log_likelihood, 2, 120)


@pytest.mark.parametrize(("levels", "states"), [([0.2, 0.9], 2), ([0.15, 0.45, 1.3], 3)])
def test_b13_bic_finds_the_true_number_of_states_not_the_largest(
    levels: list[float], states: int
) -> None:
    chosen = [len(sound(observations(levels, 600, seed)).start) for seed in range(6)]
    assert chosen.count(states) >= 5


def test_filter_equals_the_last_point_of_every_prefix_in_hmmlearn() -> None:
    data = observations([0.2, 0.5, 1.1], 200, seed=5)
    fit = sound(data[:150])  # the last fifty are after the fit
    model, inputs = in_hmmlearn(fit), standardised(fit, data)
    steps = filtered(fit, data)
    for length in range(1, len(data) + 1):
        expected = model.predict_proba(inputs[:length])[-1]
        assert np.allclose(steps[length - 1], expected, rtol=0, atol=1e-12)


def test_filter_over_skipped_periods_sums_over_what_they_might_have_been() -> None:
    data = observations([0.2, 0.9], 200, seed=6)
    fit = sound(data, state_counts=(2,))
    before, after = data[0], data[60]
    step = fit.step(fit.step(None, before), after, elapsed=4)  # three periods unseen
    inputs = standardised(fit, np.array([before, after]))
    density = np.prod(stats.norm.pdf(inputs[:, None, :], fit.means, np.sqrt(fit.variances)), axis=2)
    weights = np.zeros(2)
    for path in itertools.product(range(2), repeat=5):
        moves = math.prod(fit.transition[path[i], path[i + 1]] for i in range(4))
        weights[path[-1]] += fit.start[path[0]] * density[0, path[0]] * moves * density[1, path[-1]]
    assert np.allclose(step, weights / weights.sum(), atol=1e-12)


def test_filter_survives_an_observation_far_from_every_state() -> None:
    fit = sound(observations([0.2, 0.9], 200, seed=6))
    probabilities = fit.step(None, (9.0, math.log(40)))
    assert np.isfinite(probabilities).all()
    assert probabilities.sum() == pytest.approx(1)
    assert probabilities.argmax() == fit.volatilities.argmax()


def test_volatility_of_a_state_is_its_root_mean_square() -> None:
    data = observations([0.2, 0.8], 400, seed=8)
    fit = sound(data, state_counts=(2,))
    state = int(fit.volatilities.argmin())
    mean = fit.location[1] + fit.scale[1] * fit.means[state, 1]
    deviation = fit.scale[1] * math.sqrt(fit.variances[state, 1])
    second_moment = stats.lognorm(s=deviation, scale=math.exp(mean)).moment(2)
    assert fit.volatilities[state] == pytest.approx(math.sqrt(second_moment))
    assert fit.volatilities[state] == pytest.approx(0.2 * math.exp(0.25**2), rel=0.05)


def test_same_seed_gives_the_same_fit_to_the_bit() -> None:
    data = observations([0.2, 0.5, 1.1], 250, seed=9)
    first, second = sound(data), sound(data.copy())
    assert first.bic == second.bic
    assert all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("start", "transition", "means", "variances")
    )


def test_more_starting_points_never_give_a_higher_bic() -> None:
    data = observations([0.15, 0.3, 0.6, 1.2], 300, seed=10)
    bics = [sound(data, restarts=restarts).bic for restarts in (1, 3, 8)]
    assert bics == sorted(bics, reverse=True)


def test_b13_fit_that_does_not_converge_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maximisation, "_ITERATIONS", 2)
    assert fitted(observations([0.2, 0.9], 200, seed=6)) is None


def test_b13_fit_to_what_does_not_vary_is_refused() -> None:
    assert fitted(np.tile((0.01, -1.0), (200, 1))) is None


def test_b13_fit_with_a_collapsed_variance_is_refused() -> None:
    data = observations([0.5], 200, seed=11)
    data[::2] = (0.0, -1.0)  # every other period is the very same
    assert fitted(data) is None


def test_b13_fit_with_too_few_periods_for_its_states_is_refused() -> None:
    assert fitted(observations([0.2, 0.9], 9, seed=12)) is None


def test_one_crash_does_not_cost_the_model_of_a_year() -> None:
    data = observations([0.2, 0.9], 700, seed=13)
    data[350] = (-0.6, math.log(6))
    fit = sound(data)
    assert fit.volatilities.max() < 2


def test_runs_on_both_sides_of_a_gap_are_fitted_apart() -> None:
    data = observations([0.2, 0.9], 300, seed=14)
    fit = sound(data, lengths=[100, 200], state_counts=(2,))
    model, inputs = in_hmmlearn(fit), standardised(fit, data)
    assert fit.log_likelihood == pytest.approx(model.score(inputs, [100, 200]), rel=1e-12)


def test_fit_writes_nothing_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    for seed in range(3):
        fitted(observations([0.15, 0.3, 0.6, 1.2], 200, seed=seed))
    assert caplog.records == []
