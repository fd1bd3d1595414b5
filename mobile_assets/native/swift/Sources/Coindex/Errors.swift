import CCoindex

/// What the library refused: `status` is one of `coindex_status`, `sentence` says what was wrong and what to do.
public struct CoindexError: Error, CustomStringConvertible {
    public let status: Int32
    public let sentence: String
    public var description: String { sentence }
}

/// Throws this thread's error unless a function of the C interface succeeded.
func check(_ status: Int32) throws {
    if status != 0 {
        throw CoindexError(status: status, sentence: String(cString: coindex_error_text()))
    }
}
