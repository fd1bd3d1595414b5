// The same of android.media.
@file:Suppress("UNUSED_PARAMETER", "unused")

package android.media

import java.io.InputStream

class ExifInterface(stream: InputStream) {
    fun getAttributeInt(tag: String, defaultValue: Int): Int =
        throw UnsupportedOperationException("there is no Android here")

    companion object {
        const val TAG_ORIENTATION: String = "Orientation"
    }
}
