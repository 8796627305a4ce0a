"""Limits of what clients may send and request; soundalike.vectors.limits has those of searches."""

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
MAX_TEXT_LENGTH = 200  # characters of the words of a search in the catalog
MAX_NAME_LENGTH = 500  # characters of an artist, album, genre or tag in a filter
MAX_PATH_LENGTH = 4096  # characters of a path, or of the start of one
MAX_ID_LENGTH = 64
MAX_NAMES = 50  # in one list of a filter
MAX_IDS = 1000  # of tracks, in a filter
MAX_DIMENSION = 4096
MAX_YEAR = 9999
MAX_TRACK_SECONDS = 10**6  # seconds, in a filter; tracks longer than a day are not ingested
MIN_JOURNEY_STEPS, DEFAULT_JOURNEY_STEPS = 2, 10  # tracks, both ends included

MAX_UPLOAD_BYTES = 64 * 2**20  # bytes of an audio file
MAX_UPLOAD_SECONDS = 3600.0  # duration of the audio
UPLOAD_TIMEOUT_SECONDS = 120.0  # for the body to arrive
MAX_UPLOADS = 8  # being embedded or queued, per process

MAX_BODY_BYTES = 2**20  # bytes; the largest valid query has about half of that

MAX_CURSOR_LENGTH = 8000  # characters; those of this API have at most about 5000

STATEMENT_TIMEOUT_SECONDS = 10  # a catalog query is cancelled after that

MAX_FIELD_PROBLEMS = 20  # invalid fields that a 422 names
MAX_SHOWN_NAME = 64  # characters of an invalid field's name that a 422 shows
