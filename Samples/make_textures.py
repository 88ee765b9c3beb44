#!/usr/bin/env python3
"""Writes Samples/textures: small pictures of freely licensed photographs, as backgrounds.

    python3 Samples/make_textures.py

Needs Pillow, and Debian's packages lomiri-wallpapers-16.04 and lomiri-wallpapers-20.04, which apt-get downloads to
out/packages if they are not installed. README.md in this folder names the authors and the licenses.
"""

from pathlib import Path

from PIL import Image
from packages import unpacked

HERE = Path(__file__).resolve().parent
SIDE = 160  # pixels of the shorter side
QUALITY = 88
# Photographs and patterns that fill the picture; those of one object before a wall have little texture.
PICTURES = {
    "lomiri-wallpapers-16.04": [
        "Dragonfly_by_Bolly", "Picture_0B_by_freespace", "Picture_1A_by_freespace", "aitzgorri_by_Aitzol_Berasategi",
        "analogpattern_by_Peter_Nerlich", "life_by_Aitzol_Berasategi", "picosdeeuropa_by_Aitzol_Berasategi",
        "seeding_by_Clements_Engelhardt", "sunset_by_Aitzol_Berasategi", "umang_by_Abhishek_Mudgal",
    ],
    "lomiri-wallpapers-20.04": [
        "Fossa_by_Jasper_Roks", "Infinite-Sea_by_Aury88", "Kleiber_by_Lukas_Baubkus",
        "Painting-Colors_by__herobrine7gamer",
    ],
}


def main() -> None:
    out = HERE / "textures"
    out.mkdir(exist_ok=True)
    for package, names in PICTURES.items():
        folder = unpacked(package, "usr/share/backgrounds", HERE.parent / "out" / "packages")
        for name in names:
            picture = Image.open(folder / f"{name}.jpg").convert("RGB")
            scale = SIDE / min(picture.size)
            picture = picture.resize([round(side * scale) for side in picture.size], Image.Resampling.LANCZOS)
            picture.save(out / f"{name.replace('__', '_')}.jpg", quality=QUALITY, optimize=True)


if __name__ == "__main__":
    main()
