"""The bound of everything a client can ask for; of searches, see soundalike.vectors.limits."""

PAGE = 50
LARGEST_PAGE = 200
LONGEST_QUERY = 200  # characters
LONGEST_NAME = 500  # characters of an artist, album, genre or tag in a filter
LONGEST_PATH = 4096
LONGEST_ID = 64
MOST_NAMES = 50  # in one list of a filter
MOST_IDS = 1000  # to include or exclude
LONGEST_VECTOR = 4096  # dimensions
LATEST_YEAR = 9999
LONGEST_TRACK = 10**6  # seconds; what is longer than a day is not ingested
SHORTEST_PATH, USUAL_PATH = 2, 10  # tracks, both ends included

LARGEST_UPLOAD = 64 * 2**20  # bytes of an audio file
LONGEST_UPLOAD = 3600.0  # seconds of it
UPLOAD_SECONDS = 120.0  # for the body to arrive
MOST_UPLOADS = 8  # heard or waiting in one process

LARGEST_BODY = 2**20  # bytes; the longest question that is allowed has about half of that

LONGEST_CURSOR = 8000  # characters; those of this API have at most about 5000

STATEMENT_SECONDS = 10  # a query of the catalog is cut off after that
