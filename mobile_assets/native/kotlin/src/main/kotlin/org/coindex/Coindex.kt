package org.coindex

import java.io.File

/** Why something was refused: `coindex_status`, in its order. */
enum class Status {
    OK, BAD_ARGUMENT, PHOTO, MODEL, CATALOG, SPACE_MISMATCH, SYNC, NOT_SERVED, REJECTED, NET, DISK, CLOSED, MEMORY,
    INTERNAL, CANCELLED,
}

/** What the library refused; the message says what was wrong, what was expected and what to do. */
class CoindexException internal constructor(code: Int, sentence: ByteArray) : Exception(sentence.decodeToString()) {
    val status: Status = Status.entries.getOrElse(code) { Status.INTERNAL }
}

/**
 * A catalogue that a sync left in a folder, open for recognition. Any number of threads may ask at once; functions
 * block, so call them off the main thread (on Android see `recognizeAsync`). Close it when it is no longer needed.
 */
class Coindex private constructor(private val handle: Long) : AutoCloseable {
    /** The release that this is. */
    val description: Description
        get() {
            val (version, rows, classes, stateHash, spaceId) = Native.describe(handle).map { it.decodeToString() }
            return Description(version.toLong(), rows.toLong(), classes.toLong(), stateHash, spaceId)
        }

    /**
     * The nets that came with the catalogue, run by LiteRT's C library. On Android the dependency
     * `com.google.ai.edge.litert:litert` puts it into the app under its default name. Close them after their last use.
     */
    fun liteRtNets(library: String = "libLiteRt.so"): Nets =
        Nets.LiteRt(Native.openLiteRt(handle, library.encodeToByteArray()))

    /**
     * Every coin in the photo, largest first, each with its nearest classes. `cancelled` is asked before each run of a
     * net; once it gives true, the call ends with `Status.CANCELLED`, and with what it throws it ends too.
     */
    fun recognize(
        photo: Photo, nets: Nets, candidates: Int = 5, filter: Filter = Filter(), cancelled: (() -> Boolean)? = null,
    ): Answer = recognition(photo, nets, candidates, filter, cancelled).use { each ->
        val coins = generateSequence { each.next() }.toList()
        Answer(coins, each.timings)
    }

    /** The same coin by coin: where all coins are at once, then each as it is asked for. */
    fun recognition(
        photo: Photo, nets: Nets, candidates: Int = 5, filter: Filter = Filter(), cancelled: (() -> Boolean)? = null,
    ): Recognition {
        val own = nets as? Nets.Own
        val answer = Native.outline(
            handle, nets.pointer(), own?.nets, own?.ids, cancelled, photo, candidates, filter.country?.encodeToByteArray(),
            filter.currency?.encodeToByteArray(), filter.side?.encodeToByteArray(),
        )
        return Recognition(answer, nets, cancelled)
    }

    /** The one coin that all photos show, either side of it. The largest coin of a photo is its coin. */
    fun recognizeTogether(
        photos: List<Photo>, nets: Nets, candidates: Int = 5, filter: Filter = Filter(),
        cancelled: (() -> Boolean)? = null,
    ): JointAnswer {
        val own = nets as? Nets.Own
        val answer = Native.recognizeTogether(
            handle, nets.pointer(), own?.nets, own?.ids, cancelled, photos.toTypedArray(), candidates,
            filter.country?.encodeToByteArray(), filter.currency?.encodeToByteArray(), filter.side?.encodeToByteArray(),
        )
        try {
            val summary = Native.summary(answer)
            val isThere = List(summary[0].toInt()) { Native.coin(answer, it)[0] != 0.0 }
            val found = List(summary[3].toInt()) { place ->
                JointCandidate(isThere.mapIndexed { photo, there -> if (there) candidateOf(answer, photo, place) else null })
            }
            val codesAlone = Native.codesAlone(answer)?.decodeToString()
            return JointAnswer(summary[1] != 0.0, summary[2], found, codesAlone, timingsOf(summary))
        } finally {
            Native.closeAnswer(answer)
        }
    }

