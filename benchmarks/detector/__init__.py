"""The outlier detector beside scikit-learn's isolation forest."""

BENCHMARKS = ("fit",)
