package org.coindex.sample

import android.Manifest
import android.os.Bundle
import android.widget.Button
import android.widget.FrameLayout
import android.widget.LinearLayout
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageCapture
import androidx.camera.core.ImageCaptureException
import androidx.camera.core.Preview
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.camera.view.PreviewView
import androidx.core.content.ContextCompat
import androidx.lifecycle.lifecycleScope
import java.io.ByteArrayOutputStream
import java.io.File
import kotlinx.coroutines.launch
import org.coindex.Answer
import org.coindex.Coindex
import org.coindex.HttpFetcher
import org.coindex.Nets
import org.coindex.photoOfJpeg
import org.coindex.recognizeAsync
import org.coindex.syncAsync

/** One screen: the camera, a button, and what the coins are. */
class MainActivity : ComponentActivity() {
    private val capture = ImageCapture.Builder().setCaptureMode(ImageCapture.CAPTURE_MODE_MINIMIZE_LATENCY).build()
    private val home by lazy { File(filesDir, "coindex") }
    private lateinit var preview: PreviewView
    private lateinit var words: TextView
    private var catalog: Coindex? = null
    private var nets: Nets? = null

    private val camera = registerForActivityResult(ActivityResultContracts.RequestPermission()) { isGranted ->
        if (isGranted) show() else words.text = getString(android.R.string.dialog_alert_title) + ": no camera allowed"
    }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        preview = PreviewView(this)
        words = TextView(this).apply { textSize = 18f; setPadding(32, 32, 32, 32) }
        val button = Button(this).apply { text = "What is this?"; setOnClickListener { ask() } }
        val below = LinearLayout(this).apply {
            orientation = LinearLayout.VERTICAL
            addView(words)
            addView(button)
        }
        setContentView(FrameLayout(this).apply {
            addView(preview)
            addView(below, FrameLayout.LayoutParams(-1, -2, android.view.Gravity.BOTTOM))
        })
        camera.launch(Manifest.permission.CAMERA)
        lifecycleScope.launch { open() }
    }

    override fun onDestroy() {
        nets?.close()
        catalog?.close()
        super.onDestroy()
    }

    /** The catalogue that is here, or else the server's; then whatever is newer, for the next start. */
    private suspend fun open() {
        val root = assets.open("1.root.json").use { it.readBytes() }
        val fetcher = HttpFetcher(BuildConfig.SERVER)
        try {
            if (!File(home, "current.json").exists()) {
                words.text = "Fetching the catalogue…"
                Coindex.syncAsync(home, fetcher, root)
            }
            catalog = Coindex.open(home).also { nets = it.liteRtNets() }
            words.text = "Hold a coin before the camera."
            runCatching { Coindex.syncAsync(home, fetcher, root) }  // without a network there is nothing newer
        } catch (error: Exception) {
            words.text = error.message
        }
    }

    private fun show() {
        val future = ProcessCameraProvider.getInstance(this)
        future.addListener({
            val seen = Preview.Builder().build().apply { surfaceProvider = preview.surfaceProvider }
            future.get().bindToLifecycle(this, CameraSelector.DEFAULT_BACK_CAMERA, seen, capture)
        }, ContextCompat.getMainExecutor(this))
    }

    private fun ask() {
        val (catalog, nets) = Pair(catalog ?: return, nets ?: return)
        val jpeg = ByteArrayOutputStream()
        val options = ImageCapture.OutputFileOptions.Builder(jpeg).build()
        capture.takePicture(options, ContextCompat.getMainExecutor(this), object : ImageCapture.OnImageSavedCallback {
            override fun onImageSaved(results: ImageCapture.OutputFileResults) {
                lifecycleScope.launch {
                    words.text = try {
                        told(catalog.recognizeAsync(photoOfJpeg(jpeg.toByteArray()), nets))
                    } catch (error: Exception) {
                        error.message
                    }
                }
            }

            override fun onError(error: ImageCaptureException) {
                words.text = error.message
            }
        })
    }

    private fun told(answer: Answer): String = answer.coins.joinToString("\n") { coin ->
        val first = coin.candidates.first()
        if (coin.known) "${first.name}, ${first.side}: ${(100 * coin.confidence).toInt()} %" else "not in the catalogue"
    }.ifEmpty { "no coin found" }
}
