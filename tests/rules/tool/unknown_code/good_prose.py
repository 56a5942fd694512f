# policyfix: ignore comments are read here, those with [codes] in them
# policyfix: finds it
value = 1
