"""Errors that a person can act on, wherever they were raised."""

import pickle

from ocw_strategy.catalog import NoDataError
from ocw_strategy.errors import OcwError, SettingsError


def test_an_error_survives_the_way_out_of_another_process() -> None:
    for error in (SettingsError("run.seed", -1, "give 0 or more"), NoDataError("a", "b", "c")):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert isinstance(again, OcwError)
        assert (again.field, again.value, again.remedy) == (error.field, error.value, error.remedy)