    override fun close() = Native.close(handle)

    companion object {
        /** Opens the catalogue of a folder; each of its files is verified. Throws `CoindexException`. */
        @JvmStatic fun open(folder: File): Coindex = Coindex(Native.open(folder.path.encodeToByteArray()))

        /**
         * Brings a folder's catalogue to the server's release. Whatever goes wrong, and whenever, the catalogue is the
         * old one or the new one. `root` is the server's 1.root.json, which the first sync pins: ship it with the app.
         * `maxBytes` bounds what may come, below 0 nothing does.
         */
        @JvmStatic
        fun sync(
            folder: File, fetcher: Fetcher, root: ByteArray? = null, maxBytes: Long = -1, keepModels: Boolean = false,
            now: Long = 0,
        ): SyncReport {
            val told = Native.sync(folder.path.encodeToByteArray(), fetcher, root, maxBytes, keepModels, now)
                .map { it.decodeToString() }
            return SyncReport(
                told[0].toLong().takeIf { it > 0 }, told[1].toLong(), told[2].toLong(), told[3] == "1",
                SyncReport.Route.entries[told[4].toInt()], told[5], told[6],
            )
        }
    }
}

private fun Nets.pointer(): Long = (this as? Nets.LiteRt)?.pointer() ?: 0

private fun timingsOf(summary: DoubleArray) = Timings(summary[4], summary[5], summary[6], summary[7], summary[8])

private fun candidateOf(answer: Long, coin: Int, place: Int): Candidate {
    val numbers = Native.candidate(answer, coin, place)
    val texts = Native.candidateTexts(answer, coin, place).map { it.decodeToString() }
    val sight = if (numbers[4] < 0) null else
        Sight(numbers[4].toInt(), numbers[5].toLong(), numbers[6], Native.agreement(answer, coin, place))
    return Candidate(
        numbers[0].toLong(), numbers[1].toLong(), numbers[2].toInt(), numbers[3], texts[0], texts[1], texts[2], texts[3],
        texts[4], texts[5], texts[6].ifEmpty { null }, sight,
    )
}

/**
 * A photo that is being answered: where its coins are, and each of them once it was asked for. Nothing is computed before:
 * whoever closes it early pays for no more.
 */
class Recognition internal constructor(
    private val answer: Long, private val nets: Nets, private val cancelled: (() -> Boolean)?,
) : AutoCloseable {
    /** Where all coins are, largest first. */
    val outlines: List<Outline> = List(Native.summary(answer)[0].toInt()) { place ->
        val numbers = Native.coin(answer, place)
        Outline(boxOf(numbers), numbers[5], Native.pictures(answer, place)[0])
    }

    /** Milliseconds that each step took so far. */
    val timings: Timings get() = timingsOf(Native.summary(answer))

    /** Names the next coin; null once all are named. */
    fun next(): Coin? {
        val own = nets as? Nets.Own
        val place = Native.nameNext(answer, nets.pointer(), own?.nets, own?.ids, cancelled)
        if (place < 0) return null
        val numbers = Native.coin(answer, place)
        val (mask, code, cutout) = Native.pictures(answer, place)
        val (codesAlone, design) = Native.coinTexts(answer, place).map { it?.decodeToString() }
        return Coin(
            boxOf(numbers), numbers[5], mask, numbers[6] != 0.0, numbers[7],
            List(numbers[8].toInt()) { candidateOf(answer, place, it) }, code, cutout,
            design?.let { Series(it, Native.series(answer, place).map(Double::toLong)) }, codesAlone,
        )
    }

    override fun close() = Native.closeAnswer(answer)

    private fun boxOf(numbers: DoubleArray): Box {
        val (x, y, width, height) = numbers.drop(1).map { it.toInt() }
        return Box(x, y, width, height)
    }
}
