"""
What is measured by ``make bench``: a sub-package a group, a module a benchmark, each beside a peer in the same run.

A benchmark is a module with ``measure(bench: Workbench) -> Iterator[Row]``. A group is a sub-package that lists its
modules in ``BENCHMARKS``, in the order in which they run; its figures go to ``docs/benchmarks/<group>.json``.
"""
