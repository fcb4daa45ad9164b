"""
The REST API: what people do in the console, for programs.

``routes`` says which operations there are, what each needs and gives; the application and its OpenAPI document follow
from it. ``guard`` stands before each of them; ``resources`` has a module a resource. Every action is the function of
the ledger or of the life of rules that the console and the command line use.
"""
