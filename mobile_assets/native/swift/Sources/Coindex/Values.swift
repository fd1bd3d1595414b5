import CoreGraphics

/// What a catalogue is: its release, how much is in it, and the hash that two devices compare.
public struct Description: Sendable {
    public let version, rows, classes: Int64
    public let stateHash, spaceId: String
}

/// A class of the catalogue by its best row: `distance` is the squared one of the codes, `similarity` their cosine.
/// `facts` is a JSON object of what else the catalogue tells of the coin, nil where that is nothing.
public struct Candidate: Sendable {
    public let classId, rowId: UInt32
    public let distance: Int32
    public let similarity: Double
    public let name, side, country, currency, denomination, variant: String
    public let facts: String?
    public let sight: Sight?
}

/// What the second look saw of a candidate: its most alike reference, how alike from 0 to 10,000, and by how many degrees,
/// clockwise, the photo's coin lies further than that one. `agreement` has 8 × 32 numbers from -100 to 100, where the two
/// agree: by ring from the inside out and by 32nds of a turn clockwise from the reference's right.
public struct Sight: Sendable {
    public let relief: Int32
    public let rowId: UInt32
    public let angle: Double
    public let agreement: [Int8]
}

/// Coins that carry one design and are not told apart: the first candidates' class ids.
public struct Series: Sendable {
    public let design: String
    public let classIds: [UInt32]
}

/// Where a coin of a photo is, before it is named. `box` is in pixels of the upright photo; `mask` is 256 × 256.
public struct Outline: Sendable {
    public let box: CGRect
    public let mask: [UInt8]
}

/// What comes of a photo: where all its coins are, then each of them as it is named.
public enum RecognitionEvent: Sendable {
    case outlines([Outline])
    case coin(Coin)
}

/// One coin of a photo. `code` has 64 numbers; `cutout` is 256 × 256. `codesAlone` says why there was no second look, nil
/// where there was.
public struct Coin: Sendable {
    public let outline: Outline
    public let known: Bool
    public let confidence: Double
    public let candidates: [Candidate]
    public let code: [Int8]
    public let cutout: [UInt8]
    public let series: Series?
    public let codesAlone: String?
}

/// What a search is narrowed to; nil narrows nothing.
public struct Filter: Sendable {
    public var country, currency, side: String?

    public init(country: String? = nil, currency: String? = nil, side: String? = nil) {
        (self.country, self.currency, self.side) = (country, currency, side)
    }
}

/// What a sync did; `fromVersion` is nil on a device that had no catalogue.
public struct SyncReport: Sendable {
    public enum Route: Int32, Sendable { case kept, delta, full }

    public let fromVersion: Int64?
    public let toVersion, bytesDownloaded: Int64
    public let upToDate: Bool
    public let route: Route
    public let rootFingerprint: String
}
