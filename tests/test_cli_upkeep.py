"""The commands of upkeep, as a person types them."""

from pathlib import Path

from ocw_strategy.journal import Evaluation, Intent, Journal, SkippedDay
from tests.journal.samples import intent, sample
from tests.test_cli import ocw


def journal_at(path: Path) -> Path:
    with Journal.open(path, run_id="live") as journal:
        journal.append(sample(Evaluation, 0, wake=0))
        journal.append(intent(1))
    return path


def test_back_up_check_restore_prune_and_export(tmp_path: Path) -> None:
    journal_at(tmp_path / "live.db")
    for arguments, said in (
        (("backup", "live.db", "copy.db"), "copied to"),
        (("journal", "check", "copy.db"), "is whole"),
        (("restore", "copy.db", "back.db"), "restored"),
        (("journal", "prune", "back.db", "--keep-days", "30"), "1 skips folded"),
        (("journal", "export", "back.db", "out"), "tables in out"),
    ):
        done = ocw(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert said in done.stdout
    with Journal.read_only(tmp_path / "back.db") as reader:
        assert (reader.count(Evaluation), reader.count(SkippedDay)) == (0, 1)
        assert reader.rows(Intent) == [intent(1)]


def test_pruning_and_restoring_are_refused_while_a_node_has_the_journal(tmp_path: Path) -> None:
    path = journal_at(tmp_path / "live.db")
    assert ocw("backup", "live.db", "copy.db", cwd=tmp_path).returncode == 0
    with Journal.open(path, run_id="live"):
        for arguments in (
            ("restore", "copy.db", "live.db", "--replace"),
            ("journal", "prune", "live.db"),
        ):
            refused = ocw(*arguments, cwd=tmp_path)
            assert refused.returncode == 2
            assert "held by pid" in refused.stderr


def test_a_journal_with_something_wrong_is_exit_code_1(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "live.db", run_id="live") as journal:
        journal.append(sample(Intent, 1, decision_id="ffffffffffff"))
    checked = ocw("journal", "check", "live.db", cwd=tmp_path)
    assert checked.returncode == 1
    assert "intents: 1 speak of decisions" in checked.stdout
