"""
The scoring service: one event in, one decision out.

``service`` is what BentoML starts; ``app`` puts the parts together; the rest are the parts, each of which can be tested
without the others.
"""
