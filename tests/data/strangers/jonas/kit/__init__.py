from kit.policies import Condor, Falcon, Kite, Sparrow
