"""The live node: the same actor and strategy on a venue, kept alive and stopped safely."""

from ocw_strategy.live.halt import HaltFile, HaltFileError, HaltNote

__all__ = ["HaltFile", "HaltFileError", "HaltNote"]
