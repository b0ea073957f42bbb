"""Puts the plain form of programs, which tests compare with, where they can import it."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
