"""Keys of PostgreSQL's advisory locks of one number, in one place so that no two are the same.

The locks of batches have two numbers (batch_locks.py), which PostgreSQL keeps apart from these.
"""

INGEST_LOCK = 5_011_850_001
UPGRADE_LOCK = 5_011_850_002
SCAN_LOCK = 5_011_850_003
UP_LOCK = 5_011_850_004
PUBLISHING_LOCK = 5_011_850_005
BUCKET_LOCK = 5_011_850_006
MILVUS_LOCK = 5_011_850_007
SETTLE_LOCK = 5_011_850_008
