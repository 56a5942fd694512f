from ppo.policies import Compact, History, HistoryToo
