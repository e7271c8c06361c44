"""Shows how far a suite is: on a terminal in one line that is rewritten, elsewhere in at most one line a minute."""

import sys
import time


class Progress:
    def __init__(self, name):
        self.name, self.width = name, 0
        self.due = time.monotonic() + 60

    def show(self, text):
        line = f"{self.name}: {text}"
        if sys.stderr.isatty():
            print(f"\r{line:{self.width}}", end="", file=sys.stderr, flush=True)
            self.width = len(line)
        elif time.monotonic() >= self.due:
            print(line, file=sys.stderr, flush=True)
            self.due = time.monotonic() + 60

    def clear(self):
        """Removes the line from a terminal."""
        if self.width:
            print(f"\r{'':{self.width}}\r", end="", file=sys.stderr, flush=True)
            self.width = 0
