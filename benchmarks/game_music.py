"""Real, free music to evaluate on: the soundtracks of games that Debian packages.

    python benchmarks/game_music.py

`apt-get download` fetches each package (2.3 GB in all; nothing is installed), its music is unpacked
into .cache/music/tracks/<package>/, and two CSVs of labels are written beside it. What is there is
not fetched again. Licences: docs/quality.md; none of it is ours to pass on.
"""

import csv
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import mutagen

from soundalike.audio.tags import read_tags

MUSIC = Path(__file__).parents[1] / ".cache" / "music"
TRACKS = MUSIC / "tracks"
SHORTEST = 30.0  # seconds; what is shorter is a jingle
FORMATS = {".ogg", ".opus", ".mp3"}

# Package (Debian 12's version is in docs/quality.md) and the folder of its music.
PACKAGES = {
    "ardentryst": "ardentryst/Music",
    "btanks-data": "btanks/data/tunes",
    "colobot-common-sounds": "colobot/music",
    "drascula-music": "drascula/audio",
    "enigma-data": "enigma/music",
    "fillets-ng-data": "fillets-ng/music",
    "freedroidrpg-data": "sound/music",
    "hedgewars-data": "Data/Music",
    "hyperrogue-music": "hyperrogue/music",
    "marsshooter-data": "marsshooter/audio",
    "naev-data": "snd/music",
    "nexuiz-music": "sound/cdtracks",
    "planetblupi-music-ogg": "planetblupi/music",
    "singularity-music": "singularity/music",
    "supertux-data": "supertux2/music",
    "trackballs-data": "trackballs/music",
    "ufoai-music": "0music/music",
    "unknown-horizons": "audio/music",
    "warzone2100-music": "warzone2100/music",
    "wesnoth-1.16-music": "core/music",
    "widelands-data": "widelands/data/music",
}

# What the packages' own tags and credits call their music, where that is one thing. The others'
# tracks have no style, and stand among the candidates all the same.
STYLES = {
    "wesnoth-1.16-music": "orchestral",  # genre tag "Romantic Classical"
    "widelands-data": "orchestral",
    "singularity-music": "electronic",
    "freedroidrpg-data": "electronic",  # genre tags "ambient" and "dnb", from a netlabel
    "btanks-data": "electronic",
    "naev-data": "electronic",  # genre tag "Electronic"
}


def fetch(package: str, folder: str) -> None:
    """Its music of at least `SHORTEST` seconds, into `TRACKS`."""
    target = TRACKS / package
    if target.is_dir():
        return
    with tempfile.TemporaryDirectory(dir=MUSIC) as name:
        work = Path(name)
        subprocess.run(["apt-get", "-qq", "download", package], cwd=work, check=True)
        [deb] = work.glob("*.deb")
        subprocess.run(["dpkg-deb", "--extract", deb.name, "."], cwd=work, check=True)
        for archive in work.rglob("*.pk3"):  # a zip
            with zipfile.ZipFile(archive) as zipped:
                zipped.extractall(archive.with_suffix(""))
        keep(work, folder, work / "kept")
        (work / "kept").rename(target)


def keep(work: Path, folder: str, kept: Path) -> None:
    kept.mkdir()
    for path in sorted(work.rglob("*")):
        if path.suffix.lower() not in FORMATS or f"/{folder}/" not in path.as_posix():
            continue
        file = mutagen.File(path)
        if file is not None and file.info.length >= SHORTEST:
            inner = path.as_posix().split(f"/{folder}/", 1)[1]
            shutil.move(path, kept / re.sub(r"[^\w.-]+", "_", inner))


def write_labels() -> None:
    """soundtracks.csv: label and album are the package. styles.csv: label is its style.

    The artist is the composer whom the tags name, else the package.
    """
    for name in ("soundtracks", "styles"):
        with (MUSIC / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["path", "label", "artist", "album"])
            for path in sorted(filter(Path.is_file, TRACKS.rglob("*"))):
                package = path.relative_to(TRACKS).parts[0]
                label = package if name == "soundtracks" else STYLES.get(package, "")
                artist = read_tags(path).artist or package
                rows.writerow([path.relative_to(TRACKS).as_posix(), label, artist, package])


def main() -> None:
    if shutil.which("apt-get") is None:
        sys.exit("game_music.py needs Debian's apt-get; evaluate music of your own: MUSIC=folder")
    TRACKS.mkdir(parents=True, exist_ok=True)
    for package, folder in PACKAGES.items():
        fetch(package, folder)
        print(f"{package}: {len(list((TRACKS / package).iterdir()))} tracks")
    write_labels()


if __name__ == "__main__":
    main()
