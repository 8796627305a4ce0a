"""Limits of what clients may send and request; soundalike.vectors.limits has those of searches."""

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
MAX_QUERY_LENGTH = 200  # characters
MAX_NAME_LENGTH = 500  # characters of an artist, album, genre or tag in a filter
MAX_PATH_PREFIX_LENGTH = 4096
MAX_ID_LENGTH = 64
MAX_NAMES = 50  # in one list of a filter
MAX_IDS = 1000  # to include or exclude
MAX_DIMENSION = 4096
MAX_YEAR = 9999
MAX_TRACK_SECONDS = 10**6  # seconds, in a filter; tracks longer than a day are not ingested
MIN_PATH_STEPS, DEFAULT_PATH_STEPS = 2, 10  # tracks, both ends included

MAX_UPLOAD_BYTES = 64 * 2**20  # bytes of an audio file
MAX_UPLOAD_SECONDS = 3600.0  # duration of the audio
UPLOAD_TIMEOUT_SECONDS = 120.0  # for the body to arrive
MAX_UPLOAD_SAMPLES = 3600 * 2 * 96_000  # over all channels: an hour of stereo at 96 kHz
MAX_UPLOAD_CPU_SECONDS = 60.0  # of the decoding process, each time it reads the file
MAX_UPLOADS = 8  # being received, queued or embedded, per process: this bounds their disk
ABANDONED_POLL_SECONDS = 0.5  # between attempts to end the work for a sender who left

MAX_BODY_BYTES = 2**20  # bytes; the largest valid query has about half of that

MAX_CURSOR_LENGTH = 8000  # characters; those of this API have at most about 5000

STATEMENT_TIMEOUT_SECONDS = 10  # a catalog query is cancelled after that
