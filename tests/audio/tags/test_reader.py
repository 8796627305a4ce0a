"""The same facts from every format and every place in a file; damaged tags never cost a file."""

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mutagen
import pytest
from mutagen import apev2, id3
from mutagen.flac import FLAC, Picture
from mutagen.mp4 import MP4, MP4Cover

from soundalike.audio.identity import identify
from soundalike.audio.tags import reader
from soundalike.audio.tags.fields import FileTags, clean
from soundalike.audio.tags.reader import read_tags
from soundalike.audio.tags.rules import TagRules
from soundalike.errors import AudioError
from tests.audio.tags.raw import UTF_8, UTF_16, ape, around, frame, id3v1, id3v2
from tests.sounds import CODECS, cover, music, song, write_audio

FACTS = {"title": "Für Elise", "artist": "Ludwig", "album": "Bagatelles", "genre": "Classical"}
# FFmpeg's encoder for each extension that tests/sounds.py has none for.
OTHERS = {
    "a.webm": "libopus",
    "b.mka": "vorbis",
    "c.wav": "pcm_s16le",
    "d.au": "pcm_s16be",
    "e.wav": "libmp3lame",
    "f.caf": "pcm_s16le",
    "g.mp4": "aac",
    "h.tta": "tta",
    "i.wv": "wavpack",
    "j.mov": "aac",
}


def other(path: Path, **tags: str) -> Path:
    return write_audio(path, music(4, 48_000), 48_000, OTHERS[path.name], **tags)


def facts(tags: FileTags) -> dict[str, Any]:
    return {name: getattr(tags, name) for name in (*FACTS, "year")}


def mp3(folder: Path, before: bytes = b"", after: bytes = b"") -> Path:
    """An MP3 without tags of its own."""
    path = song(folder / "song.mp3")
    mutagen.File(path).delete()
    return around(path, before, after)


@pytest.mark.parametrize("extension", sorted(set(CODECS) - {".wav", ".aiff"}))
def test_every_format_tells_the_same_facts(tmp_path: Path, extension: str) -> None:
    path = song(tmp_path / f"song{extension}", **FACTS, date="1867-04-01")
    assert facts(read_tags(path)) == {**FACTS, "year": 1867}


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_what_only_ffmpeg_reads_is_taken(tmp_path: Path, name: str) -> None:
    tags = read_tags(other(tmp_path / name, **FACTS, date="1867"))
    assert (tags.title, tags.artist) == (FACTS["title"], FACTS["artist"])


@pytest.mark.parametrize("name", ["a.webm", "b.mka", "c.wav", "e.wav", "i.wv"])
def test_containers_that_keep_all_of_it_lose_none(tmp_path: Path, name: str) -> None:
    assert facts(read_tags(other(tmp_path / name, **FACTS, date="1867"))) == {**FACTS, "year": 1867}


def test_the_text_chunks_of_aiff_are_read(tmp_path: Path) -> None:
    tags = read_tags(song(tmp_path / "song.aiff", title="T", author="A", comment="C"))
    assert (tags.title, tags.artist, tags.comment) == ("T", "A", "C")


@pytest.mark.parametrize("extension", [".wav", ".aiff"])
def test_id3_in_wav_and_aiff_wins_over_their_own_chunks(tmp_path: Path, extension: str) -> None:
    path = song(tmp_path / f"song{extension}", title="own", artist="own", author="own")
    file = mutagen.File(path)
    file.add_tags()
    file.tags.add(id3.TIT2(text="a"))
    file.tags.add(id3.TCON(text="(17)"))
    file.save()
    tags = read_tags(path)
    assert (tags.title, tags.artist, tags.genres) == ("a", "own", ("Rock",))


def test_a_file_without_tags_says_nothing(tmp_path: Path) -> None:
    assert read_tags(song(tmp_path / "song.wav")) == FileTags()


