package org.coindex

import java.io.IOException
import java.net.HttpURLConnection
import java.net.URL

/** Fetches from a server's address, such as "https://coins.example", by the platform's own HTTP. */
class HttpFetcher(address: String, private val timeoutMillis: Int = 30_000) : Fetcher {
    private val base = address.trimEnd('/') + "/"

    override fun get(path: String, from: Long, receive: (ByteArray, Int) -> Boolean): Boolean {
        val connection = URL(base + path).openConnection() as HttpURLConnection
        connection.connectTimeout = timeoutMillis
        connection.readTimeout = timeoutMillis
        if (from > 0) connection.setRequestProperty("Range", "bytes=$from-")
        // Packed on the way, a file would not start at the byte that was asked for.
        connection.setRequestProperty("Accept-Encoding", "identity")
        try {
            val status = connection.responseCode
            if (status == 403 || status == 404) return false
            if (status != 200 && status != 206) throw IOException("$path: the server answers $status; try again later")
            connection.inputStream.use { stream ->
                val piece = ByteArray(1 shl 16)
                var skip = if (status == 206) 0 else from
                while (true) {
                    val read = stream.read(piece)
                    if (read < 0) break
                    val useless = minOf(skip, read.toLong()).toInt()
                    skip -= useless
                    if (useless == read) continue
                    val useful = if (useless == 0) piece else piece.copyOfRange(useless, read)
                    if (!receive(useful, read - useless)) break
                }
            }
            return true
        } finally {
            connection.disconnect()
        }
    }
}
