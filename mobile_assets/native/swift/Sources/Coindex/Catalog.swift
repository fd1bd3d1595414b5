import CCoindex
import CoreGraphics
import Foundation

/// A catalogue that a sync left in a folder, open for recognition. Any number of tasks may ask at once.
public final class Catalog: @unchecked Sendable {
    private let handle: coindex_catalog

    /// Opens the catalogue of a folder; each of its files is verified.
    public init(folder: URL) throws {
        var opened: coindex_catalog = 0
        try check(coindex_open(folder.path, &opened))
        handle = opened
    }

    deinit { _ = coindex_close(handle) }

    /// The release that this is.
    public var description: Description {
        get throws {
            var out = coindex_description()
            try check(coindex_describe(handle, &out))
            return Description(
                version: out.version, rows: out.rows, classes: out.classes, stateHash: String(cString: out.state_hash),
                spaceId: String(cString: out.space_id))
        }
    }

    /// Every coin in the photo, largest first, off the caller's actor. A task that is cancelled ends it before the next run
    /// of a net.
    public func recognize(
        _ photo: Photo, nets: Nets, candidates: Int32 = 5, filter: Filter = Filter()
    ) async throws -> [Coin] {
        var coins: [Coin] = []
        for try await event in recognizeEach(photo, nets: nets, candidates: candidates, filter: filter) {
            if case .coin(let coin) = event { coins.append(coin) }
        }
        try Task.checkCancellation()
        return coins
    }

    /// The same coin by coin: first where all coins are, then each as it is named. Who stops listening pays for no more.
    public func recognizeEach(
        _ photo: Photo, nets: Nets, candidates: Int32 = 5, filter: Filter = Filter()
    ) -> AsyncThrowingStream<RecognitionEvent, Error> {
        AsyncThrowingStream { stream in
            let cancellation = Cancellation()
            stream.onTermination = { _ in cancellation.cancel() }
            Task.detached(priority: .userInitiated) {
                do {
                    try self.answer(photo, nets, candidates, filter, cancellation) { stream.yield($0) }
                    stream.finish()
                } catch {
                    stream.finish(throwing: error)
                }
            }
        }
    }

    /// Blocks until all coins are named; each event is told as it comes about.
    private func answer(
        _ photo: Photo, _ nets: Nets, _ candidates: Int32, _ filter: Filter, _ cancellation: Cancellation,
        tell: (RecognitionEvent) -> Void
    ) throws {
        var answer: coindex_answer = 0
        let detail = Detail(photo)
        var own = nets.described(cancellation)
        try withExtendedLifetime((detail, nets, cancellation)) {
            try withTexts([filter.country, filter.currency, filter.side]) { texts in
                var question = coindex_question(
                    candidates: candidates, country: texts[0], currency: texts[1], side: texts[2])
                try photo.rgb.withUnsafeBufferPointer { rgb in
                    var given = detail.described(rgb.baseAddress)
                    try check(coindex_outline(handle, &own, &given, &question, &answer))
                }
            }
            defer { _ = coindex_close_answer(answer) }
            var summary = coindex_summary()
            try check(coindex_answer_summary(answer, &summary))
            tell(.outlines(try (0..<summary.coins).map { Outline(try described(answer, $0)) }))
            var place: Int32 = -1
            try check(coindex_name_next(answer, &own, &place))
            while place >= 0 {
                tell(.coin(try coin(answer, place)))
                try check(coindex_name_next(answer, &own, &place))
            }
        }
    }

    private func described(_ answer: coindex_answer, _ place: Int32) throws -> coindex_coin {
        var out = coindex_coin()
        try check(coindex_answer_coin(answer, place, &out))
        return out
    }

    private func coin(_ answer: coindex_answer, _ place: Int32) throws -> Coin {
        let out = try described(answer, place)
        return Coin(
            outline: Outline(out), known: out.known != 0, confidence: out.confidence,
            candidates: try (0..<out.candidates).map { try candidate(answer, place, $0) },
            code: Array(UnsafeBufferPointer(start: out.code, count: 64)),
            cutout: Array(UnsafeBufferPointer(start: out.cutout, count: 256 * 256)),
            series: out.design.map {
                Series(
                    design: String(cString: $0),
                    classIds: Array(UnsafeBufferPointer(start: out.series, count: Int(out.series_size))))
            },
            codesAlone: out.codes_alone.map { String(cString: $0) })
    }

