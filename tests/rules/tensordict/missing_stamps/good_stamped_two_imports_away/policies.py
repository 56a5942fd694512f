"""The policies that there are."""

from policy import Gleaner

POLICIES = {"gleaner": Gleaner}
