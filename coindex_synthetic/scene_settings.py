"""How hard a scene is: how its coins lie, and what light, lens and sensor do to it."""

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class SceneSettings:
    """How a scene may look. Ranges are (least, most) and drawn evenly unless said otherwise.

    `coin_width`: a coin's diameter as a share of the frame's width, drawn evenly in its logarithm. `tilt`:
    the most the camera leans from straight above, in degrees. `glare` and `shadow`: probabilities; their
    strengths are drawn in 0…`glare_strength` and 0…`shadow_strength` (1 = white, black). `hard_shadow`: the
    share of scenes under a flash, whose shadows are long, dark and sharp. `blur`: the defocus sigma and
    `motion` the longest smear, in pixels of the frame. `noise`: sensor noise at mid grey, in grey levels.
    `jpeg_quality` None skips the JPEG round trip. `brightness`: a factor, drawn evenly in its logarithm.
    `colour_cast`: the spread of the channels' gains. `light_gradient` and `vignette`: the share of light lost
    across the frame and at its corners.
    """

    coins: tuple[int, int] = (1, 5)
    coin_width: Range = (0.08, 0.6)
    tilt: float = 40.0
    touching: bool = True
    overlapping: bool = True
    outside: bool = True
    glare: float = 0.4
    glare_strength: float = 0.8
    shadow: float = 0.9
    shadow_strength: float = 0.65
    hard_shadow: float = 0.0
    blur: Range = (0.0, 1.0)
    motion: float = 3.0
    noise: Range = (0.0, 8.0)
    jpeg_quality: tuple[int, int] | None = (40, 95)
    brightness: Range = (0.55, 1.5)
    colour_cast: float = 0.08
    light_gradient: float = 0.4
    vignette: float = 0.3

    def __post_init__(self) -> None:
        """Refuse settings that no scene can meet, naming the field."""
        if not 0 <= self.coins[0] <= self.coins[1]:
            raise ValueError(f"coins must be (least, most) with 0 <= least <= most, got {self.coins}")
        if not 0 < self.coin_width[0] <= self.coin_width[1]:
            raise ValueError(f"coin_width must be (least, most) with 0 < least <= most, got {self.coin_width}")
        if not 0 <= self.tilt < 80:
            raise ValueError(f"tilt must be in 0…80 degrees, got {self.tilt}")


EVALUATION_SEVERITY = SceneSettings(
    coins=(1, 1),
    coin_width=(0.05, 0.60),
    tilt=35.0,
    touching=False,
    overlapping=False,
    outside=False,
    glare=0.5,
    glare_strength=0.6,
    shadow=1.0,
    shadow_strength=0.6,
    blur=(0.3, 1.4),
    motion=3.0,
    noise=(2.0, 7.0),
    jpeg_quality=(60, 60),
    brightness=(0.65, 1.35),
    colour_cast=0.08,
    light_gradient=0.35,
    vignette=0.25,
)
