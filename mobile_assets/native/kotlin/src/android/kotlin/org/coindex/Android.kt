package org.coindex

import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Matrix
import android.media.ExifInterface
import java.io.ByteArrayInputStream
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.flowOn
import kotlinx.coroutines.withContext

/** `Coindex.recognize` off the main thread. A coroutine that is cancelled ends it before the next run of a net. */
suspend fun Coindex.recognizeAsync(photo: Photo, nets: Nets, candidates: Int = 5, filter: Filter = Filter()): Answer =
    withContext(Dispatchers.Default) {
        recognize(photo, nets, candidates, filter) {
            ensureActive()
            false
        }
    }

/** The coins of a photo off the main thread, each as it is named: first where they all are, then one by one. */
fun Coindex.recognizeEach(
    photo: Photo, nets: Nets, candidates: Int = 5, filter: Filter = Filter(),
): Flow<Pair<List<Outline>, Coin?>> = flow {
    val context = currentCoroutineContext()
    val cancelled = { context.ensureActive(); false }
    recognition(photo, nets, candidates, filter, cancelled).use { each ->
        emit(each.outlines to null)
        while (true) emit(each.outlines to (each.next() ?: break))
    }
}.flowOn(Dispatchers.Default)

/** `Coindex.sync` off the main thread. */
suspend fun Coindex.Companion.syncAsync(folder: java.io.File, fetcher: Fetcher, root: ByteArray? = null): SyncReport =
    withContext(Dispatchers.IO) { sync(folder, fetcher, root) }

/** An upright bitmap as a photo. `fullWidth` and `fullHeight` are the upright file's size. */
fun Bitmap.toPhoto(fullWidth: Int = width, fullHeight: Int = height, inDetail: (() -> Photo?)? = null): Photo {
    val argb = IntArray(width * height)
    getPixels(argb, 0, width, 0, 0, width, height)
    val rgb = ByteArray(3 * argb.size)
    for ((place, pixel) in argb.withIndex()) {
        rgb[3 * place] = (pixel shr 16).toByte()
        rgb[3 * place + 1] = (pixel shr 8).toByte()
        rgb[3 * place + 2] = pixel.toByte()
    }
    return Photo(rgb, width, height, fullWidth, fullHeight, inDetail)
}

/**
 * A JPEG as a photo: reduced while it is decoded, as docs/preprocessing.md says in section 1, and turned upright by its
 * EXIF orientation, which `BitmapFactory` does not do.
 */
fun photoOfJpeg(bytes: ByteArray): Photo = decoded(bytes, Sides.QUICK)

/** A JPEG is decoded at the smallest of 1/1, 1/2, 1/4, 1/8 that keeps both its sides at least this long. */
private enum class Sides(val longer: Int, val shorter: Int) {
    QUICK(768, 256), DETAILED(1200, 400);

    fun reduction(width: Int, height: Int): Int =
        listOf(8, 4, 2).firstOrNull { maxOf(width, height) >= it * longer && minOf(width, height) >= it * shorter } ?: 1
}

private fun decoded(bytes: ByteArray, sides: Sides): Photo {
    val bounds = BitmapFactory.Options().apply { inJustDecodeBounds = true }
    BitmapFactory.decodeByteArray(bytes, 0, bytes.size, bounds)
    require(bounds.outWidth > 0) { "the photo is damaged, or of a kind that this device cannot decode; take it again" }
    val options = BitmapFactory.Options().apply {
        inSampleSize = sides.reduction(bounds.outWidth, bounds.outHeight)
        inPreferredConfig = Bitmap.Config.ARGB_8888
    }
    val lying = requireNotNull(BitmapFactory.decodeByteArray(bytes, 0, bytes.size, options)) {
        "the photo is damaged; take it again"
    }
    val orientation = ExifInterface(ByteArrayInputStream(bytes)).getAttributeInt(ExifInterface.TAG_ORIENTATION, 1)
    val turn = turn(orientation)
    val upright =
        if (turn.isIdentity) lying else Bitmap.createBitmap(lying, 0, 0, lying.width, lying.height, turn, false)
    val (width, height) =
        if (orientation in 5..8) bounds.outHeight to bounds.outWidth else bounds.outWidth to bounds.outHeight
    val isLess = Sides.DETAILED.reduction(width, height) < options.inSampleSize
    val larger = if (sides == Sides.QUICK && isLess) ({ decoded(bytes, Sides.DETAILED) }) else null
    return upright.toPhoto(width, height, larger)
}

/** What brings a picture upright, by its EXIF orientation. */
private fun turn(orientation: Int): Matrix = Matrix().apply {
    when (orientation) {
        2 -> setScale(-1f, 1f)
        3 -> setRotate(180f)
        4 -> setScale(1f, -1f)
        5 -> { setRotate(90f); postScale(-1f, 1f) }
        6 -> setRotate(90f)
        7 -> { setRotate(-90f); postScale(-1f, 1f) }
        8 -> setRotate(-90f)
    }
}
