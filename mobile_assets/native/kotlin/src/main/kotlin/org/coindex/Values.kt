package org.coindex

/** What a catalogue is: its release, how much is in it, and the hash that two devices compare. */
data class Description(val version: Long, val rows: Long, val classes: Long, val stateHash: String, val spaceId: String)

/** A rectangle of whole pixels of the upright photo. */
data class Box(val x: Int, val y: Int, val width: Int, val height: Int)

/** What a search is narrowed to; null narrows nothing. Upper and lower case are the same. */
data class Filter(val country: String? = null, val currency: String? = null, val side: String? = null)

/**
 * A class of the catalogue by its best row: `distance` is the squared one of the codes, `similarity` their cosine. `facts` is
 * a JSON object of what else the catalogue tells of the coin, null where that is nothing.
 */
data class Candidate(
    val classId: Long, val rowId: Long, val distance: Int, val similarity: Double, val name: String, val side: String,
    val country: String, val currency: String, val denomination: String, val variant: String, val facts: String?,
    val sight: Sight?,
)

/**
 * What the second look saw of a candidate: its most alike reference, row `rowId`, how alike from 0 to 10,000, and by how
 * many degrees, clockwise, the photo's coin lies further than that one. `agreement` has 8 × 32 numbers from -100 to 100,
 * where the two agree: by ring from the inside out and by 32nds of a turn clockwise from the reference's right.
 */
class Sight(val relief: Int, val rowId: Long, val angle: Double, val agreement: ByteArray)

/** Coins that carry one design and are not told apart: the first candidates' class ids. */
data class Series(val design: String, val classIds: List<Long>)

/** Where a coin of a photo is, before it is named. `mask` is 256 × 256 bytes. */
open class Outline internal constructor(val box: Box, val area: Double, val mask: ByteArray)

/**
 * One coin of a photo. `code` has 64 numbers; `cutout` is 256 × 256 bytes. `codesAlone` says why there was no second look,
 * null where there was.
 */
class Coin internal constructor(
    box: Box, area: Double, mask: ByteArray, val known: Boolean, val confidence: Double, val candidates: List<Candidate>,
    val code: ByteArray, val cutout: ByteArray, val series: Series?, val codesAlone: String?,
) : Outline(box, area, mask)

/** Milliseconds a step. */
data class Timings(
    val segment: Double, val cutout: Double, val embed: Double, val relief: Double, val search: Double,
)

/** All coins of a photo, largest first. */
class Answer(val coins: List<Coin>, val timings: Timings)

/** A coin, either side: `sides` has for each photo its nearest side, null for one that shows no coin. */
class JointCandidate(val sides: List<Candidate?>)

/** One answer to several photos of one coin. `codesAlone` says why there was no second look, null where there was. */
class JointAnswer(
    val known: Boolean, val confidence: Double, val candidates: List<JointCandidate>, val codesAlone: String?,
    val timings: Timings,
)

/**
 * An upright photo: `rgb` has 3 bytes a pixel, row by row. `fullWidth` and `fullHeight` are the upright file's size, of
 * which the pixels may be a reduction; `inDetail`, where there is more to see, decodes it with more pixels.
 */
class Photo(
    @JvmField val rgb: ByteArray, val width: Int, val height: Int, val fullWidth: Int = width, val fullHeight: Int = height,
    val inDetail: (() -> Photo?)? = null,
)

/**
 * A net: a picture's bytes in, its numbers out, channels last. Segmenter and embedder take 256 × 256 × 3 bytes of RGB and
 * give dequantised numbers; the relief net takes 64 × 304 bytes and gives its int8 numbers as they are.
 */
fun interface Net {
    fun run(picture: ByteArray): FloatArray
}

/** The segmenter, the embedder and the relief net; without the last, codes alone answer. */
sealed class Nets : AutoCloseable {
    /**
     * Nets of one's own; `spaceId` and `reliefId` name the space and the relief maps that they are of, null says: the
     * catalogue's.
     */
    class Own(
        segmenter: Net, embedder: Net, relief: Net? = null, spaceId: String? = null, reliefId: String? = null,
    ) : Nets() {
        internal val nets = arrayOf(segmenter, embedder, relief)
        internal val ids = arrayOf(spaceId?.encodeToByteArray(), reliefId?.encodeToByteArray())

        override fun close() = Unit
    }

    /** LiteRT's, of `Coindex.liteRtNets`. They lock themselves. */
    class LiteRt internal constructor(private var pointer: Long) : Nets() {
        internal fun pointer(): Long = pointer.also { check(it != 0L) { "the nets are closed; open them first" } }

        override fun close() {
            Native.closeLiteRt(pointer)
            pointer = 0
        }
    }
}

/** How files are fetched from the server. What it throws, a sync throws. */
fun interface Fetcher {
    /**
     * Fetches `path`, relative to the server's address, from byte `from` on (a Range request; what a server sends before
     * it must be skipped) and hands the pieces to `receive` until that gives false. False where the server has no such
     * file (403, 404).
     */
    fun get(path: String, from: Long, receive: (ByteArray, Int) -> Boolean): Boolean

    /** Told the bytes of missing files that are here, and those that there will be, as far as is known. */
    fun progress(here: Long, total: Long) = Unit
}

/** What a sync did; `fromVersion` is null on a device that had no catalogue. */
data class SyncReport(
    val fromVersion: Long?, val toVersion: Long, val bytesDownloaded: Long, val upToDate: Boolean, val route: Route,
    val rootFingerprint: String, val spaceId: String,
) {
    enum class Route { KEPT, DELTA, FULL }
}
