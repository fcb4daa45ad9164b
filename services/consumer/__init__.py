"""
The consumer of pushed events: a thread a domain takes them from its Redis stream; HTTP tells how that goes.

``service`` is what uvicorn starts.
"""
