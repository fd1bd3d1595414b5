import CCoindex
import Foundation

/// The segmenter, the embedder and perhaps the relief net. They lock themselves, and end with their last reference.
public final class Nets: @unchecked Sendable {
    private var nets = coindex_nets()

    /// Compiled Core ML models (.mlmodelc) that Xcode made of segmenter.int8.mlpackage and embedder.int8.mlpackage.
    /// `spaceId` is that of models.json beside the packages: a catalogue of another space refuses them by name.
    ///
    /// Core ML does not give the relief net's numbers. With `liteRt`, the path of LiteRT's C library in the app, the
    /// catalogue's own relief net is run by that; without it codes alone answer.
    public init(segmenter: URL, embedder: URL, spaceId: String, liteRt: (library: String, catalog: Catalog)? = nil) throws {
        // What is open already is closed by `deinit`, which runs whatever is thrown from here on.
        try check(coindex_coreml_open(segmenter.path, 2 * 256 * 256, &nets.segmenter))
        try check(coindex_coreml_open(embedder.path, 64, &nets.embedder))
        nets.space_id = UnsafePointer(strdup(spaceId))
        if let liteRt, var model = try liteRt.catalog.reliefModel() {
            try check(coindex_litert_open(liteRt.library, &model, 8 * 64 * 8, &nets.relief))
        }
    }

    deinit {
        coindex_coreml_close(&nets.segmenter)
        coindex_coreml_close(&nets.embedder)
        coindex_litert_close(&nets.relief)
        free(UnsafeMutablePointer(mutating: nets.space_id))
    }

    /// For one call, which a cancellation ends. Both must live as long as what is given here is used.
    func described(_ cancellation: Cancellation) -> coindex_nets {
        var out = nets
        out.state = Unmanaged.passUnretained(cancellation).toOpaque()
        out.cancelled = { state in
            Unmanaged<Cancellation>.fromOpaque(state!).takeUnretainedValue().isCancelled ? 1 : 0
        }
        return out
    }
}
