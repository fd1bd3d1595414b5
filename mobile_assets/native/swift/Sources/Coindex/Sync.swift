import CCoindex
import Foundation

/// Brings a folder's catalogue to the release of a server. Whatever goes wrong, the catalogue is the old one or the new
/// one. `root` is the server's 1.root.json, which the first sync pins: ship it with the app.
public func sync(folder: URL, server: URL, root: Data? = nil, maxBytes: Int64 = -1) async throws -> SyncReport {
    try await Task.detached(priority: .utility) {
        try synced(folder: folder, server: server, root: root, maxBytes: maxBytes)
    }.value
}

private func synced(folder: URL, server: URL, root: Data?, maxBytes: Int64) throws -> SyncReport {
    let fetcher = Fetcher(server)
    var get = coindex_fetcher()
    get.state = Unmanaged.passUnretained(fetcher).toOpaque()
    get.get = { state, path, from, receive, sink in
        Unmanaged<Fetcher>.fromOpaque(state!).takeUnretainedValue()
            .get(String(cString: path!), from: from) { data, count in receive!(sink, data, count) == 0 }
    }
    var report = coindex_sync_report()
    try withExtendedLifetime(fetcher) {
        try (root ?? Data()).withUnsafeBytes { bytes in
            var options = coindex_sync_options()
            options.root = root == nil ? nil : bytes.bindMemory(to: UInt8.self).baseAddress
            options.root_size = root?.count ?? 0
            options.max_bytes = maxBytes
            try check(coindex_sync(folder.path, &get, &options, &report))
        }
    }
    let fingerprint = withUnsafeBytes(of: report.root_fingerprint) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    return SyncReport(
        fromVersion: report.from_version > 0 ? report.from_version : nil, toVersion: report.to_version,
        bytesDownloaded: report.bytes_downloaded, upToDate: report.up_to_date != 0,
        route: SyncReport.Route(rawValue: report.route) ?? .full, rootFingerprint: fingerprint)
}

/// The status of an answer whose file is here; 0 before. Read after the semaphore that its writer signals.
private final class HttpAnswer: @unchecked Sendable {
    var status = 0
}

/// Fetches one file after the other; the thread of the sync waits.
private final class Fetcher: @unchecked Sendable {
    private let server: URL
    private let session = URLSession(configuration: .ephemeral)

    init(_ server: URL) { self.server = server }

    func get(_ path: String, from: Int64, receive: (UnsafePointer<UInt8>, Int) -> Bool) -> Int32 {
        var request = URLRequest(url: server.appendingPathComponent(path))
        if from > 0 { request.setValue("bytes=\(from)-", forHTTPHeaderField: "Range") }
        let done = DispatchSemaphore(value: 0)
        // Large files go to the disk first, not into memory.
        let answer = HttpAnswer()
        let kept = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        session.downloadTask(with: request) { url, response, _ in
            let status = (response as? HTTPURLResponse)?.statusCode ?? 0
            if let url, (try? FileManager.default.moveItem(at: url, to: kept)) != nil { answer.status = status }
            done.signal()
        }.resume()
        done.wait()
        defer { try? FileManager.default.removeItem(at: kept) }
        let status = answer.status
        if status == 403 || status == 404 { return Int32(COINDEX_NOT_SERVED.rawValue) }
        guard status == 200 || status == 206, let file = try? FileHandle(forReadingFrom: kept)
        else { return Int32(COINDEX_SYNC.rawValue) }
        if status == 200 { try? file.seek(toOffset: UInt64(from)) }
        while let piece = try? file.read(upToCount: 1 << 16), !piece.isEmpty {
            let goesOn = piece.withUnsafeBytes { receive($0.bindMemory(to: UInt8.self).baseAddress!, piece.count) }
            if !goesOn { break }
        }
        return 0
    }
}
