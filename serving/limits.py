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
MAX_SEARCHES = 20  # in a batch
MAX_BATCH_RESULTS = 1000  # that all searches of a batch may ask for together
MAX_YEAR = 9999
MAX_TRACK_SECONDS = 10**6  # seconds, in a filter; tracks longer than a day are not ingested
MIN_JOURNEY_STEPS, DEFAULT_JOURNEY_STEPS = 2, 10  # tracks, both ends included

DEFAULT_PEAKS, MAX_PEAKS = 400, 2000  # parts of a track's waveform

MAX_UPLOAD_BYTES = 64 * 2**20  # bytes of an audio file
MAX_UPLOAD_SECONDS = 3600.0  # duration of the audio
UPLOAD_TIMEOUT_SECONDS = 120.0  # for the body to arrive
MAX_UPLOAD_SAMPLES = 3600 * 2 * 96_000  # over all channels: an hour of stereo at 96 kHz
MAX_UPLOAD_CPU_SECONDS = 60.0  # of the decoding process, each time it reads the file
MAX_UPLOADS = 8  # being received, queued or embedded, per process: this bounds their disk
ABANDONED_POLL_SECONDS = 0.5  # between attempts to end the work for a sender who left

MAX_FAILED_KEYS = 10  # wrong keys of one address in FAILED_KEY_SECONDS
FAILED_KEY_SECONDS = 60
MAX_KNOWN_ADDRESSES = 10_000  # of which wrong keys are counted, or that sent the right one
KEY_POLL_SECONDS = 2.0  # between readings of the catalog's keys, so until a revocation counts
KEY_READ_SECONDS = 1.5  # for the catalog to tell its keys

SESSION_SECONDS = 30 * 24 * 3600  # of a browser's session
MAX_COOKIE_LENGTH = 8192  # characters of all cookies of a request; more are not looked at

MIN_COMPRESSED_BYTES = 1000  # of an answer
UNCOMPRESSED_TYPES = ("audio/*", "image/png", "text/event-stream")  # of answers
COMPRESSION_LEVEL = 4  # of 1 to 9; higher ones keep the event loop for longer

MAX_TURNS = 10  # requests computed at a time, per process: as many as the catalog's connections
TURN_SECONDS = 5.0  # for a request to wait for its turn

MAX_LISTENERS = 64  # clients that events are sent to, per process
FEED_SECONDS = 2.0  # between readings of what they are told
FEED_REPEAT_SECONDS = 5.0  # after which a listener is told the same again
LISTEN_SECONDS = 300.0  # after which a client has to come again, with its key

# Of each process's connections (serving/connections.py).
MAX_CONNECTIONS = 512
MAX_HEADER_BYTES = 32 * 2**10  # of the request's line and headers; cursors are in the line
HEADER_SECONDS = 10.0  # for the whole head, from the connection or its first byte on
BODY_GRACE_SECONDS = 10.0  # for a body, and a second more for each MIN_BODY_BYTES_PER_SECOND of it
MIN_BODY_BYTES_PER_SECOND = 16 * 2**10
WRITE_SECONDS = 30.0  # for a client to go on reading its answer
MAX_DISCARDED_BYTES = 256 * 2**10  # of a body that was refused; more of it is not read
LINGER_SECONDS = 2.0  # for a client to read the answer to what it should not send
SHUTDOWN_SECONDS = 5  # for requests that arrived whole to be answered

MAX_BODY_BYTES = 2**20  # bytes; the largest valid query has about half of that

MAX_CURSOR_LENGTH = 8000  # characters; those of this API have at most about 5000

READY_SECONDS = 1.5  # for the catalog to answer a readiness check
STATEMENT_TIMEOUT_SECONDS = 10  # a catalog query is cancelled after that

MAX_FIELD_PROBLEMS = 20  # invalid fields that a 422 names
MAX_SHOWN_NAME = 64  # characters of an invalid field's name that a 422 shows
