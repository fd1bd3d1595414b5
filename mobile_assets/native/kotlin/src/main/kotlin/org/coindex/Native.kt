package org.coindex

/** The functions of `coindex_jni.cc`, and what it calls back. Texts are UTF-8. */
internal object Native {
    init {
        // On a JVM that is no Android, tests name the library's file.
        val path = System.getProperty("coindex.library")
        if (path != null) System.load(path) else System.loadLibrary("coindex")
    }

    @JvmStatic external fun open(folder: ByteArray): Long
    @JvmStatic external fun close(catalog: Long)
    @JvmStatic external fun describe(catalog: Long): Array<ByteArray>
    @JvmStatic external fun openLiteRt(catalog: Long, library: ByteArray): Long
    @JvmStatic external fun closeLiteRt(nets: Long)

    @JvmStatic external fun outline(
        catalog: Long, litert: Long, nets: Array<Net?>?, ids: Array<ByteArray?>?, cancelled: (() -> Boolean)?,
        photo: Photo, candidates: Int, country: ByteArray?, currency: ByteArray?, side: ByteArray?,
    ): Long

    @JvmStatic external fun nameNext(
        answer: Long, litert: Long, nets: Array<Net?>?, ids: Array<ByteArray?>?, cancelled: (() -> Boolean)?,
    ): Int

    @JvmStatic external fun recognizeTogether(
        catalog: Long, litert: Long, nets: Array<Net?>?, ids: Array<ByteArray?>?, cancelled: (() -> Boolean)?,
        photos: Array<Photo>, candidates: Int, country: ByteArray?, currency: ByteArray?, side: ByteArray?,
    ): Long

    @JvmStatic external fun closeAnswer(answer: Long)
    @JvmStatic external fun summary(answer: Long): DoubleArray
    @JvmStatic external fun codesAlone(answer: Long): ByteArray?
    @JvmStatic external fun coin(answer: Long, place: Int): DoubleArray
    @JvmStatic external fun coinTexts(answer: Long, place: Int): Array<ByteArray?>
    @JvmStatic external fun series(answer: Long, place: Int): DoubleArray
    @JvmStatic external fun pictures(answer: Long, place: Int): Array<ByteArray>
    @JvmStatic external fun candidate(answer: Long, coin: Int, place: Int): DoubleArray
    @JvmStatic external fun candidateTexts(answer: Long, coin: Int, place: Int): Array<ByteArray>
    @JvmStatic external fun agreement(answer: Long, coin: Int, place: Int): ByteArray
    @JvmStatic external fun receive(function: Long, sink: Long, data: ByteArray, count: Int): Int

    @JvmStatic external fun sync(
        folder: ByteArray, fetcher: Fetcher, root: ByteArray?, maxBytes: Long, keepModels: Boolean, now: Long,
    ): Array<ByteArray>

    @JvmStatic fun runNet(net: Net, picture: ByteArray): FloatArray = net.run(picture)

    @JvmStatic fun isCancelled(asked: () -> Boolean): Boolean = asked()

    @JvmStatic fun larger(photo: Photo): Photo? = photo.inDetail?.invoke()

    @JvmStatic fun numbers(photo: Photo): IntArray =
        intArrayOf(photo.width, photo.height, photo.fullWidth, photo.fullHeight, if (photo.inDetail != null) 1 else 0)

    @JvmStatic fun fetch(fetcher: Fetcher, path: ByteArray, from: Long, function: Long, sink: Long): Int {
        val isServed = fetcher.get(path.decodeToString(), from) { data, count ->
            receive(function, sink, data, count) == 0
        }
        return if (isServed) 0 else Status.NOT_SERVED.ordinal
    }

    @JvmStatic fun progress(fetcher: Fetcher, here: Long, total: Long) = fetcher.progress(here, total)
}