def test_damaged_tags_read_as_none(tmp_path: Path) -> None:
    path = song(tmp_path / "song.flac", title="x")
    data = bytearray(path.read_bytes())
    data[4:8] = b"\x00\xff\xff\xff"
    path.write_bytes(data)
    assert read_tags(path) == FileTags()


def test_a_file_that_is_gone_is_no_error(tmp_path: Path) -> None:
    tags = read_tags(tmp_path / "gone.mp3")
    assert tags == FileTags()
    assert "FileNotFoundError" in (tags.damage or "")


@pytest.mark.parametrize(
    ("made", "named"),
    [
        ("song.ogg", "x.flac"),
        ("song.mp3", "x.flac"),
        ("song.flac", "x.mp3"),
        ("song.opus", "x.mp3"),
        ("song.m4a", "x.ogg"),
        ("song.wma", "x.m4a"),
        ("song.flac", "x.wav"),
        ("song.wav", "x.mp3"),
    ],
)
def test_a_wrong_extension_costs_no_tag(tmp_path: Path, made: str, named: str) -> None:
    path = song(tmp_path / made, title="T", artist="A").rename(tmp_path / named)
    tags = read_tags(path)
    assert (tags.title, tags.artist, tags.damage) == ("T", "A", None)


def test_ape_tags_of_an_mp3_are_read(tmp_path: Path) -> None:
    path = mp3(tmp_path)
    tag = apev2.APEv2()
    tag.update({"Title": "T", "Artist": "A", "Year": "2001", "Genre": ["Folk", "Rock"]})
    tag.save(path)
    tags = read_tags(path)
    assert (tags.title, tags.artist, tags.year, tags.genres) == ("T", "A", 2001, ("Folk", "Rock"))


@pytest.mark.parametrize("extension", [".mp3", ".flac", ".wav"])
def test_the_whole_title_of_ape_wins_over_the_30_letters_of_id3v1(
    tmp_path: Path, extension: str
) -> None:
    long = "A title that is longer than thirty letters are"
    end = ape(("Title", long.encode())) + id3v1(long.encode(), b"Artist of ID3v1")
    tags = read_tags(around(song(tmp_path / f"song{extension}"), after=end))
    assert (tags.title, tags.artist) == (long, "Artist of ID3v1")


def test_an_ape_item_that_is_damaged_costs_no_other(tmp_path: Path) -> None:
    tags = read_tags(mp3(tmp_path, after=ape(("Title", b"T"), ("\xff", b""), ("Artist", b"\xff"))))
    assert (tags.title, tags.artist) == ("T", "ÿ")


PRIVATE = b"PRIV" + (5).to_bytes(4, "big") + b"\0\0a\0bcd"
TAGGED = id3v2(frame("TIT2", b"T"), frame("TPE1", b"A"))


@pytest.mark.parametrize(
    "before",
    [
        TAGGED + bytes(1_500_000),
        id3v2(frame("TIT2", b"T"), frame("TPE1", b"A"), padding=1_500_000),
        id3v2(PRIVATE) + TAGGED,
        id3v2() + id3v2(PRIVATE) + TAGGED,
        id3v2(frame("TIT2", b"T")) + id3v2(frame("TIT2", b"other"), frame("TPE1", b"A")),
        id3v2(frame("TT2", b"T", version=2), frame("TP1", b"A", version=2), version=2),
        id3v2(frame("TIT2", b"T", UTF_8), frame("TPE1", b"A", UTF_8), version=4),
    ],
    ids=["zeros", "padding", "private", "empty", "two", "2.2", "2.4"],
)
@pytest.mark.parametrize("extension", [".mp3", ".aac", ".flac"])
def test_an_id3_tag_at_the_start_is_read_whatever_follows(
    tmp_path: Path, extension: str, before: bytes
) -> None:
    path = tmp_path / f"song{extension}"
    if extension == ".aac":
        write_audio(path, music(4), codec="aac", container="adts")
    else:
        song(path)
        mutagen.File(path).delete()
    tags = read_tags(around(path, before))
    assert (tags.title, tags.artist, tags.damage) == ("T", "A", None)


