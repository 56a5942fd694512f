# policyfix: see the manual
# what policyfix: finds
value = 1
