// What src/android calls of Android's android.graphics, declared as its documentation does: enough to compile against.
@file:Suppress("UNUSED_PARAMETER", "unused")

package android.graphics

private fun absent(): Nothing = throw UnsupportedOperationException("there is no Android here")

class Matrix {
    val isIdentity: Boolean get() = absent()

    fun setScale(sx: Float, sy: Float): Unit = absent()

    fun setRotate(degrees: Float): Unit = absent()

    fun postScale(sx: Float, sy: Float): Boolean = absent()
}

class Bitmap private constructor() {
    enum class Config { ARGB_8888 }

    val width: Int get() = absent()
    val height: Int get() = absent()

    fun getPixels(pixels: IntArray, offset: Int, stride: Int, x: Int, y: Int, width: Int, height: Int): Unit = absent()

    companion object {
        fun createBitmap(
            source: Bitmap, x: Int, y: Int, width: Int, height: Int, matrix: Matrix?, filter: Boolean,
        ): Bitmap = absent()
    }
}

object BitmapFactory {
    class Options {
        var inJustDecodeBounds: Boolean = false
        var inSampleSize: Int = 0
        var inPreferredConfig: Bitmap.Config? = null
        val outWidth: Int get() = absent()
        val outHeight: Int get() = absent()
    }

    fun decodeByteArray(data: ByteArray, offset: Int, length: Int, options: Options?): Bitmap? = absent()
}
