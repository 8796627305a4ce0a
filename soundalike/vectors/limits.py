"""The bound of everything that an index can be searched for, for the API and the command line."""

DEFAULT_K = 10
MAX_K = 200
# Candidates beyond k: tracks that left the library since the index was built are passed over.
EXTRA_CANDIDATES = 20
# Where caps, duplicates or departures leave too few results, more candidates are read, up to this
# many. Pages end there too: nobody turns to the hundredth page, and machines have filters.
MAX_RANKED = 2000
DIVERSITY_CANDIDATES = 500  # the best matches, out of which diversity chooses

MAX_EXAMPLES = 20  # of each sign: with `best_score` each is a pass over what the filter leaves
MAX_PATH_STEPS = 50
