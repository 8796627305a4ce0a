"""Whose canonical audio is kept: of tracks that have a file, or had one or were added lately."""

from sqlalchemy import text

from soundalike.catalog.engine import Sessions
from soundalike.catalog.retention import kept_audio

TRACKS = """
insert into roots (location, name) values ('/music', 'music');
insert into batches (id) values (1);
insert into tracks (id, batch_id, title, codec, sample_rate, channels, sort_key, added_at)
select id, 1, '', '', 1, 1, '', now() - days * interval '1 day'
from (values ('old', 90), ('new', 5), ('there', 90), ('went lately', 90), ('went', 90))
    as track (id, days);
insert into files (root_id, path, shown, size, mtime_ns, batch_id, track_id, gone_at)
select 1, convert_to(id, 'UTF8'), id, 1, 1, 1, id, now() - days * interval '1 day'
from (values ('there', null), ('went lately', 5), ('went', 40)) as file (id, days)
"""


def test_audio_is_kept_for_its_time_after_a_track_came_or_its_last_file_went(
    sessions: Sessions,
) -> None:
    with sessions.begin() as session:
        session.execute(text(TRACKS))
    with sessions() as session:
        assert kept_audio(session, keep_days=30) == {"new", "there", "went lately"}
        assert kept_audio(session, keep_days=3) == {"there"}
        assert kept_audio(session, keep_days=60) == {"new", "there", "went lately", "went"}
