"""How many times longer than usual a test waits before it gives up: a sanitizer makes the programs several times slower, its script (scripts/tsan) says how many."""
import os

PACE = float(os.environ.get("TEST_PACE", "1"))
