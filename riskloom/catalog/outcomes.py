"""Whether a domain's outcomes, their costs and its releases fit each other."""

from __future__ import annotations

from collections.abc import Iterator

from riskloom.catalog.costs import CostTerms, cheapest_between
from riskloom.catalog.declaration import Domain

#: Amounts at which an outcome must pay: none, and five to each power of ten from a hundredth to a million.
_AMOUNTS = (0.0, *(10 ** (step / 5) for step in range(-10, 31)))
Misfit = tuple[str, str, str]


def outcome_misfits(domain: Domain) -> Iterator[Misfit]:
    """What is declared of outcomes that cannot be meant: key, expected, found."""
    names = [outcome.name for outcome in domain.outcome]
    if len(set(names)) < len(names):
        yield "outcome.name", "each name once", repr(names)
    for key in ("safe_outcome", "unusual_outcome"):
        if (name := getattr(domain.serving, key)) not in names:
            yield f"serving.{key}", f"an outcome ({', '.join(names)})", repr(name)
    yield from _cost_misfits(domain)
    yield from _release_misfits(domain, names)


def _cost_misfits(domain: Domain) -> Iterator[Misfit]:
    for number, outcome in enumerate(domain.outcome):
        if outcome.drop_out > 0 and domain.costs.margin == 0:
            yield "costs.margin", f"what is lost where {outcome.drop_out:g} give up at {outcome.name}", "nothing"
        if outcome.minutes > 0 and domain.costs.minute == 0:
            yield "costs.minute", f"what the {outcome.minutes:g} minutes of {outcome.name} cost", "0"
        if number and outcome.prevents == 0:
            yield f"outcome.{number}.prevents", "more than 0: it costs something and must be good for something", "0"
    terms = [CostTerms.of(domain.costs, outcome) for outcome in domain.outcome]
    pays = {index for amount in _AMOUNTS for index, ends in enumerate(cheapest_between(terms, amount)) if ends}
    for number, outcome in enumerate(domain.outcome):
        if number not in pays:
            yield (
                f"outcome.{number}",
                f"costs at which it is the cheapest for some probability and an amount of up to {_AMOUNTS[-1]:,.0f}",
                f"{outcome.name!r}, which never costs less than every other outcome: it would never be chosen",
            )


def _release_misfits(domain: Domain, names: list[str]) -> Iterator[Misfit]:
    policy = domain.policy
    if policy.release_share == 0:
        return
    milder = ", ".join(names[:-1])
    if not policy.release_to:
        yield "policy.release_to", f"what a released subject gets ({milder})", "nothing"
    for name in policy.release_to:
        if name not in names[:-1]:
            yield "policy.release_to", f"outcomes milder than the hardest ({milder})", repr(name)
    for key in ("release_max_amount", "release_per_day"):
        if getattr(policy, key) == 0:
            yield f"policy.{key}", "more than 0, or nothing is ever released", "0"