def test_an_id3_tag_before_a_wav_is_read_and_its_own_chunks_too(tmp_path: Path) -> None:
    path = around(song(tmp_path / "song.wav", artist="INFO"), id3v2(frame("TIT2", b"T")))
    assert read_tags(path).title == "T"


def test_dates_of_id3_are_texts(tmp_path: Path) -> None:
    tag = id3v2(frame("TYER", b"1999"), frame("TDAT", b"2504"), frame("TORY", b"1971"))
    tags = read_tags(mp3(tmp_path, tag))
    assert (tags.date, tags.original_date, tags.year) == ("1999-04-25", "1971", 1999)


@pytest.mark.parametrize("place", ["ID3v2", "ID3v1", "APEv2"])
def test_years_are_found_in_every_place(tmp_path: Path, place: str) -> None:
    path = mp3(
        tmp_path,
        id3v2(frame("TDRC", b"c1987"), version=4) if place == "ID3v2" else b"",
        {"ID3v1": id3v1(year=b"1987"), "APEv2": ape(("Year", b"19870512"))}.get(place, b""),
    )
    assert read_tags(path).year == 1987


def flac(folder: Path, **tags: str | list[str]) -> FileTags:
    path = song(folder / "song.flac")
    file = FLAC(path)
    file.delete()
    file.update(tags)
    file.save()
    return read_tags(path)


@pytest.mark.parametrize(
    ("tags", "year"),
    [
        ({"date": "20040512"}, 2004),
        ({"date": "2004年5月12日"}, 2004),
        ({"date": "c1987"}, 1987),
        ({"date": "0000", "year": "2004"}, 2004),
        ({"date": "1724"}, 1724),
        ({"originaldate": "1971-05-01"}, 1971),
        ({"originalyear": "1972"}, 1972),
        ({"releasedate": "1981"}, 1981),
        ({"date": ["", "2003"]}, 2003),
        ({"date": "unknown", "originaldate": "1971"}, 1971),
        ({"date": "2010", "originaldate": "1971"}, 2010),
    ],
)
def test_a_date_that_holds_no_year_hides_none(
    tmp_path: Path, tags: dict[str, str | list[str]], year: int
) -> None:
    assert flac(tmp_path, **tags).year == year


def test_several_values_stay_several(tmp_path: Path) -> None:
    tags = flac(tmp_path, artist=["Simon", "Garfunkel"], genre=["Latin", "Mambo", "latin"])
    assert (tags.artist, tags.artists) == ("Simon; Garfunkel", ("Simon", "Garfunkel"))
    assert (tags.genre, tags.genres) == ("Latin; Mambo", ("Latin", "Mambo"))


def test_empty_values_are_none(tmp_path: Path) -> None:
    tags = flac(tmp_path, artist=["", "Real"], genre=["Rock", " "], title=["", ""])
    assert (tags.artist, tags.genre, tags.title) == ("Real", "Rock", None)


def test_the_list_of_artists_wins_over_how_they_are_credited(tmp_path: Path) -> None:
    tags = flac(tmp_path, artist="Simon & Garfunkel", artists=["Simon", "Garfunkel"])
    assert (tags.artist, tags.artists) == ("Simon & Garfunkel", ("Simon", "Garfunkel"))


