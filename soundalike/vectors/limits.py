"""The bound of everything that can be asked of an index, for the API and the command line."""

NEIGHBOURS = 10  # k, where none is named
MOST_NEIGHBOURS = 200
# Looked at beyond k: neighbours that left the library since the index was built are passed over.
SPARE_NEIGHBOURS = 20
# Where caps, duplicates or departures leave too few, more is looked at, up to this many of the best
# matches. Pages end there too: nobody turns to the hundredth page, and machines have filters.
MOST_RANKED = 2000
DIVERSE_POOL = 500  # of the best matches, out of which diversity chooses

MOST_EXAMPLES = 20  # of each sort: with `best_score` each is a pass over what the filter leaves
MOST_STEPS = 50  # of a path
