# SPDX-License-Identifier: Apache-2.0
"""Chaos as a suite of contrib/check: the checker's own proof, then two runs."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
