// Answers the golden photos through the Kotlin package, with nets that replay the golden outputs for the golden inputs:
// an input that is no golden one fails. Prints what each coin is, a line a fact; tests/native/test_kotlin.py compares.
//
//   Golden FOLDER        with home/, replay/<sha256 of a net input>, served/, photos.txt: of each name, width, height, those
//                        of the file, and those of the larger decoding, 0 where there is none

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.MessageDigest
import org.coindex.Coindex
import org.coindex.CoindexException
import org.coindex.Fetcher
import org.coindex.Net
import org.coindex.Nets
import org.coindex.Photo
import org.coindex.Status

fun sha256(bytes: ByteArray): String =
    MessageDigest.getInstance("SHA-256").digest(bytes).joinToString("") { "%02x".format(it) }

fun replaying(folder: File) = Net { rgb ->
    val numbers = ByteBuffer.wrap(File(folder, sha256(rgb)).readBytes()).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
    FloatArray(numbers.remaining()).also(numbers::get)
}

fun statusOf(work: () -> Unit): Status? = try {
    work()
    null
} catch (error: CoindexException) {
    println("refused ${error.status} ${error.message}")
    error.status
}

fun main(arguments: Array<String>) {
    val folder = File(arguments[0])
    val replay = replaying(File(folder, "replay"))
    val nets = Nets.Own(replay, replay, replay)
    val withoutRelief = Nets.Own(replay, replay)
    val photos = mutableMapOf<String, Photo>()
    val catalog = Coindex.open(File(folder, "home"))
    println("catalog ${catalog.description}")
    for (line in File(folder, "photos.txt").readLines()) {
        val name = line.substringBefore(" ")
        val numbers = line.split(" ").drop(1).map { it.toInt() }
        val (width, height, fullWidth, fullHeight, largerWidth) = numbers
        val larger = {
            Photo(File(folder, "$name.detail.rgb").readBytes(), largerWidth, numbers[5], fullWidth, fullHeight)
        }
        val rgb = File(folder, "$name.rgb").readBytes()
        val photo = Photo(rgb, width, height, fullWidth, fullHeight, if (largerWidth > 0) larger else null)
        photos[name] = photo
        val answer = catalog.recognize(photo, withoutRelief, candidates = 100)
        println("$name coins ${answer.coins.size}")
        for ((place, coin) in answer.coins.withIndex()) {
            val step = "$name coin.$place"
            println("$step.box_in_photo [${coin.box.x},${coin.box.y},${coin.box.width},${coin.box.height}]")
            println("$step.mask ${sha256(coin.mask)}")
            println("$step.cutout ${sha256(coin.cutout)}")
            println("$step.code " + coin.code.joinToString(",", "[", "]"))
            println("$step.hits " + coin.candidates.joinToString(",", "[", "]") { "[${it.rowId},${it.classId},${it.distance}]" })
            println("$step.known ${coin.known}")
            println("$step.confidence ${coin.confidence}")
            println("$step.name ${coin.candidates[0].name}")
            println("$step.facts " + coin.candidates.joinToString(",", "[", "]") { "[${it.classId},${it.facts}]" })
            check(coin.codesAlone == "the models have no relief net" && coin.candidates.all { it.sight == null })
        }
        // The same by code and relief together, coin by coin.
        catalog.recognition(photo, nets, candidates = 100).use { each ->
            check(each.outlines.map { it.box } == answer.coins.map { it.box })
            for (place in answer.coins.indices) {
                val coin = each.next()!!
                val ranking = coin.candidates.mapNotNull { candidate ->
                    val sight = candidate.sight ?: return@mapNotNull null
                    check(sight.agreement.size == 256)
                    "[${candidate.classId},${sight.rowId},${sight.relief},${Math.round(sight.angle * 64 / 360)}]"
                }
                println("$name coin.$place.ranking " + ranking.joinToString(",", "[", "]"))
                println("$name coin.$place.known_again ${coin.known}")
                println("$name coin.$place.confidence_again ${coin.confidence}")
                check(coin.codesAlone == null)
            }
            check(each.next() == null)
        }
    }
    val together = catalog.recognizeTogether(listOf(photos.getValue("one-coin.png"), photos.getValue("no-coin.png")), nets)
    val first = together.candidates[0].sides
    val alone = catalog.recognize(photos.getValue("one-coin.png"), nets).coins[0]
    check(first.size == 2 && first[1] == null && first[0]!!.classId == alone.candidates[0].classId)
    check(together.codesAlone == null && together.known == alone.known && together.timings.relief > 0)
    // Whoever asks no more pays for no more, and a cancelled answer ends.
    var runs = 0
    val counting = Nets.Own({ runs++; replay.run(it) }, { runs++; replay.run(it) }, replay)
    catalog.recognition(photos.getValue("touching-coins.png"), counting).use { each ->
        val before = runs
        each.next()
        check(runs == before + 4 && each.outlines.size > 1)
    }
    val photo = photos.getValue("one-coin.png")
    check(statusOf { catalog.recognize(photo, nets, cancelled = { true }) } == Status.CANCELLED)
    val stopped = runCatching { catalog.recognize(photo, nets, cancelled = { throw InterruptedException("enough") }) }
    check(stopped.exceptionOrNull()?.message == "enough") { stopped.toString() }
    val blank = Photo(ByteArray(64 * 64 * 3), 64, 64)
    check(statusOf { catalog.recognize(Photo(ByteArray(10), 64, 64), nets) } == Status.BAD_ARGUMENT)
    check(statusOf { catalog.recognize(blank, Nets.Own(replay, replay, spaceId = "0123456789abcdef")) } == Status.SPACE_MISMATCH)
    // What a net throws, the caller gets.
    val broken = runCatching { catalog.recognize(blank, Nets.Own({ throw IllegalStateException("no net") }, replay)) }
    check(broken.exceptionOrNull()?.message == "no net") { broken.toString() }
    catalog.close()
    check(statusOf { catalog.recognize(blank, nets) } == Status.CLOSED)
    check(statusOf { catalog.close() } == Status.CLOSED)
    // A sync from a folder of files, in pieces.
    val served = File(folder, "served")
    val fetcher = Fetcher { path, from, receive ->
        val file = File(served, path)
        if (file.exists()) {
            val bytes = file.readBytes().drop(from.toInt()).toByteArray()
            bytes.toList().chunked(1000).all { receive(it.toByteArray(), it.size) }
        }
        file.exists()
    }
    val home = File(folder, "synced")
    println("synced ${Coindex.sync(home, fetcher, now = 1780272000)}")
    println("again ${Coindex.sync(home, fetcher, now = 1780272000)}")
    Coindex.open(home).use { println("opened ${it.description.stateHash}") }
    check(statusOf { Coindex.sync(File(folder, "other"), Fetcher { _, _, _ -> false }) } == Status.NOT_SERVED)
    println("done")
}
