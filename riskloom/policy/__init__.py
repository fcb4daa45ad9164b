"""From a score to what is done about it: the outcome of least expected cost."""

from riskloom.policy.change import Change
from riskloom.policy.choice import Basis, Choice, Exploration, Said
from riskloom.policy.policy import CostPolicy, policy_version
from riskloom.policy.realised import Realised, realised_costs
from riskloom.policy.release import Releases

__all__ = [
    "Basis",
    "Change",
    "Choice",
    "CostPolicy",
    "Exploration",
    "Realised",
    "Releases",
    "Said",
    "policy_version",
    "realised_costs",
]
