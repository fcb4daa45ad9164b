"""``python -m benchmarks [NAME…] [--quick] [--out DIR]``."""

from __future__ import annotations

import os
import sys

from benchmarks.run import main
from riskloom.settings import PATIENT_THREADS

os.environ.update({**PATIENT_THREADS, **os.environ})  # before anything that brings OpenMP is imported
sys.exit(main())
