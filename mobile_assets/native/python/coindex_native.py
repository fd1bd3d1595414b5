"""The native core from Python, over its C interface by ctypes: how the tests hold it against `coindex`.

    library = Library(Path("build/libcoindex.so"))
    with library.open(folder) as catalog:
        answer = catalog.recognize(rgb, nets)

Errors are `NativeError`, whose `status` is one of `coindex_status` and whose text is the library's sentence.
"""

import ctypes
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Candidate", "Catalog", "Coin", "JointAnswer", "Library", "NativeError", "Nets", "Outline", "SyncReport"]

SIZE = 256
INPUTS = {"segmenter": (1, SIZE, SIZE, 3), "embedder": (1, SIZE, SIZE, 3), "relief": (64, 304, 1)}
OUTPUTS = {"segmenter": 2 * SIZE * SIZE, "embedder": 64, "relief": 8 * 64 * 8}
KINDS = {"shard": 0, "fresh": 1, "delta": 2, "records": 3, "release": 4, "models": 5, "relief": 6}
ROUTES = ("kept", "delta", "full")
NOT_SERVED, SYNC, CANCELLED = 7, 6, 14

RUN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
ASKED = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
RECEIVE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)
GET = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
PROGRESS = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


class NativeError(Exception):
    """What the library refused: its `status` and sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def _struct(struct: str, /, **fields: Any) -> Any:
    return type(struct, (ctypes.Structure,), {"_fields_": list(fields.items())})


I32, I64, U32, SIZE_T, DOUBLE = ctypes.c_int32, ctypes.c_int64, ctypes.c_uint32, ctypes.c_size_t, ctypes.c_double
TEXT, POINTER = ctypes.c_char_p, ctypes.c_void_p

NetStruct = _struct("NetStruct", state=POINTER, run=RUN)
NetsStruct = _struct(
    "NetsStruct", segmenter=NetStruct, embedder=NetStruct, relief=NetStruct, space_id=TEXT, relief_id=TEXT,
    state=POINTER, cancelled=ASKED,
)  # fmt: skip
Description = _struct(
    "Description", version=I64, rows=I64, classes=I64, code_scale=DOUBLE, state_hash=TEXT, space_id=TEXT, created=TEXT
)
Model = _struct("Model", path=TEXT, scale=ctypes.c_float, zero_point=I32)
PhotoStruct = _struct(
    "PhotoStruct", rgb=POINTER, width=I32, height=I32, stride=I64, full_width=I32, full_height=I32, state=POINTER,
    in_detail=POINTER,
)  # fmt: skip
IN_DETAIL = ctypes.CFUNCTYPE(ctypes.c_int, POINTER, ctypes.POINTER(PhotoStruct))
Question = _struct("Question", candidates=I32, country=TEXT, currency=TEXT, side=TEXT)
Summary = _struct(
    "Summary", coins=I32, known=I32, confidence=DOUBLE, candidates=I32, codes_alone=TEXT, segment_ms=DOUBLE,
    cutout_ms=DOUBLE, embed_ms=DOUBLE, relief_ms=DOUBLE, search_ms=DOUBLE,
)  # fmt: skip
CoinStruct = _struct(
    "CoinStruct", is_there=I32, is_named=I32, x=I32, y=I32, width=I32, height=I32, area=DOUBLE, known=I32,
    confidence=DOUBLE, candidates=I32, code=POINTER, cutout=POINTER, mask=POINTER, rgb=POINTER, crop_x=I32, crop_y=I32,
    crop_side=I32, relief=POINTER, codes_alone=TEXT, design=TEXT, series=ctypes.POINTER(U32), series_size=I32,
)  # fmt: skip
CandidateStruct = _struct(
    "CandidateStruct", class_id=U32, row_id=U32, distance=I32, similarity=DOUBLE, name=TEXT, side=TEXT, country=TEXT,
    currency=TEXT, denomination=TEXT, variant=TEXT, facts=TEXT, relief=I32, relief_row=U32, angle=DOUBLE,
)  # fmt: skip
FetcherStruct = _struct("FetcherStruct", state=POINTER, get=GET, progress=PROGRESS)
OptionsStruct = _struct(
    "OptionsStruct", root=TEXT, root_size=SIZE_T, max_bytes=I64, keep_models=I32, now=I64
)  # fmt: skip
ReportStruct = _struct(
    "ReportStruct", from_version=I64, to_version=I64, bytes_downloaded=I64, bytes_reused=I64, bytes_saved=I64,
    up_to_date=I32, root_is_new=I32, route=I32, root_fingerprint=ctypes.c_char * 65, space_id=ctypes.c_char * 17,
)  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """A class of the catalogue by its best row; `facts` is canonical JSON, None where there are none; `relief`,
    `relief_row` and `angle` are None without a second look."""

    class_id: int
    row_id: int
    distance: int
    similarity: float
    name: str
    side: str
    facts: str | None = None
    relief: int | None = None
    relief_row: int | None = None
    angle: float | None = None


@dataclass(frozen=True, eq=False)
class Outline:
    """Where a coin is, before it is named: `box` x, y, width, height, `mask` uint8 (256, 256)."""

    box: tuple[int, int, int, int]
    area: float
    mask: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Coin(Outline):
    """One coin of an answer: `code` int8 (64,), `cutout` uint8 (256, 256), `relief` int8 (8, 64, 8) or None.

    `codes_alone` says why there was no second look, None where there was; `series` is the design and the class ids of
    the coins that are not told apart; `agreements` has int8 (8, 32) of each candidate that was looked at again.
    """

    known: bool
    confidence: float
    code: NDArray[np.int8]
    cutout: NDArray[np.uint8]
    candidates: tuple[Candidate, ...]
    relief: NDArray[np.int8] | None
    codes_alone: str | None
    series: tuple[str, tuple[int, ...]] | None
    agreements: tuple[NDArray[np.int8] | None, ...]


@dataclass(frozen=True, eq=False)
class JointAnswer:
    """One answer to several photos of one coin: of each candidate its side for each photo, None where it shows none."""

    known: bool
    confidence: float
    candidates: list[list[Candidate | None]]
    codes_alone: str | None


@dataclass(frozen=True)
class SyncReport:
    """What a sync did, as `coindex.sync.SyncReport` says it; `from_version` is 0 on a device that had no catalogue."""

    from_version: int
    to_version: int
    bytes_downloaded: int
    bytes_reused: int
    bytes_saved: int
    up_to_date: bool
    root_is_new: bool
    route: str
    root_fingerprint: str
    space_id: str


class Nets:
    """The nets as C functions: Python ones by `of`, LiteRT's by `Library.litert`. They live as long as this does."""

    def __init__(self, struct: Any, kept: Sequence[object]) -> None:
        self.struct, self._kept = struct, kept

    @classmethod
    def of(
        cls,
        segmenter: Callable[..., Any],
        embedder: Callable[..., Any],
        relief: Callable[..., Any] | None = None,
        *,
        space_id: str | None = None,
        relief_id: str | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> "Nets":
        """Nets as `coindex.runtime.Net` has them: uint8 (1, 256, 256, 3) in, float32 (1, …) out; `relief` takes uint8
        (64, 304, 1) and gives int8 numbers as they are. `cancelled` is asked before each run of one."""
        given = [("segmenter", segmenter), ("embedder", embedder), *([("relief", relief)] if relief else [])]
        functions: list[Any] = [_c_net(net, INPUTS[name]) for name, net in given]
        nets = [NetStruct(None, function) for function in functions] + [NetStruct()] * (3 - len(given))
        asked = ASKED(lambda _: cancelled()) if cancelled else ASKED()
        ids = (each and each.encode() for each in (space_id, relief_id))
        return cls(NetsStruct(*nets, *ids, None, asked), [*functions, asked])


class Library:
    """The shared library at a path."""

    def __init__(self, path: Path) -> None:
        self._c = ctypes.CDLL(str(path))
        self._c.coindex_error_text.restype = TEXT
        self._c.coindex_version.restype = TEXT

    @property
    def version(self) -> str:
        """The library's version."""
        return str(self._c.coindex_version().decode())

    def call(self, name: str, *arguments: Any) -> None:
        """Calls a function. Raises `NativeError` where it does not give COINDEX_OK."""
        status = getattr(self._c, name)(*arguments)
        if status:
            raise NativeError(status, self._c.coindex_error_text().decode())

    def open(self, folder: Path | str) -> "Catalog":
        """The catalogue that a sync left in a folder."""
        handle = ctypes.c_uint64()
        self.call("coindex_open", str(folder).encode(), ctypes.byref(handle))
        return Catalog(self, handle)

    def sync(
        self,
        folder: Path | str,
        get: Callable[[str, int], bytes | None],
        *,
        root: bytes | None = None,
        max_bytes: int | None = None,
        keep_models: bool = False,
        now: int = 0,
    ) -> SyncReport:
        """Sync a folder. `get` gives a path's bytes from an offset on, None where the server has none."""
        options = OptionsStruct(root, len(root or b""), -1 if max_bytes is None else max_bytes, keep_models, now)
        report = ReportStruct()
        fetcher, errors = _fetcher(get)
        self._call_raising(
            errors, "coindex_sync", str(folder).encode(), ctypes.byref(fetcher), ctypes.byref(options),
            ctypes.byref(report),
        )  # fmt: skip
        numbers = (getattr(report, name) for name in
                   ("from_version", "to_version", "bytes_downloaded", "bytes_reused", "bytes_saved"))  # fmt: skip
        return SyncReport(
            *numbers,
            bool(report.up_to_date),
            bool(report.root_is_new),
            ROUTES[report.route],
            report.root_fingerprint.decode(),
            report.space_id.decode(),
        )

    def refresh(self, folder: Path, get: Callable[[str, int], bytes | None], *, now: int) -> int:
        """Verify and keep a server's metadata; the number of its targets."""
        fetcher, errors = _fetcher(get)
        targets = ctypes.c_size_t()
        self._call_raising(
            errors, "coindex_step_refresh", str(folder).encode(), ctypes.byref(fetcher), I64(now), ctypes.byref(targets)
        )
        return targets.value

    def _call_raising(self, errors: list[BaseException], name: str, *arguments: Any) -> None:
        try:
            self.call(name, *arguments)
        except NativeError:
            if errors:
                raise errors[0] from None
            raise

    def litert(self, library: Path, models: Sequence[tuple[Path, float, int]]) -> Nets:
        """LiteRT's nets: of segmenter, embedder and perhaps relief net the file, and its output's scale and zero."""
        nets = []
        for (path, scale, zero), outputs in zip(models, OUTPUTS.values(), strict=False):
            net = NetStruct()
            model = Model(str(path).encode(), scale, zero)
            self.call(
                "coindex_litert_open", str(library).encode(), ctypes.byref(model), SIZE_T(outputs), ctypes.byref(net)
            )
            nets.append(net)
        return Nets(NetsStruct(*nets), [self])

    def resize(
        self, picture: NDArray[np.uint8], window: tuple[int, int, int, int], width: int, height: int
    ) -> NDArray[np.uint8]:
        """The window x, y, width, height of uint8 (h, w[, 3]) at another size."""
        picture = np.ascontiguousarray(picture)
        out = np.zeros((height, width, *picture.shape[2:]), np.uint8)
        channels = picture.shape[2] if picture.ndim == 3 else 1
        self.call(
            "coindex_step_resize", _at(picture), picture.shape[1], picture.shape[0], channels, *window, width, height,
            _at(out),
        )  # fmt: skip
        return out

    def regions(self, logits: NDArray[np.float32]) -> list[tuple[list[int], NDArray[np.uint8]]]:
        """Of each region x, y, width, height, area, and its mask."""
        logits = np.ascontiguousarray(logits, np.float32)
        found = ctypes.c_size_t()
        self.call("coindex_step_regions", _at(logits), None, None, SIZE_T(0), ctypes.byref(found))
        boxes, masks = np.zeros((found.value, 5), np.int32), np.zeros((found.value, SIZE, SIZE), np.uint8)
        self.call("coindex_step_regions", _at(logits), _at(boxes), _at(masks), found, ctypes.byref(found))
        return list(zip(boxes.tolist(), masks, strict=True))

    def cut_out(self, rgb: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """One channel, uint8 (256, 256), of a crop and its mask."""
        rgb, mask, out = np.ascontiguousarray(rgb), np.ascontiguousarray(mask), np.zeros((SIZE, SIZE), np.uint8)
        self.call("coindex_step_cut_out", _at(rgb), _at(mask), _at(out))
        return out

    def quantise(self, embedding: NDArray[np.float64], scale: float) -> NDArray[np.int8]:
        """The code int8 (64,) of an embedding float64 (64,)."""
        embedding, out = np.ascontiguousarray(embedding), np.zeros(64, np.int8)
        self.call("coindex_step_quantise", _at(embedding), DOUBLE(scale), _at(out))
        return out

    def read(self, kind: str, data: bytes) -> str:
        """SHA-256 (hex) of what a catalogue file says: `coindex_steps.h`."""
        digest = ctypes.create_string_buffer(65)
        self.call("coindex_step_read", KINDS[kind], data, SIZE_T(len(data)), digest)
        return digest.value.decode()


class Catalog:
    """An open catalogue."""

    def __init__(self, library: Library, handle: ctypes.c_uint64) -> None:
        self._library, self.handle = library, handle

    def __enter__(self) -> "Catalog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the catalogue back; the second time is an error."""
        self._library.call("coindex_close", self.handle)

    def describe(self) -> dict[str, Any]:
        """The fields of `coindex_description`."""
        out = Description()
        self._library.call("coindex_describe", self.handle, ctypes.byref(out))
        values = {name: getattr(out, name) for name, _ in out._fields_}
        return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}

    def model_file(self, kind: int) -> tuple[Path, float, int]:
        """The verified .tflite of the segmenter, 0, the embedder, 1, or the relief net, 2, and what `litert` takes."""
        out = Model()
        self._library.call("coindex_model_file", self.handle, kind, ctypes.byref(out))
        return Path(out.path.decode()), out.scale, out.zero_point

    def state_hash(self) -> str:
        """The state hash, computed from the rows."""
        out = ctypes.create_string_buffer(65)
        self._library.call("coindex_step_state_hash", self.handle, out)
        return out.value.decode()

    def search(self, code: NDArray[np.int8], k: int, **question: str) -> tuple[Candidate, ...]:
        """The k classes nearest to a code int8 (64,)."""
        code, found = np.ascontiguousarray(code), ctypes.c_size_t()
        out = (CandidateStruct * k)()
        asked = _question(5, question)
        self._library.call(
            "coindex_search", self.handle, _at(code), ctypes.byref(asked), out, SIZE_T(k), ctypes.byref(found)
        )
        return tuple(map(_candidate, out[: found.value]))

    def recognize(self, photo: Any, nets: Nets, *, candidates: int = 5, **question: str) -> tuple[Coin, ...]:
        """Every coin of a `coindex.photo.Photo`."""
        answer = self._answer("coindex_recognize", photo, nets, candidates, question)
        try:
            summary = self._summary(answer)
            self.timings = summary
            return tuple(self._coin(answer, place) for place in range(summary.coins))
        finally:
            self._library.call("coindex_close_answer", answer)

    def recognize_each(
        self, photo: Any, nets: Nets, *, candidates: int = 5, **question: str
    ) -> Generator[tuple[Outline, ...] | Coin, None, None]:
        """Where all coins are, then each coin as it is named."""
        answer = self._answer("coindex_outline", photo, nets, candidates, question)
        place = ctypes.c_int32()
        try:
            yield tuple(self._outline(answer, number) for number in range(self._summary(answer).coins))
            while True:
                self._library.call("coindex_name_next", answer, ctypes.byref(nets.struct), ctypes.byref(place))
                if place.value < 0:
                    return
                yield self._coin(answer, place.value)
        finally:
            self._library.call("coindex_close_answer", answer)

    def recognize_together(
        self, photos: Sequence[Any], nets: Nets, *, candidates: int = 5, **question: str
    ) -> JointAnswer:
        """One answer to several photos."""
        answer, kept = ctypes.c_uint64(), []
        given = (PhotoStruct * len(photos))(*(_photo(photo, kept) for photo in photos))
        asked = _question(candidates, question)
        self._library.call(
            "coindex_recognize_together", self.handle, ctypes.byref(nets.struct), given, SIZE_T(len(photos)),
            ctypes.byref(asked), ctypes.byref(answer),
        )  # fmt: skip
        summary = self._summary(answer)
        there = [bool(self._struct(answer, photo).is_there) for photo in range(summary.coins)]
        found = [
            [self._candidate(answer, photo, place) if is_there else None for photo, is_there in enumerate(there)]
            for place in range(summary.candidates)
        ]
        codes_alone = _text(summary.codes_alone)
        self._library.call("coindex_close_answer", answer)
        return JointAnswer(bool(summary.known), summary.confidence, found, codes_alone)

    def _answer(
        self, function: str, photo: Any, nets: Nets, candidates: int, question: dict[str, str]
    ) -> ctypes.c_uint64:
        answer, kept = ctypes.c_uint64(), []
        asked = _question(candidates, question)
        self._library.call(
            function, self.handle, ctypes.byref(nets.struct), ctypes.byref(_photo(photo, kept)), ctypes.byref(asked),
            ctypes.byref(answer),
        )  # fmt: skip
        return answer

    def _summary(self, answer: ctypes.c_uint64) -> Any:
        out = Summary()
        self._library.call("coindex_answer_summary", answer, ctypes.byref(out))
        return out

    def _struct(self, answer: ctypes.c_uint64, place: int) -> Any:
        out = CoinStruct()
        self._library.call("coindex_answer_coin", answer, place, ctypes.byref(out))
        return out

    def _candidate(self, answer: ctypes.c_uint64, coin: int, place: int) -> Candidate:
        out = CandidateStruct()
        self._library.call("coindex_answer_candidate", answer, coin, place, ctypes.byref(out))
        return _candidate(out)

    def _agreement(self, answer: ctypes.c_uint64, coin: int, place: int) -> NDArray[np.int8]:
        out = np.zeros((8, 32), np.int8)
        self._library.call("coindex_answer_agreement", answer, coin, place, _at(out))
        return out

    def _outline(self, answer: ctypes.c_uint64, place: int) -> Outline:
        return Outline(*_outlined(self._struct(answer, place)))

    def _coin(self, answer: ctypes.c_uint64, place: int) -> Coin:
        coin = self._struct(answer, place)
        found = tuple(self._candidate(answer, place, number) for number in range(coin.candidates))
        return Coin(
            *_outlined(coin),
            bool(coin.known),
            coin.confidence,
            np.frombuffer(ctypes.string_at(coin.code, 64), np.int8),
            np.frombuffer(ctypes.string_at(coin.cutout, SIZE * SIZE), np.uint8).reshape(SIZE, SIZE),
            found,
            np.frombuffer(ctypes.string_at(coin.relief, 4096), np.int8).reshape(8, 64, 8) if coin.relief else None,
            _text(coin.codes_alone),
            (coin.design.decode(), tuple(coin.series[: coin.series_size])) if coin.series_size else None,
            tuple(
                None if each.relief is None else self._agreement(answer, place, number)
                for number, each in enumerate(found)
            ),
        )


def _outlined(coin: Any) -> tuple[tuple[int, int, int, int], float, NDArray[np.uint8]]:
    mask = np.frombuffer(ctypes.string_at(coin.mask, SIZE * SIZE), np.uint8).reshape(SIZE, SIZE)
    return (coin.x, coin.y, coin.width, coin.height), coin.area, mask


def _text(text: bytes | None) -> str | None:
    return None if text is None else text.decode()


def _at(array: NDArray[Any]) -> Any:
    return array.ctypes.data_as(POINTER)


def _question(candidates: int, question: dict[str, str]) -> Any:
    return Question(candidates, *(question.get(name, "").encode() or None for name in ("country", "currency", "side")))


def _photo(photo: Any, kept: list[object]) -> Any:
    """A photo as a struct; what it points at goes to `kept`."""
    rgb = np.ascontiguousarray(photo.rgb)
    kept.append(rgb)
    height, width = rgb.shape[:2]
    out = PhotoStruct(_at(rgb), width, height, 3 * width, photo.width, photo.height, None, None)
    if photo.in_detail:

        def in_detail(_: object, larger: Any) -> int:
            detailed = _photo(photo.in_detail(), kept)
            detailed.in_detail = None
            ctypes.memmove(larger, ctypes.byref(detailed), ctypes.sizeof(detailed))
            return 0

        function = IN_DETAIL(in_detail)
        kept.append(function)
        out.in_detail = ctypes.cast(function, POINTER)
    return out


def _candidate(found: Any) -> Candidate:
    plain = (found.class_id, found.row_id, found.distance, found.similarity, found.name.decode(), found.side.decode(),
             _text(found.facts))  # fmt: skip
    return Candidate(*plain) if found.relief < 0 else Candidate(*plain, found.relief, found.relief_row, found.angle)


def _c_net(net: Callable[..., Any], shape: tuple[int, ...]) -> Any:
    def run(_: object, picture: int, out: int, count: int) -> int:
        try:
            pixels = np.frombuffer(ctypes.string_at(picture, int(np.prod(shape))), np.uint8).reshape(shape)
            numbers = np.ascontiguousarray(net(pixels), np.float32)
            if numbers.size != count:
                return 2
            ctypes.memmove(out, numbers.ctypes.data, 4 * count)
        except Exception:
            return 1
        return 0

    return RUN(run)


def _fetcher(get: Callable[[str, int], bytes | None]) -> tuple[Any, list[BaseException]]:
    errors: list[BaseException] = []

    def c_get(_: object, path: bytes, offset: int, receive: int, sink: int) -> int:
        try:
            data = get(path.decode(), offset)
        except Exception as error:
            errors.append(error)
            return SYNC
        if data is None:
            return NOT_SERVED
        take = RECEIVE(receive)
        middle = len(data) // 2
        # In two pieces, so that a fault may come between them.
        for piece in (data[:middle], data[middle:]):
            if piece and take(sink, piece, len(piece)):
                break
        return 0

    return FetcherStruct(None, GET(c_get), PROGRESS()), errors
