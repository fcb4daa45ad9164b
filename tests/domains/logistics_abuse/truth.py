"""Who is behind the simulated abuse: drawn again from the plan, never read from a table that a detector might see."""

from __future__ import annotations

import pandas as pd

from riskloom.domains.logistics_abuse.simulate import claims_a_day
from riskloom.domains.logistics_abuse.simulation.claims import ClaimDays
from riskloom.domains.logistics_abuse.simulation.names import deal_names
from riskloom.domains.logistics_abuse.simulation.population import draw_population
from riskloom.domains.logistics_abuse.simulation.regime import DRIFTED, USUAL, Scenario
from riskloom.domains.logistics_abuse.simulation.rings import plan_rings
from riskloom.ingest import SimulationPlan, stretches


def culprits(plan: SimulationPlan) -> pd.DataFrame:
    """
    Who committed what, one row a culprit and abusive concession.

    Returns:
        ``entity`` (driver, associate, customer), ``name`` as it stands in the tables, ``day`` of the concession (UTC
        midnight). Both thieves of a ring are named for each of its thefts; a customer who is the victim is not named.
    """
    people = draw_population(plan)
    rings, planned = plan_rings(plan, people)
    names, days = deal_names(plan, people), ClaimDays(plan, people, rings)
    sizes = claims_a_day(plan)
    parts: list[pd.DataFrame] = []
    for stretch in stretches(plan, USUAL, DRIFTED):
        for day in range(stretch.first, stretch.last):
            claims = days.draw(day, int(sizes[day]), planned.of_day(day, int(sizes[day])), stretch.regime)
            ghost, theft = (claims.scenario == one for one in (Scenario.GHOST_DELIVERY, Scenario.INTERNAL_THEFT))
            own = (claims.scenario != Scenario.HONEST) & ~ghost & ~theft
            at = pd.Timestamp(plan.start).tz_localize(None) + pd.Timedelta(days=day)
            for entity, who in (
                ("driver", names.drivers(rings.driver[claims.ring[ghost]])),
                ("associate", names.associates(rings.associates[claims.ring[theft]].ravel())),
                ("customer", names.customers(claims.customer[own])),
            ):
                parts.append(pd.DataFrame({"entity": entity, "name": who.to_pylist(), "day": at}))
    return pd.concat(parts, ignore_index=True)