    private func candidate(_ answer: coindex_answer, _ coin: Int32, _ place: Int32) throws -> Candidate {
        var out = coindex_candidate()
        try check(coindex_answer_candidate(answer, coin, place, &out))
        var sight: Sight?
        if out.relief >= 0 {
            var agreement = [Int8](repeating: 0, count: 8 * 32)
            try check(coindex_answer_agreement(answer, coin, place, &agreement))
            sight = Sight(relief: out.relief, rowId: out.relief_row, angle: out.angle, agreement: agreement)
        }
        return Candidate(
            classId: out.class_id, rowId: out.row_id, distance: out.distance, similarity: out.similarity,
            name: String(cString: out.name), side: String(cString: out.side), country: String(cString: out.country),
            currency: String(cString: out.currency), denomination: String(cString: out.denomination),
            variant: String(cString: out.variant), facts: out.facts.map { String(cString: $0) }, sight: sight)
    }

    /// The relief net's file that came with the catalogue; nil where its models have none.
    func reliefModel() throws -> coindex_model? {
        var out = coindex_model()
        try check(coindex_model_file(handle, COINDEX_RELIEF, &out))
        return out.path == nil ? nil : out
    }
}

extension Outline {
    init(_ coin: coindex_coin) {
        self.init(
            box: CGRect(x: Int(coin.x), y: Int(coin.y), width: Int(coin.width), height: Int(coin.height)),
            mask: Array(UnsafeBufferPointer(start: coin.mask, count: 256 * 256)))
    }
}

/// Whether an answer is still wanted.
final class Cancellation: @unchecked Sendable {
    private let lock = NSLock()
    private var cancelled = false

    func cancel() {
        lock.lock()
        cancelled = true
        lock.unlock()
    }

    var isCancelled: Bool {
        lock.lock()
        defer { lock.unlock() }
        return cancelled
    }
}

/// Calls `work` with C strings, null for nil.
private func withTexts(_ texts: [String?], _ work: ([UnsafePointer<CChar>?]) throws -> Void) throws {
    let copies = texts.map { $0.map { strdup($0) } ?? nil }
    defer { copies.forEach { free($0) } }
    try work(copies.map { $0.map { UnsafePointer($0) } })
}

/// A photo as the C interface takes it, and its larger decoding once that was asked for.
private final class Detail {
    private let photo: Photo
    private var larger: Photo?
    private var pixels: UnsafeMutablePointer<UInt8>?

    init(_ photo: Photo) { self.photo = photo }

    deinit { pixels?.deallocate() }

    func described(_ rgb: UnsafePointer<UInt8>?) -> coindex_photo {
        var out = Self.plain(photo, rgb)
        guard photo.inDetail != nil else { return out }
        out.state = Unmanaged.passUnretained(self).toOpaque()
        out.in_detail = { state, out in
            let own = Unmanaged<Detail>.fromOpaque(state!).takeUnretainedValue()
            guard let larger = own.photo.inDetail?(), let out else { return 1 }
            own.pixels = UnsafeMutablePointer<UInt8>.allocate(capacity: larger.rgb.count)
            own.pixels!.initialize(from: larger.rgb, count: larger.rgb.count)
            own.larger = larger
            out.pointee = Detail.plain(larger, UnsafePointer(own.pixels))
            return 0
        }
        return out
    }

    private static func plain(_ photo: Photo, _ rgb: UnsafePointer<UInt8>?) -> coindex_photo {
        coindex_photo(
            rgb: rgb, width: Int32(photo.width), height: Int32(photo.height), stride: Int64(3 * photo.width),
            full_width: Int32(photo.fullWidth), full_height: Int32(photo.fullHeight), state: nil, in_detail: nil)
    }
}
