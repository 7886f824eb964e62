"""Serve the loopback API by hand: ``python -m tests.claude --port 8000``; it answers with holds."""

import argparse
import threading

from tests.claude.api import KEY, ClaudeApi


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args().port
    with ClaudeApi(port=port) as api:
        print(f"serving the Messages API at {api.url}, key {KEY}; stop with Ctrl-C", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(f"{len(api.calls)} calls")


if __name__ == "__main__":
    main()
