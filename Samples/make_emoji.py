#!/usr/bin/env python3
"""Writes out/emoji: two sets of emoji as two domains of color images, 64 x 64 pixels on white.

    python3 Samples/make_emoji.py

    out/emoji/noto/{train,test}/1F600.png      Noto Color Emoji, Google
    out/emoji/gemoji/{train,test}/1F600.png    EmojiOne, of the Ruby library gemojione

The files are named by code point, so an emoji of one set and its partner in the other have one name. Every tenth of
the code points that both sets have is in test, in both; all others are in train. A training that draws from both
folders of train independently is unpaired, and the pairs in test score it.

Needs Pillow, and Debian's packages fonts-noto-color-emoji and ruby-gemojione, which apt-get downloads to out/packages
if they are not installed. The images are not part of this repository: Noto Color Emoji has the SIL Open Font License
1.1 (copyright 2013-2017 Google Inc.), EmojiOne's pictures in gemojione CC BY-SA 4.0 (copyright 2014 Ranks.com Inc.).
"""

import io
import shutil
import struct
from pathlib import Path

from packages import unpacked
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "out" / "emoji"
SIDE = 64  # pixels
HELD_OUT = 10  # every tenth pair
PARTS = range(0x1F3FB, 0x1F400)  # skin tones: parts of other emoji, mere colors alone


def noto() -> dict[int, bytes]:
    """The PNG file of each code point in the font: its table of bitmaps (CBDT), found by index (CBLC) and cmap."""
    font = unpacked(
        "fonts-noto-color-emoji", "usr/share/fonts/truetype/noto/NotoColorEmoji.ttf", ROOT / "out" / "packages"
    ).read_bytes()
    tables = {}
    for index in range(struct.unpack_from(">H", font, 4)[0]):
        tag, _, offset, _ = struct.unpack_from(">4sIII", font, 12 + 16 * index)
        tables[tag.decode()] = offset

    bitmaps = {}  # by glyph
    first, _, count = struct.unpack_from(">III", font, tables["CBLC"] + 8)
    for index in range(count):
        entry = tables["CBLC"] + first + 8 * index
        low, high, offset = struct.unpack_from(">HHI", font, entry)
        header = tables["CBLC"] + first + offset
        index_format, image_format, data = struct.unpack_from(">HHI", font, header)
        assert (index_format, image_format) == (1, 17), "another kind of bitmap table"
        for glyph in range(low, high + 1):
            start, end = struct.unpack_from(">II", font, header + 8 + 4 * (glyph - low))
            if end > start:  # 5 bytes of metrics, the length, the PNG file
                place = tables["CBDT"] + data + start + 9
                bitmaps[glyph] = font[place : place + end - start - 9]

    found = {}
    for index in range(struct.unpack_from(">H", font, tables["cmap"] + 2)[0]):
        _, _, offset = struct.unpack_from(">HHI", font, tables["cmap"] + 4 + 8 * index)
        start = tables["cmap"] + offset
        if struct.unpack_from(">H", font, start)[0] != 12:  # ranges of 32-bit code points
            continue
        for group in range(struct.unpack_from(">I", font, start + 12)[0]):
            low, high, glyph = struct.unpack_from(">III", font, start + 16 + 12 * group)
            for code in range(low, high + 1):
                if glyph + code - low in bitmaps:
                    found[code] = bitmaps[glyph + code - low]
    return found


def gemoji() -> dict[int, bytes]:
    """The PNG file of each code point; those of several code points, such as flags, are left out."""
    gem = "usr/share/rubygems-integration/all/gems/gemojione-3.3.0"
    folder = unpacked("ruby-gemojione", f"{gem}/assets/png", ROOT / "out" / "packages")
    return {int(file.stem, 16): file.read_bytes() for file in folder.glob("*.png") if "-" not in file.stem}


def on_white(data: bytes) -> Image.Image:
    """The picture in the middle of a white square."""
    picture = Image.open(io.BytesIO(data)).convert("RGBA")
    side = max(picture.size)
    square = Image.new("RGBA", (side, side), "white")
    square.alpha_composite(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def main() -> None:
    sets = {"noto": noto(), "gemoji": gemoji()}
    for codes in sets.values():
        for code in PARTS:
            codes.pop(code, None)
    both = sorted(set(sets["noto"]) & set(sets["gemoji"]))
    test = set(both[::HELD_OUT])
    for name, files in sets.items():
        shutil.rmtree(OUT / name, ignore_errors=True)
        for code, data in files.items():
            folder = OUT / name / ("test" if code in test else "train")
            folder.mkdir(parents=True, exist_ok=True)
            on_white(data).save(folder / f"{code:04X}.png")
        print(f"{name}: {len(files) - len(test)} to train, {len(test)} to test")
    print(f"{len(both)} pairs, {len(test)} of them to test")


if __name__ == "__main__":
    main()
