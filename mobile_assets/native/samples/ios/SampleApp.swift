import Coindex
import PhotosUI
import SwiftUI
import UIKit

private let server = URL(string: "https://coins.example")!
private let spaceId = "c5dcf152318b82d5"  // of mobile_assets/models/models.json

@main
struct SampleApp: App {
    var body: some Scene {
        WindowGroup { ContentView() }
    }
}

/// The catalogue and the nets, once they are here.
@MainActor
final class Recogniser: ObservableObject {
    @Published var words = "Fetching the catalogue…"
    @Published var isReady = false
    private var catalog: Catalog?
    private var nets: Nets?

    func open() async {
        do {
            let home = URL.applicationSupportDirectory.appending(path: "coindex")
            let root = try Data(contentsOf: Bundle.main.url(forResource: "1.root", withExtension: "json")!)
            if !FileManager.default.fileExists(atPath: home.appending(path: "current.json").path) {
                _ = try await sync(folder: home, server: server, root: root)
            }
            catalog = try Catalog(folder: home)
            let compiled = { Bundle.main.url(forResource: $0, withExtension: "mlmodelc")! }
            nets = try Nets(
                segmenter: compiled("segmenter.int8"), embedder: compiled("embedder.int8"), spaceId: spaceId)
            (words, isReady) = ("Take a photo of a coin.", true)
            _ = try? await sync(folder: home, server: server, root: root)  // for the next start
        } catch {
            words = "\(error)"
        }
    }

    func ask(_ data: Data) async {
        guard let catalog, let nets else { return }
        guard let photo = Photo(file: data) else {
            words = "The photo is damaged; take it again."
            return
        }
        do {
            let coins = try await catalog.recognize(photo, nets: nets)
            let lines = coins.map { coin -> String in
                let first = coin.candidates[0]
                return coin.known
                    ? "\(first.name), \(first.side): \(Int(100 * coin.confidence)) %" : "not in the catalogue"
            }
            words = lines.isEmpty ? "no coin found" : lines.joined(separator: "\n")
        } catch {
            words = "\(error)"
        }
    }
}

struct ContentView: View {
    @StateObject private var recogniser = Recogniser()
    @State private var item: PhotosPickerItem?
    @State private var isShooting = false

    var body: some View {
        VStack(spacing: 24) {
            Text(recogniser.words).font(.title3).multilineTextAlignment(.center)
            Button("Take a photo") { isShooting = true }
            PhotosPicker("Choose a photo", selection: $item, matching: .images)
        }
        .disabled(!recogniser.isReady)
        .padding()
        .task { await recogniser.open() }
        .onChange(of: item) { chosen in
            Task {
                if let data = try? await chosen?.loadTransferable(type: Data.self) { await recogniser.ask(data) }
            }
        }
        .fullScreenCover(isPresented: $isShooting) {
            Camera { data in
                isShooting = false
                if let data { Task { await recogniser.ask(data) } }
            }
        }
    }
}

/// The system's camera; it gives the photo as JPEG.
struct Camera: UIViewControllerRepresentable {
    let taken: (Data?) -> Void

    func makeUIViewController(context: Context) -> UIImagePickerController {
        let camera = UIImagePickerController()
        camera.sourceType = .camera
        camera.delegate = context.coordinator
        return camera
    }

    func updateUIViewController(_: UIImagePickerController, context: Context) {}

    func makeCoordinator() -> Coordinator { Coordinator(taken) }

    final class Coordinator: NSObject, UIImagePickerControllerDelegate, UINavigationControllerDelegate {
        let taken: (Data?) -> Void

        init(_ taken: @escaping (Data?) -> Void) { self.taken = taken }

        func imagePickerController(
            _: UIImagePickerController, didFinishPickingMediaWithInfo info: [UIImagePickerController.InfoKey: Any]
        ) {
            taken((info[.originalImage] as? UIImage)?.jpegData(compressionQuality: 0.95))
        }

        func imagePickerControllerDidCancel(_: UIImagePickerController) { taken(nil) }
    }
}
