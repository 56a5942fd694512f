from kit.policies.birds import Condor, Falcon
from kit.policies.small import Kite, Sparrow
