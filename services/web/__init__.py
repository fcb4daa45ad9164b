"""
What every HTTP interface here shares: who may ask, how a body is read, how a refusal is answered, how the API is shown.

It knows neither decisions nor the ledger; ``services.scoring`` and ``services.api`` build on it.
"""
