"""`ocw dashboard` as a person types it."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from ocw_strategy.journal import Journal
from tests.test_cli import ocw

WITHOUT_EXTRA = """
import sys
sys.modules["fastapi"] = None
from ocw_strategy.cli import main
sys.argv = ["ocw", "dashboard", "node.db"]
main()
"""


def test_it_serves_a_journal_says_where_and_stops_when_told(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "node.db", run_id="live"):
        pass
    command = [sys.executable, "-m", "ocw_strategy.cli", "dashboard", "node.db", "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OCW_")}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+/", line)
            assert found, line
            assert "reading only" in line
            with urllib.request.urlopen(f"{found[0]}api/overview", timeout=20) as answer:
                assert answer.status == 200
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)


def test_beyond_this_machine_it_asks_for_a_token(tmp_path: Path) -> None:
    refused = ocw("dashboard", "node.db", "--host", "0.0.0.0", cwd=tmp_path)
    assert refused.returncode == 2
    assert "OCW_DASHBOARD_TOKEN" in refused.stderr


def test_a_missing_extra_is_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRA],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "pip install 'ocw-strategy[dashboard]'" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