@pytest.mark.parametrize("extension", [".wv", ".mp3"])
def test_several_values_in_one_ape_item_are_not_glued(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"song{extension}"
    write_audio(path, music(4), codec="wavpack" if extension == ".wv" else None)
    tag = apev2.APEv2()
    tag.update({"Artist": ["Simon", "Garfunkel"], "Genre": ["Folk", "Rock"]})
    tag.save(path)
    tags = read_tags(path)
    assert (tags.artist, tags.genre) == ("Simon; Garfunkel", "Folk; Rock")
    assert (tags.artists, tags.genres) == (("Simon", "Garfunkel"), ("Folk", "Rock"))


@pytest.mark.parametrize("version", [3, 4])
def test_several_values_in_one_id3_frame_are_not_glued(tmp_path: Path, version: int) -> None:
    frames = frame("TPE1", b"Simon\0Garfunkel"), frame("TCON", b"Folk\0Rock")
    tags = read_tags(mp3(tmp_path, id3v2(*frames, version=version)))
    assert (tags.artists, tags.genres) == (("Simon", "Garfunkel"), ("Folk", "Rock"))


@pytest.mark.parametrize(
    ("extension", "tags"),
    [
        (".flac", {"albumartist": "The Band", "title": "T"}),
        (".ogg", {"ALBUM ARTIST": "The Band", "title": "T"}),
        (".m4a", {"aART": "The Band", "\xa9nam": "T"}),
        (".wma", {"WM/AlbumArtist": "The Band", "Title": "T"}),
    ],
)
def test_the_album_artist_stands_in_for_an_artist(
    tmp_path: Path, extension: str, tags: dict[str, str]
) -> None:
    path = song(tmp_path / f"song{extension}")
    file = mutagen.File(path)
    file.delete()
    file = mutagen.File(path)
    file.update(tags)
    file.save()
    read = read_tags(path)
    assert (read.artist, read.artists, read.title) == ("The Band", ("The Band",), "T")


def test_the_album_artist_of_id3_and_ape_stands_in_too(tmp_path: Path) -> None:
    assert read_tags(mp3(tmp_path, id3v2(frame("TPE2", b"The Band")))).artist == "The Band"
    assert read_tags(mp3(tmp_path, after=ape(("Album Artist", b"The Band")))).artist == "The Band"


CYRILLIC = {"title": "Кукушка", "artist": "Кино"}


@pytest.mark.parametrize("codec", ["cp1251", "koi8-r", "cp866"])
@pytest.mark.parametrize("place", ["ID3v1", "ID3v2", "APEv1"])
def test_cyrillic_of_no_stated_encoding_is_repaired(tmp_path: Path, place: str, codec: str) -> None:
    title, artist = (text.encode(codec) for text in CYRILLIC.values())
    before = id3v2(frame("TIT2", title), frame("TPE1", artist)) if place == "ID3v2" else b""
    after = {
        "ID3v1": id3v1(title, artist, genre=17),
        "APEv1": ape(("Title", title), ("Artist", artist)),
    }
    tags = read_tags(mp3(tmp_path, before, after.get(place, b"")))
    assert {"title": tags.title, "artist": tags.artist} == CYRILLIC
    if codec == "cp1251":
        assert tags.raw == {"title": ("Êóêóøêà",), "artist": ("Êèíî",)}


def test_cyrillic_of_riff_info_is_repaired(tmp_path: Path) -> None:
    path = song(tmp_path / "song.wav", title="PLACETITLE", artist="PLAC")
    data = path.read_bytes()
    title, artist = (text.encode("cp1251") for text in CYRILLIC.values())
    path.write_bytes(data.replace(b"PLACETITLE", title.ljust(10, b" ")).replace(b"PLAC", artist))
    tags = read_tags(path)
    assert {"title": tags.title, "artist": tags.artist} == CYRILLIC


def test_cyrillic_in_vorbis_comments_is_repaired(tmp_path: Path) -> None:
    path = song(tmp_path / "song.ogg", title="PLACETI", artist="PLAC")
    path = song(tmp_path / "song.flac", title="PLACETI", artist="PLAC")
    title, artist = (text.encode("cp1251") for text in CYRILLIC.values())
    data = path.read_bytes()
    path.write_bytes(data.replace(b"PLACETI", title).replace(b"PLAC", artist))
    tags = read_tags(path)
    assert {"title": tags.title, "artist": tags.artist} == CYRILLIC


@pytest.mark.parametrize("name", ["Björk", "Sigur Rós", "Мумий Тролль", "宇多田ヒカル"])
def test_utf_8_in_latin_1_frames_is_read_as_such(tmp_path: Path, name: str) -> None:
    title, artist = name.encode(), name.encode()
    assert read_tags(mp3(tmp_path, id3v2(frame("TPE1", artist)))).artist == name
    assert read_tags(mp3(tmp_path, after=id3v1(title))).title == name


def test_text_that_was_decoded_wrongly_before_it_was_written_is_repaired(tmp_path: Path) -> None:
    tags = flac(tmp_path, artist="BjÃ¶rk", title="Donâ€™t", album="Êèíî", comment="Êóêóøêà")
    assert (tags.artist, tags.title, tags.album) == ("Björk", "Don\u2019t", "Кино")
    assert tags.raw["artist"] == ("BjÃ¶rk",)


@pytest.mark.parametrize("encoding", [UTF_8, UTF_16])
def test_text_of_a_stated_encoding_stays_as_it_is(tmp_path: Path, encoding: int) -> None:
    name = "Mötley Crüe / Ágætis / Édith / Çà"
    text = name.encode({UTF_8: "utf-8", UTF_16: "utf-16"}[encoding])
    tags = read_tags(mp3(tmp_path, id3v2(frame("TPE1", text, encoding), version=4)))
    assert (tags.artist, tags.raw) == (name, {})


def test_the_setting_decides_about_text_that_states_no_encoding(tmp_path: Path) -> None:
    path = mp3(tmp_path, id3v2(frame("TIT2", "Zażółć".encode("cp1250"))))
    assert read_tags(path, TagRules(encoding="cp1250")).title == "Zażółć"
    utf_8 = id3v2(frame("TIT2", "Björk".encode(), UTF_8), version=4)
    assert read_tags(mp3(tmp_path, utf_8), TagRules(encoding="cp1251")).title == "Björk"


ID = "f4a31f0a-51dd-4fa7-986d-3095c40c5ed9"
EVERYTHING = {
    "album_artists": ("Various Artists",),
    "composers": ("Bach",),
    "track": 3,
    "track_total": 12,
    "disc": 1,
    "disc_total": 2,
    "date": "2004-05",
    "original_date": "1971-05-01",
    "compilation": True,
    "musicbrainz_recording_id": ID,
    "musicbrainz_release_id": ID,
    "musicbrainz_release_group_id": ID,
    "musicbrainz_artist_ids": (ID,),
    "isrcs": ("USRC17607839",),
    "labels": ("ECM",),
    "comment": "Live",
    "bpm": 128.0,
    "initial_key": "Am",
    "replaygain_track_gain": -6.5,
    "replaygain_track_peak": 0.988,
    "replaygain_album_gain": -7.25,
    "replaygain_album_peak": 1.0,
    "explicit": True,
    "has_lyrics": True,
    "has_cover": True,
}
GAINS = {
    "replaygain_track_gain": "-6.50 dB",
    "replaygain_track_peak": "0.988",
    "replaygain_album_gain": "-7,25 dB",
    "replaygain_album_peak": "1.0",
}


def kept(tags: FileTags) -> dict[str, Any]:
    return {name: getattr(tags, name) for name in EVERYTHING}


VORBIS = {
    "albumartist": "Various Artists",
    "composer": "Bach",
    "tracknumber": "3",
    "tracktotal": "12",
    "discnumber": "1",
    "totaldiscs": "2",
    "date": "2004-05",
    "originaldate": "1971-05-01",
    "compilation": "1",
    "musicbrainz_trackid": ID,
    "musicbrainz_albumid": ID,
    "musicbrainz_releasegroupid": ID,
    "musicbrainz_artistid": ID,
    "isrc": "USRC17607839",
    "label": "ECM",
    "comment": "Live",
    "bpm": "128",
    "initialkey": "Am",
    "itunesadvisory": "1",
    "lyrics": "La la la",
    **GAINS,
}


def test_everything_in_vorbis_comments(tmp_path: Path) -> None:
    path = song(tmp_path / "song.flac")
    file = FLAC(path)
    file.update(VORBIS)
    picture = Picture()
    picture.data = cover(20)
    file.add_picture(picture)
    file.save()
    assert kept(read_tags(path)) == EVERYTHING


def test_everything_in_id3(tmp_path: Path) -> None:
    path = mp3(tmp_path)
    described = {
        "MusicBrainz Album Id": ID,
        "MusicBrainz Release Group Id": ID,
        "MusicBrainz Artist Id": ID,
        "ITUNESADVISORY": "1",
        **GAINS,
    }
    tag = id3.ID3()
    for frame_ in [
        *(id3.TXXX(desc=name, text=text) for name, text in described.items()),
        id3.TPE2(text="Various Artists"),
        id3.TCOM(text="Bach"),
        id3.TRCK(text="3/12"),
        id3.TPOS(text="1/2"),
        id3.TDRC(text="2004-05"),
        id3.TDOR(text="1971-05-01"),
        id3.TCMP(text="1"),
        id3.UFID(owner="http://musicbrainz.org", data=ID.encode()),
        id3.TSRC(text="USRC17607839"),
        id3.TPUB(text="ECM"),
        id3.COMM(lang="eng", desc="iTunNORM", text=" 0000"),
        id3.COMM(lang="eng", desc="", text="Live"),
        id3.TBPM(text="128"),
        id3.TKEY(text="Am"),
        id3.USLT(lang="eng", desc="", text="La la la"),
        id3.APIC(mime="image/png", type=3, desc="", data=cover(20)),
    ]:
        tag.add(frame_)
    tag.save(path)
    assert kept(read_tags(path)) == EVERYTHING


def test_everything_in_mp4(tmp_path: Path) -> None:
    path = song(tmp_path / "song.m4a")
    file = MP4(path)
    named = {
        "MusicBrainz Track Id": ID,
        "MusicBrainz Album Id": ID,
        "MusicBrainz Release Group Id": ID,
        "MusicBrainz Artist Id": ID,
        "ORIGINALDATE": "1971-05-01",
        "ISRC": "USRC17607839",
        "LABEL": "ECM",
        "initialkey": "Am",
        **GAINS,
    }
    file.update({f"----:com.apple.iTunes:{name}": text.encode() for name, text in named.items()})
    file.update({"aART": "Various Artists", "\xa9wrt": "Bach", "\xa9day": "2004-05"})
    file.update({"trkn": [(3, 12)], "disk": [(1, 2)], "cpil": True, "tmpo": [128], "rtng": [1]})
    file.update({"\xa9cmt": "Live", "\xa9lyr": "La la la"})
    file["covr"] = [MP4Cover(cover(20), MP4Cover.FORMAT_PNG)]
    file.save()
    assert kept(read_tags(path)) == EVERYTHING


def test_everything_in_ape(tmp_path: Path) -> None:
    names = {"albumartist": "Album Artist", "tracknumber": "Track", "discnumber": "Disc"}
    items = [(names.get(name, name), text.encode()) for name, text in VORBIS.items()]
    path = write_audio(tmp_path / "song.wv", music(4), codec="wavpack")
    around(path, after=ape(*items))
    assert kept(read_tags(path)) == {**EVERYTHING, "has_cover": False}
    binary = ape(("Cover Art (Front)", b"cover.png\0" + cover(20)), kind=1)
    assert read_tags(around(path, after=binary)).has_cover


def test_everything_in_asf(tmp_path: Path) -> None:
    path = song(tmp_path / "song.wma")
    file = mutagen.File(path)
    file.update({
        "WM/AlbumArtist": "Various Artists",
        "WM/Composer": "Bach",
        "WM/TrackNumber": 3,
        "TotalTracks": "12",
        "WM/PartOfSet": "1/2",
        "WM/Year": "2004-05",
        "WM/OriginalReleaseYear": "1971-05-01",
        "WM/IsCompilation": True,
        "MusicBrainz/Track Id": ID,
        "MusicBrainz/Album Id": ID,
        "MusicBrainz/Release Group Id": ID,
        "MusicBrainz/Artist Id": ID,
        "WM/ISRC": "USRC17607839",
        "WM/Publisher": "ECM",
        "Description": "Live",
        "WM/BeatsPerMinute": "128",
        "WM/InitialKey": "Am",
        "ITUNESADVISORY": "1",
        "WM/Lyrics": "La la la",
        **GAINS,
    })  # fmt: skip
    file.save()
    assert kept(read_tags(path)) == {**EVERYTHING, "has_cover": False}


def test_the_gain_of_opus_is_in_the_unit_of_the_others(tmp_path: Path) -> None:
    path = song(tmp_path / "song.opus")
    file = mutagen.File(path)
    file["R128_TRACK_GAIN"] = "-1920"
    file.save()
    assert read_tags(path).replaygain_track_gain == -2.5


def test_numbers_that_are_none_are_left_out(tmp_path: Path) -> None:
    tags = flac(tmp_path, tracknumber="A", discnumber="0/0", bpm="0", replaygain_track_gain="nan")
    assert tags.details == {}
    long = flac(tmp_path, tracknumber="9" * 400, bpm="9" * 400, musicbrainz_trackid="not an id")
    assert long.musicbrainz_recording_id is None


def test_a_flood_of_values_is_bounded(tmp_path: Path) -> None:
    tags = flac(tmp_path, artist=[f"{number} " + "x" * 1000 for number in range(5000)])
    assert len(tags.artists) == 20
    assert max(map(len, (*tags.artists, tags.artist or ""))) == 500


def test_text_that_postgres_cannot_hold_is_made_legal() -> None:
    assert clean("a\0b\nc\ud800 ") == "a b c?"
    assert len(clean("x" * 10_000)) == 500


def test_an_ape_tag_at_the_start_and_lyrics_at_the_end_are_read(tmp_path: Path) -> None:
    tag = ape(("Title", b"T"))
    header = b"APETAGEX" + tag[-24:]  # it has the footer's fields
    lyrics = b"LYRICSBEGIN" + b"LYR00002la" + b"000021LYRICS200"
    tags = read_tags(mp3(tmp_path, header + tag, lyrics + id3v1(artist=b"A")))
    assert (tags.title, tags.artist, tags.has_lyrics) == ("T", "A", True)


def test_a_file_that_cannot_be_opened_keeps_its_tags(tmp_path: Path) -> None:
    path = song(tmp_path / "song.flac", title="T", artist="A")
    data = bytearray(path.read_bytes())
    data[18:20] = b"\x00\x06"  # a rate of about 100 Hz
    path.write_bytes(data[: data.index(b"\xff\xf8")] + bytes(5000))
    with pytest.raises(AudioError):
        identify(path)
    tags = read_tags(path)
    assert (tags.title, tags.artist, tags.damage) == ("T", "A", None)


def test_a_tag_that_takes_for_ever_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never_ends(*_: object) -> None:
        while True:
            pass

    monkeypatch.setattr(reader, "MAX_SECONDS_EACH", 0.3)
    monkeypatch.setattr(reader.id3, "read_v2", never_ends)
    tags = read_tags(mp3(tmp_path, id3v2(frame("TIT2", b"other")), ape(("Title", b"T"))))
    assert tags.title == "T"
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_tags_are_read_in_any_thread(tmp_path: Path) -> None:
    path = song(tmp_path / "song.flac", title="T")
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(read_tags, path).result().title == "T"
