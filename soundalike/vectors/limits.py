"""Limits of searches, for the API and the command line."""

DEFAULT_K = 10
MAX_K = 200
# Candidates beyond k: tracks that left the library since the index was built are skipped, and more
# where rules leave out others.
EXTRA_CANDIDATES, EXTRA_FOR_RULES = 5, 20
# Where caps, near-duplicates or removed tracks leave too few results, more candidates are read, up
# to this many. Paging ends there too: users do not read a hundredth page, and programs can filter.
MAX_RANKED = 2000
OVERFETCH_FACTOR = 4  # times as many candidates as before, where those left too few results
DIVERSITY_CANDIDATES = 500  # the top candidates that diversity chooses from

MAX_EXAMPLES = 20  # of each sign: with `best_score` each is a pass over the rows that are allowed
MAX_JOURNEY_STEPS = 50
