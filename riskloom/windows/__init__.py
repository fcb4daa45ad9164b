"""Windowed features: declared once, kept online as exact state, equal to what the warehouse computes."""

from riskloom.windows.declaration import load_plan
from riskloom.windows.plan import RatioFeature, Smoothing, Span, Stream, WindowFeature, WindowPlan, WindowView

__all__ = [
    "RatioFeature",
    "Smoothing",
    "Span",
    "Stream",
    "WindowFeature",
    "WindowPlan",
    "WindowView",
    "load_plan",
]
